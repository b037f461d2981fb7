//! Every input that fuzzing began with or once found (`fuzz/corpus`), through the properties that fuzzing checks
//! (`fuzz/src/lib.rs`, the same file): no input breaks one twice.

use std::fs;
use std::panic::catch_unwind;

use testkit::repository;

#[expect(
    unreachable_pub,
    reason = "a file of the fuzz package, which has its own rules"
)]
#[path = "../../../../fuzz/src/lib.rs"]
mod properties;

#[track_caller]
fn replay(target: &str, check: fn(&[u8])) {
    let folder = repository().join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("a readable corpus").path();
        let input = fs::read(&path).expect("a readable input");
        assert!(
            catch_unwind(|| check(&input)).is_ok(),
            "{} breaks a property: {}",
            path.display(),
            input.escape_ascii()
        );
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn request_heads() {
    replay("request_head", properties::request_head);
}

#[test]
fn response_heads() {
    replay("response_head", properties::response_head);
}

#[test]
fn chunked_bodies() {
    replay("chunked_body", properties::chunked_body);
}

#[test]
fn paths() {
    replay("path", properties::path);
}

#[test]
fn configurations() {
    replay("config", properties::config);
}
