//! `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` (semantic conventions, HTTP spans).

use message::is_token;

use super::reader::Reader;
use super::{Effect, Warning};

const VARIABLE: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";

/// Methods in their order, each once; `None` when none is left.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Vec<Box<str>>> {
    let mut methods: Vec<Box<str>> = Vec::new();
    for word in reader.words(VARIABLE)? {
        if !is_token(word.as_bytes()) {
            let expected = "names of methods, which are letters, digits and !#$%&'*+-.^_`|~";
            reader.warn(Warning::new(
                VARIABLE,
                expected,
                &word,
                Effect::MemberSkipped,
            ));
        } else if !methods.contains(&word) {
            methods.push(word);
        }
    }
    (!methods.is_empty()).then_some(methods)
}
