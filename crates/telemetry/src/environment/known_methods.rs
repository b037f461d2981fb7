//! `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` (semantic conventions, HTTP spans).

use message::{MethodKind, is_token};

use super::reader::Reader;
use super::{Effect, Warning};
use crate::metrics::KnownMethods;

const VARIABLE: &str = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";

/// `None` when no method is left.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<KnownMethods> {
    let mut methods: Vec<Box<str>> = Vec::new();
    let mut own = 0;
    for word in reader.words(VARIABLE)? {
        if !is_token(word.as_bytes()) {
            let expected = "names of methods, which are letters, digits and !#$%&'*+-.^_`|~";
            reader.warn(Warning::new(
                VARIABLE,
                expected,
                &word,
                Effect::MemberSkipped,
            ));
        } else if methods.contains(&word) {
        } else if MethodKind::of(word.as_bytes()) != MethodKind::Other {
            methods.push(word);
        } else if own < KnownMethods::OWN_MAX {
            own += 1;
            methods.push(word);
        } else {
            let expected = format!(
                "at most {} methods beyond those of RFC 9110 and PATCH",
                KnownMethods::OWN_MAX
            );
            reader.warn(Warning::new(VARIABLE, expected, &word, Effect::RestIgnored));
            break;
        }
    }
    (!methods.is_empty()).then(|| KnownMethods::these(&methods))
}
