//! Setting up messages. A binary of its own, because it is done once per process.

use telemetry::diagnostics::{DiagnosticsError, init};

#[test]
fn a_second_setup_and_a_bad_filter_are_errors() {
    assert!(matches!(
        init("telemetry=nonsense"),
        Err(DiagnosticsError::Filter { .. })
    ));
    let (diagnostics, _writing) = init("").unwrap();
    assert_eq!(diagnostics.filter(), "info");
    let error = init("warn,telemetry=debug").unwrap_err();
    assert!(matches!(error, DiagnosticsError::AlreadySet { .. }));
}
