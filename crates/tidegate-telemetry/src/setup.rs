//! From the `OTEL_*` variables to a running pipeline.

use std::env;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use telemetry::environment::{Environment, Exporter};
use telemetry::plan::TelemetryPlan;
use telemetry::settings::Settings;
use tracing_subscriber::util::TryInitError;

use crate::exporters::Exporters;
use crate::guard::Telemetry;
use crate::levels::Levels;
use crate::pipeline::Pipeline;
use crate::runtime::OwnRuntime;

const FLUSH_WITHIN: Duration = Duration::from_secs(5);
const SERVICE_NAME: &str = "service.name";
const SERVICE_VERSION: &str = "service.version";

/// Why telemetry cannot be set up. Values of variables that cannot be used are no errors but warnings, as the
/// specification wants it, and a receiver that is not there is neither.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A header, an endpoint or a certificate cannot be used.
    #[error("expected to be able to send {signal}, could not")]
    #[non_exhaustive]
    Export {
        /// `traces`, `metrics` or `logs`.
        signal: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system refuses a thread.
    #[error("expected a thread for telemetry, found none")]
    Thread(#[source] io::Error),
    /// Something in this process has installed a `tracing` subscriber before: use [`Setup::start`] and
    /// [`Telemetry::tracing_layer`].
    #[error("expected to install the first tracing subscriber, found another")]
    Subscriber(#[source] TryInitError),
}

/// Gives a variable's value.
type Variables = dyn Fn(&str) -> Option<String>;

/// How telemetry is set up, where it is not by the variables alone.
#[must_use = "nothing is set up before `init` or `start`"]
pub struct Setup {
    plan: TelemetryPlan,
    default_name: Option<Box<str>>,
    variables: Box<Variables>,
    flush_within: Duration,
}

impl Setup {
    /// By the variables of this process alone.
    pub fn new() -> Self {
        Self {
            plan: TelemetryPlan::default(),
            default_name: None,
            variables: Box::new(|name| env::var(name).ok()),
            flush_within: FLUSH_WITHIN,
        }
    }

    /// `service.name`, whatever the variables say.
    pub fn service_name(mut self, name: &str) -> Self {
        self.plan.service_name = Some(name.into());
        self
    }

    /// `service.name` where the variables give none (default `unknown_service:` and the program's name).
    pub fn default_service_name(mut self, name: &str) -> Self {
        self.default_name = Some(name.into());
        self
    }

    /// An attribute of the resource; wins over the variables.
    pub fn resource(mut self, key: &str, value: &str) -> Self {
        self.plan.resource.push((key.into(), value.into()));
        self
    }

    /// Variables from somewhere else than this process' environment, for tests above all.
    pub fn variables(mut self, read: impl Fn(&str) -> Option<String> + 'static) -> Self {
        self.variables = Box::new(read);
        self
    }

    /// How long [`Telemetry::shutdown`] may take to send what is queued (default 5 s).
    pub fn flush_within(mut self, limit: Duration) -> Self {
        self.flush_within = limit;
        self
    }

    /// Sets everything up and makes it the subscriber of `tracing`: events go to standard error from `OTEL_LOG_LEVEL` up
    /// (default `info`) and to the exporters, spans to the exporters. Reads certificates: blocks. Needs no runtime.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn init(self) -> Result<Telemetry, SetupError> {
        let (telemetry, warnings) = self.build()?;
        telemetry.install().map_err(SetupError::Subscriber)?;
        tell(&warnings);
        Ok(telemetry)
    }

    /// The same, and leaves `tracing` alone: for a program with a subscriber of its own, which takes
    /// [`Telemetry::tracing_layer`] among its layers.
    ///
    /// ```no_run
    /// use tracing_subscriber::layer::SubscriberExt as _;
    /// use tracing_subscriber::util::SubscriberInitExt as _;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let telemetry = tidegate_telemetry::Setup::new().start()?;
    /// tracing_subscriber::registry()
    ///     .with(telemetry.tracing_layer())
    ///     .with(tracing_subscriber::fmt::layer())
    ///     .try_init()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn start(self) -> Result<Telemetry, SetupError> {
        let (telemetry, warnings) = self.build()?;
        tell(&warnings);
        Ok(telemetry)
    }

    fn build(self) -> Result<(Telemetry, Vec<String>), SetupError> {
        let (environment, warnings) = Environment::read(&*self.variables);
        let mut warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        // What the specification has for a program that is instrumented.
        let mut environment = environment.with_exporter_unless_said(Exporter::Otlp);
        let scraped = environment.exporters.metrics.as_deref();
        if scraped.is_some_and(|words| words.contains(&Exporter::Prometheus)) {
            warnings.push("OTEL_METRICS_EXPORTER: expected otlp, console or none, found `prometheus`, which is not served here; ignored".to_owned());
        }
        let name = self.default_name.unwrap_or_else(program);
        environment.service_name.get_or_insert(name);
        let mut settings = Settings::of(&self.plan, &environment);
        settings.resource = resource(settings.resource, &self.plan, &environment);
        let runtime = OwnRuntime::start().map_err(SetupError::Thread)?;
        let exporters = Exporters::start(&environment, &settings, runtime.handle())?;
        let pipeline = Arc::new(Pipeline::new(
            &environment,
            environment.propagators,
            &exporters,
        ));
        let telemetry = Telemetry::new(
            pipeline,
            exporters,
            runtime,
            &settings,
            Levels::new(environment.log_level),
            self.flush_within,
        );
        Ok((telemetry, warnings))
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("plan", &self.plan)
            .field("flush_within", &self.flush_within)
            .finish_non_exhaustive()
    }
}

/// Sets everything up from the `OTEL_*` variables of this process: [`Setup::new`], [`Setup::init`].
///
/// # Errors
/// [`SetupError`].
pub fn init() -> Result<Telemetry, SetupError> {
    Setup::new().init()
}

/// To whoever listens; where nobody does yet, since the layer of this very telemetry is to be part of it, to standard error.
fn tell(warnings: &[String]) {
    for warning in warnings {
        if tracing::dispatcher::has_been_set() {
            tracing::warn!("{warning}");
        } else {
            // Without standard error there is nobody to tell.
            writeln!(io::stderr(), "tidegate-telemetry: {warning}").ok();
        }
    }
}

/// The settings know the version of this library only, which is not the service's.
fn resource(
    mut resource: Vec<(Box<str>, Box<str>)>,
    plan: &TelemetryPlan,
    environment: &Environment,
) -> Vec<(Box<str>, Box<str>)> {
    let mut said = plan.resource.iter().chain(&environment.resource);
    let has_version = said.any(|(key, _)| &**key == SERVICE_VERSION);
    resource.retain(|(key, _)| has_version || &**key != SERVICE_VERSION);
    // A name among the code's attributes is meant.
    let named = plan.resource.iter().find(|(key, _)| &**key == SERVICE_NAME);
    if let (Some((_, name)), None, Some(first)) = (named, &plan.service_name, resource.first_mut())
    {
        first.1 = name.clone();
    }
    resource
}

/// What the specification calls a service without a name.
fn program() -> Box<str> {
    let path = env::current_exe().ok();
    let name = path.as_deref().and_then(|path| path.file_name());
    match name {
        Some(name) => format!("unknown_service:{}", name.to_string_lossy()).into(),
        None => "unknown_service".into(),
    }
}
