//! The command line of the driver.

use std::{num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, Result, bail};

use crate::peers::Kind;

/// What a comparison was asked to do; a comparison uses what applies to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which comparison.
    pub name: String,
    /// How often each program is measured, 1 to 1,000; every comparison has its own default.
    pub rounds: Option<NonZeroU32>,
    /// How long one measurement takes, 1 to 600 s; every comparison has its own default.
    pub time: Option<Duration>,
    /// The programs to run; all that are found when nothing was said.
    pub only: Option<Vec<Kind>>,
    /// Where the report goes.
    pub out: PathBuf,
    /// Small sizes, to try that everything works; the report says so.
    pub quick: bool,
}

impl Options {
    /// Reads the arguments after the program's name; `None` when help was asked for.
    ///
    /// # Errors
    /// When an option is unknown, lacks its value or is out of bounds.
    pub fn parse(args: &[String]) -> Result<Option<Self>> {
        let mut args = args.iter().map(String::as_str);
        let Some(name) = args.next() else {
            bail!("the name of a comparison is needed; `bench help` lists them");
        };
        if matches!(name, "help" | "--help" | "-h") {
            return Ok(None);
        }
        let mut options = Self {
            name: name.to_owned(),
            rounds: None,
            time: None,
            only: None,
            out: PathBuf::from("bench/results"),
            quick: false,
        };
        while let Some(option) = args.next() {
            let mut value = || {
                args.next()
                    .with_context(|| format!("{option} needs a value"))
            };
            match option {
                "--rounds" => options.rounds = Some(bounded(value()?, 1000)?),
                "--seconds" => {
                    let seconds = bounded(value()?, 600)?;
                    options.time = Some(Duration::from_secs(u64::from(seconds.get())));
                }
                "--only" => options.only = Some(kinds(value()?)?),
                "--out" => options.out = PathBuf::from(value()?),
                "--quick" => options.quick = true,
                unknown => bail!("no option is called {unknown}; `bench help` lists them"),
            }
        }
        Ok(Some(options))
    }

    /// Rounds asked for, or `default`.
    #[must_use]
    pub fn rounds_or(&self, default: u32) -> u32 {
        self.rounds.map_or(default, NonZeroU32::get)
    }

    /// Time of one measurement asked for, or `default` seconds.
    #[must_use]
    pub fn time_or(&self, default: u64) -> Duration {
        self.time.unwrap_or(Duration::from_secs(default))
    }

    /// Whether this program takes part.
    #[must_use]
    pub fn wants(&self, kind: Kind) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&kind))
    }
}

fn bounded(value: &str, max: u32) -> Result<NonZeroU32> {
    NonZeroU32::from_str(value)
        .ok()
        .filter(|number| number.get() <= max)
        .with_context(|| format!("expected 1 to {max}, found {value}"))
}

fn kinds(value: &str) -> Result<Vec<Kind>> {
    value.split(',').map(Kind::from_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args)
    }

    #[test]
    fn reads_what_is_said_and_keeps_defaults() {
        let options = parse("proxies --rounds 7 --seconds 2 --only floor,nginx --quick")
            .unwrap()
            .unwrap();
        assert_eq!(options.rounds_or(5), 7);
        assert_eq!(options.time_or(4), Duration::from_secs(2));
        assert!(options.wants(Kind::Floor) && !options.wants(Kind::Envoy));
        assert!(options.quick);
        let options = parse("latency").unwrap().unwrap();
        assert_eq!(options.rounds_or(5), 5);
        assert!(options.wants(Kind::Envoy));
        assert_eq!(parse("help").unwrap(), None);
    }

    #[test]
    fn refuses_what_it_cannot_do() {
        for line in [
            "",
            "proxies --rounds",
            "proxies --rounds 0",
            "proxies --seconds 601",
            "proxies --only apache",
            "proxies --fast",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
