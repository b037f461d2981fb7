//! Every input that fuzzing began with or once found, through the properties that fuzzing checks (`fuzz/src/otlp.rs`, the
//! same file): no input breaks one twice.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[expect(
    unreachable_pub,
    reason = "a file of the fuzz package, which has its own rules"
)]
#[path = "../../../../fuzz/src/otlp.rs"]
pub(crate) mod properties;

#[test]
fn requests_and_answers() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = crate_folder.join("../../fuzz/corpus/otlp");
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("a readable corpus").path();
        let input = fs::read(&path).expect("a readable input");
        assert!(
            catch_unwind(|| properties::otlp(&input)).is_ok(),
            "{} breaks a property: {}",
            path.display(),
            input.escape_ascii()
        );
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}
