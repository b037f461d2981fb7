//! Values that several tests begin with.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use message::{MethodKind, Version};
use telemetry::access_log::{AccessLog, AccessRecord, End};
use telemetry::plan::{AccessLogFormat, AccessLogPlan, AccessLogTarget};

/// Long enough for a loaded machine; waits end as soon as what they wait for is there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A record in which everything is present.
pub(crate) fn record() -> AccessRecord<'static> {
    AccessRecord {
        time: SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_001),
        client_ip: Ipv4Addr::new(192, 0, 2, 7).into(),
        method: b"GET",
        method_label: MethodKind::Get.into(),
        host: b"api.example.com",
        path: b"/products/7",
        query: Some(b"v=2"),
        protocol: Version::Http11,
        status: 200,
        bytes_in: 0,
        bytes_out: 1_234,
        duration: Duration::from_micros(12_345),
        upstream_duration: Some(Duration::from_micros(9_007)),
        route: "products",
        upstream_name: Some("products"),
        endpoint: Some("127.0.0.1:9000".parse().unwrap()),
        tries: 1,
        request_id: b"0123456789abcdef0123456789abcdef",
        user_agent: Some(b"curl/8.5"),
        referer: None,
        end: End::Complete,
        trace_id: Some(*b"0123456789abcdef"),
        span_id: Some(*b"01234567"),
        listener: "web",
    }
}

pub(crate) fn plan(path: &Path, format: AccessLogFormat) -> AccessLogPlan {
    AccessLogPlan {
        format,
        target: AccessLogTarget::File(path.to_owned()),
        redact_query: Vec::new(),
    }
}

/// A started log of the default format and its path in a folder that lives as long as the guard.
pub(crate) fn start() -> (tempfile::TempDir, PathBuf, AccessLog) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let log = AccessLog::start(&plan(&path, AccessLogFormat::default())).unwrap();
    (dir, path, log)
}

/// Waits for another thread.
#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "expected: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
