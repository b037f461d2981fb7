//! What a page of metrics is to look like.

use super::format::Format;

/// Who measures, as OpenTelemetry's instrumentation scope: every metric of this program is of this one scope.
pub const SCOPE_NAME: &str = "tidegate";
/// The scope's version: the program's.
pub const SCOPE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a sheet is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposition {
    /// The text format (default Prometheus 0.0.4).
    pub format: Format,
    /// Whether series tell their scope (default: they do).
    pub scope_labels: ScopeLabels,
}

/// Whether each series has `otel_scope_name` and `otel_scope_version` (M-5). The scope has no schema URL, so
/// `otel_scope_schema_url` is never there. They are labels and not a metric of their own, because the rule knows no other
/// place for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopeLabels {
    /// On every series but `target_info`: what the rule has by default. About 60 bytes more per line.
    #[default]
    Shown,
    /// On none.
    Hidden,
}

impl From<Format> for Exposition {
    fn from(format: Format) -> Self {
        Self {
            format,
            ..Self::default()
        }
    }
}
