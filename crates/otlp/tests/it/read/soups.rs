//! Properties of bytes that an encoder of ours never wrote.

use otlp::read::check;
use otlp::{Signal, count_items};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::oracle::decode_all;
use super::seen::read_all;
use super::soup::{Choices, request};

fn soup() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..1_000).prop_map(|choices| request(&mut Choices(&choices)))
}

/// A place, and what stands there instead.
fn edit() -> impl Strategy<Value = (Index, u8)> {
    (any::<Index>(), any::<u8>())
}

/// Whatever these are, they end in values or in an error; what was checked can be walked, and what can be walked can be
/// counted.
fn check_any(bytes: &[u8]) {
    let read = read_all(bytes);
    assert_eq!(read.as_ref().err(), check(bytes).as_ref().err());
    if let Ok(seen) = read {
        let count = count_items(Signal::Traces, bytes).unwrap();
        assert_eq!(seen.len() as u64, count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// OT-9; order and repetition by the encoding guide of protobuf.
    #[test]
    fn everything_reads_as_others_read_it(request in soup()) {
        prop_assert_eq!(read_all(&request).unwrap(), decode_all(&request).unwrap());
    }

    /// OT-43.
    #[test]
    fn joined_requests_are_one(first in soup(), second in soup()) {
        let joined = [first, second].concat();
        prop_assert_eq!(read_all(&joined).unwrap(), decode_all(&joined).unwrap());
    }

    #[test]
    fn damaged_requests_do_no_harm(mut request in soup(), edits in vec(edit(), 1..6)) {
        for (at, byte) in edits {
            if !request.is_empty() {
                let at = at.index(request.len());
                request[at] = byte;
            }
        }
        check_any(&request);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..400)) {
        check_any(&bytes);
    }
}

/// The properties above would hold for soups of nothing as well.
#[test]
fn soups_hold_what_matters() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut spans, mut lists, mut events) = (0, 0, 0);
    for _ in 0..500 {
        let request = soup().new_tree(&mut runner).unwrap().current();
        for span in read_all(&request).unwrap() {
            spans += 1;
            events += span.events.len();
            let shown = format!("{:?}", span.attributes);
            lists += usize::from(shown.contains("Array([Str") || shown.contains("Map([("));
        }
    }
    assert!(
        spans > 200 && lists > 10 && events > 40,
        "{spans} {lists} {events}"
    );
}
