//! `OTEL_TRACES_SAMPLER` and its argument.

use super::reader::{Choice, Reader};
use super::{Effect, Warning};

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// Decides for every span, whatever came with the request.
    Root(RootSampler),
    /// `parentbased_*`: a decision that came with the request stands, this is for requests without one.
    ParentBased(RootSampler),
}

/// Which of the traces that begin here are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RootSampler {
    /// `always_on`: all.
    AlwaysOn,
    /// `always_off`: none.
    AlwaysOff,
    /// `traceidratio`: this share, 0 to 1 (default 1).
    TraceIdRatio(f64),
}

/// Ratios have their default until the argument is read.
const SAMPLERS: Choice<Sampler> = Choice {
    words: &[
        ("always_on", Sampler::Root(RootSampler::AlwaysOn)),
        ("always_off", Sampler::Root(RootSampler::AlwaysOff)),
        (
            "traceidratio",
            Sampler::Root(RootSampler::TraceIdRatio(1.0)),
        ),
        (
            "parentbased_always_on",
            Sampler::ParentBased(RootSampler::AlwaysOn),
        ),
        (
            "parentbased_always_off",
            Sampler::ParentBased(RootSampler::AlwaysOff),
        ),
        (
            "parentbased_traceidratio",
            Sampler::ParentBased(RootSampler::TraceIdRatio(1.0)),
        ),
    ],
    unsupported: &["jaeger_remote", "parentbased_jaeger_remote", "xray"],
};

impl Sampler {
    /// The argument counts only for a sampler that is set. One whose sampler is refused is not told about again.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        match reader.text(SAMPLER) {
            None => {
                let expected = format!("{SAMPLER} to be set beside it");
                refuse_argument(reader, expected);
                Self::default()
            }
            Some(_) => match reader.choice(SAMPLER, &SAMPLERS) {
                None => Self::default(),
                Some(Self::Root(root)) => Self::Root(root.with_argument(reader)),
                Some(Self::ParentBased(root)) => Self::ParentBased(root.with_argument(reader)),
            },
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::ParentBased(RootSampler::AlwaysOn)
    }
}

impl RootSampler {
    fn with_argument(self, reader: &mut Reader<'_>) -> Self {
        match self {
            Self::AlwaysOn | Self::AlwaysOff => {
                refuse_argument(
                    reader,
                    "no argument for a sampler that takes none".to_owned(),
                );
                self
            }
            Self::TraceIdRatio(default) => {
                let given = reader.parsed(ARGUMENT, || "a number from 0 to 1".to_owned(), ratio);
                Self::TraceIdRatio(given.unwrap_or(default))
            }
        }
    }
}

fn refuse_argument(reader: &mut Reader<'_>, expected: String) {
    if let Some(argument) = reader.text(ARGUMENT) {
        reader.warn(Warning::new(ARGUMENT, expected, &argument, Effect::Ignored));
    }
}

/// `-0` is 0.
fn ratio(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (0.0..=1.0).contains(&number).then_some(number.abs())
}
