//! What the configuration and the environment say together. Where both speak, the configuration counts: it is the more
//! particular of the two, and it can be changed while the program runs.

use std::path::PathBuf;
use std::time::Duration;

use base::Secret;
use export::{ClientCertificate, ExportPlan, Roots, TlsPlan};
use message::FieldName;
use otlp::Signal;

use crate::environment::{
    Environment, Exporter, LogRecordLimits, PerSignal, RootSampler, Said, Sampler,
};
use crate::metrics::KnownMethods;
use crate::plan::{
    AccessLogPlan, OtlpCompression, OtlpPlan, OtlpProtocol, OtlpTemporality, ParentRule, RatePlan,
    SamplingPlan, TelemetryPlan, TracingPlan,
};

/// The name of a gateway that was given none.
const SERVICE_NAME: &str = "tidegate";
/// What is sent where the configuration does not say.
const SIGNALS: [Signal; 2] = [Signal::Traces, Signal::Metrics];

/// Everything decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Attributes of the resource, `service.name` first, each key once.
    pub resource: Vec<(Box<str>, Box<str>)>,
    /// How requests are traced; `None`: contexts pass through untouched (P-4, P-9).
    pub tracing: Option<TracingPlan>,
    /// Where spans are sent.
    pub traces: Option<Destination>,
    /// Where metrics are sent.
    pub metrics: Option<Destination>,
    /// Where log records are sent.
    pub logs: Option<Destination>,
    /// What is shown on standard output as lines of OTLP/JSON (`console` of `OTEL_*_EXPORTER`).
    pub console: PerSignal<bool>,
    /// How requests are recorded among them; `None`: messages of the program alone.
    pub access_records: Option<AccessLogPlan>,
    /// How much of a log record is kept.
    pub log_record_limits: LogRecordLimits,
    /// Methods that metrics call by their names.
    pub known_methods: KnownMethods,
    /// How often metrics are sent.
    pub metrics_interval: Duration,
    /// What the points of metrics count from.
    pub temporality: OtlpTemporality,
}

/// Where one signal is sent, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// The whole URL; for gRPC scheme, host and port.
    pub endpoint: String,
    /// How requests are written.
    pub protocol: OtlpProtocol,
    /// How bodies are compressed (default none).
    pub compression: OtlpCompression,
    /// Sent with each request.
    pub headers: Vec<(FieldName, Secret)>,
    /// The longest wait for one request.
    pub timeout: Duration,
    /// Certificates that the receiver's is checked against; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// Tidegate's own certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The longest time an item waits for others.
    pub delay: Duration,
    /// Items of one request and items that wait, where the environment says how many.
    pub sizes: Said,
}

impl Destination {
    /// What an exporter of that signal is started with. Of a certificate without a key, or the reverse, a warning says that
    /// it is not used.
    ///
    /// # Errors
    /// [`export::EndpointError`] for an endpoint that the protocol cannot use.
    pub fn export_plan(&self, signal: Signal) -> Result<ExportPlan, export::EndpointError> {
        let protocol = match self.protocol {
            OtlpProtocol::Grpc => export::Protocol::Grpc,
            OtlpProtocol::HttpProtobuf => export::Protocol::HttpProtobuf,
            OtlpProtocol::HttpJson => export::Protocol::HttpJson,
        };
        let scheme = export::Scheme::Https;
        let endpoint = export::Endpoint::for_one(&self.endpoint, protocol, scheme, signal)?;
        if self.certificate.is_some() != self.key.is_some() {
            // Neither is of use without the other.
            tracing::warn!(
                "{}: expected a client certificate and its key, found one of them; ignored",
                signal.word()
            );
        }
        let client = self.certificate.clone().zip(self.key.clone());
        let default = ExportPlan::new(endpoint, protocol);
        let Said {
            queue_max,
            batch_max,
        } = self.sizes;
        Ok(ExportPlan {
            compression: match self.compression {
                OtlpCompression::None => export::Compression::None,
                OtlpCompression::Gzip => export::Compression::Gzip,
                OtlpCompression::Zstd => export::Compression::Zstd,
            },
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.clone()))
                .collect(),
            tls: TlsPlan {
                roots: self.ca.clone().map_or(Roots::System, Roots::File),
                client: client.map(|(chain, key)| ClientCertificate { chain, key }),
                server_name: None,
            },
            timeout: self.timeout,
            batch_delay: self.delay,
            batch_items_max: batch_max.unwrap_or(default.batch_items_max),
            queue_items_max: queue_max.map_or(default.queue_items_max, u64::from),
            ..default
        })
    }
}

impl Settings {
    /// Decides. Pure.
    pub fn of(plan: &TelemetryPlan, environment: &Environment) -> Self {
        let destination = |signal| destination(plan.otlp.as_ref(), environment, signal);
        let traces = destination(Signal::Traces);
        let otlp = plan.otlp.as_ref();
        let logs = destination(Signal::Logs);
        let console = console(environment);
        let is_logged = logs.is_some() || console.logs;
        let access_log = plan.access_log.as_ref().filter(|_| is_logged);
        Self {
            resource: resource(plan, environment),
            tracing: tracing(plan, environment, traces.is_some() || console.traces),
            traces,
            metrics: destination(Signal::Metrics),
            console,
            access_records: access_log.cloned(),
            log_record_limits: environment.log_record_limits,
            known_methods: environment.known_methods.unwrap_or_default(),
            logs,
            metrics_interval: otlp
                .and_then(|otlp| otlp.metrics_interval)
                .unwrap_or(environment.metrics.export_interval),
            temporality: otlp
                .and_then(|otlp| otlp.temporality)
                .unwrap_or(environment.metrics.temporality),
        }
    }

    /// Whether something is sent to another place, in another way, or in another name than by the other settings.
    pub fn sends_otherwise(&self, other: &Self) -> bool {
        fn sent(settings: &Settings) -> impl PartialEq + '_ {
            (
                &settings.traces,
                &settings.metrics,
                (&settings.logs, &settings.access_records, &settings.console),
                &settings.resource,
                settings.metrics_interval,
                settings.temporality,
            )
        }
        sent(self) != sent(other)
    }

    /// `service.name`.
    pub fn service_name(&self) -> &str {
        self.resource.first().map_or(SERVICE_NAME, |(_, name)| name)
    }
}

fn resource(plan: &TelemetryPlan, environment: &Environment) -> Vec<(Box<str>, Box<str>)> {
    let name = plan.service_name.clone();
    let name = name
        .or_else(|| environment.service_name.clone())
        .unwrap_or_else(|| SERVICE_NAME.into());
    let mut resource: Vec<(Box<str>, Box<str>)> = vec![
        ("service.name".into(), name),
        ("service.version".into(), env!("CARGO_PKG_VERSION").into()),
        ("telemetry.sdk.language".into(), "rust".into()),
        ("telemetry.sdk.name".into(), SERVICE_NAME.into()),
        (
            "telemetry.sdk.version".into(),
            env!("CARGO_PKG_VERSION").into(),
        ),
    ];
    let fixed = resource.len();
    for (key, value) in plan.resource.iter().chain(&environment.resource) {
        match resource.iter_mut().position(|(known, _)| known == key) {
            // Only the version may be told otherwise.
            Some(at) if at < fixed && &**key == "service.version" => {
                if let Some(pair) = resource.get_mut(at) {
                    pair.1 = value.clone();
                }
            }
            Some(_) => {}
            None => resource.push((key.clone(), value.clone())),
        }
    }
    resource
}

/// Requests are traced where spans go somewhere or something else of a trace was asked for.
fn tracing(
    plan: &TelemetryPlan,
    environment: &Environment,
    is_exported: bool,
) -> Option<TracingPlan> {
    let is_wanted = is_exported
        || plan.sampling.is_some()
        || plan.propagators.is_some()
        || plan.trace_response_header.is_some();
    let propagators = match &plan.propagators {
        Some(formats) => formats.iter().copied().collect(),
        None => environment.propagators,
    };
    let is_off = environment.is_sdk_disabled || propagators.is_empty() && !is_exported;
    (is_wanted && !is_off).then(|| TracingPlan {
        propagators,
        sampling: match &plan.sampling {
            Some(sampling) => sampling.clone(),
            None => sampling(environment.sampler),
        },
        response_header: plan.trace_response_header.clone(),
        redact_query: plan.redact_query.clone(),
        capture_request_headers: plan.capture_request_headers.clone(),
        limits: environment.span_limits,
        exemplars: environment.metrics.exemplar_filter,
    })
}

fn console(environment: &Environment) -> PerSignal<bool> {
    let is_shown = |exporters: &Option<Vec<Exporter>>| {
        let exporters = exporters.as_deref().unwrap_or_default();
        !environment.is_sdk_disabled && exporters.contains(&Exporter::Console)
    };
    PerSignal {
        traces: is_shown(&environment.exporters.traces),
        metrics: is_shown(&environment.exporters.metrics),
        logs: is_shown(&environment.exporters.logs),
    }
}

/// A sampler of the environment is taken by its word: it keeps nothing beside what it draws.
fn sampling(sampler: Sampler) -> SamplingPlan {
    let (parent, root) = match sampler {
        Sampler::Root(root) => (ParentRule::Ignore, root),
        Sampler::ParentBased(root) => (ParentRule::Follow, root),
    };
    let ratio = match root {
        RootSampler::AlwaysOn => 1.0,
        RootSampler::AlwaysOff => 0.0,
        RootSampler::TraceIdRatio(ratio) => ratio,
    };
    SamplingPlan {
        parent,
        rate: RatePlan::Ratio(ratio),
        always_errors: false,
        ..SamplingPlan::default()
    }
}

fn destination(
    otlp: Option<&OtlpPlan>,
    environment: &Environment,
    signal: Signal,
) -> Option<Destination> {
    let (given, exporters) = match signal {
        Signal::Traces => (&environment.otlp.traces, &environment.exporters.traces),
        Signal::Metrics => (&environment.otlp.metrics, &environment.exporters.metrics),
        Signal::Logs => (&environment.otlp.logs, &environment.exporters.logs),
    };
    let is_wanted = match (otlp, exporters) {
        (Some(otlp), _) => otlp
            .signals
            .as_deref()
            .unwrap_or(&SIGNALS)
            .contains(&signal),
        (None, Some(exporters)) => exporters.contains(&Exporter::Otlp),
        // The specification would send to this machine unasked; a gateway sends where it was told to.
        (None, None) => given.is_endpoint_set,
    };
    if environment.is_sdk_disabled || !is_wanted {
        return None;
    }
    let default = OtlpPlan::default();
    let otlp = otlp.unwrap_or(&default);
    let protocol = otlp.protocol.unwrap_or(given.protocol);
    let (batch, export_timeout) = match signal {
        Signal::Traces => (
            Some(environment.span_batch),
            environment.span_batch.export_timeout,
        ),
        Signal::Logs => {
            let batch = environment.log_record_batch;
            (Some(batch), batch.export_timeout)
        }
        // They come all at once.
        Signal::Metrics => (None, environment.metrics.export_timeout),
    };
    Some(Destination {
        endpoint: match &otlp.endpoint {
            Some(base) => endpoint(base, protocol, signal),
            None if is_grpc(protocol) == is_grpc(given.protocol) => given.endpoint.clone(),
            None => given.other_endpoint.clone(),
        },
        protocol,
        compression: otlp
            .compression
            .or(given.compression)
            .unwrap_or(OtlpCompression::None),
        headers: otlp
            .headers
            .clone()
            .unwrap_or_else(|| given.headers.clone()),
        timeout: otlp.timeout.unwrap_or(given.timeout.min(export_timeout)),
        ca: otlp.tls.ca.clone().or_else(|| given.certificate.clone()),
        certificate: otlp
            .tls
            .certificate
            .clone()
            .or_else(|| given.client_certificate.clone()),
        key: otlp.tls.key.clone().or_else(|| given.client_key.clone()),
        delay: batch.map_or(Duration::ZERO, |batch| {
            otlp.delay.unwrap_or(batch.schedule_delay)
        }),
        sizes: batch.map_or_else(Said::default, |batch| batch.said),
    })
}

fn is_grpc(protocol: OtlpProtocol) -> bool {
    match protocol {
        OtlpProtocol::Grpc => true,
        OtlpProtocol::HttpProtobuf | OtlpProtocol::HttpJson => false,
    }
}

/// Over HTTP a base has the signal's path appended, with one slash between.
fn endpoint(base: &str, protocol: OtlpProtocol, signal: Signal) -> String {
    let base = base.trim_end_matches('/');
    match protocol {
        OtlpProtocol::Grpc => base.to_owned(),
        OtlpProtocol::HttpProtobuf | OtlpProtocol::HttpJson => {
            format!("{base}{}", signal.http_path())
        }
    }
}
