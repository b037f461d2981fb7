//! `OTEL_EXPORTER_OTLP_*HEADERS`: a list of `name=value` in the form of W3C Baggage without properties
//! (specification, OTLP exporter, specifying headers).

use base::Secret;
use message::{FieldName, FieldValue};

use super::percent::decoded;
use super::reader::{Reader, trim};
use super::{Effect, Warning};

/// The headers in their order, each name once, the last value counts. Malformed members are left out, and a list of
/// nothing else is an empty one: it still stands in place of a more general variable, whose keys may be meant for
/// another receiver.
pub(super) fn read(
    reader: &mut Reader<'_>,
    variable: &'static str,
) -> Option<Vec<(FieldName, Secret)>> {
    let text = reader.text(variable)?;
    let mut headers: Vec<(FieldName, Secret)> = Vec::new();
    for (at, member) in reader.bounded(variable, &text).into_iter().enumerate() {
        match parse(member) {
            Ok((name, value)) => {
                headers.retain(|(earlier, _)| *earlier != name);
                headers.push((name, value));
            }
            Err(Fault { expected, name }) => {
                let found = match name {
                    Some(name) => format!("something else under `{}`", name.as_str()),
                    None => format!("something else as member {}", at + 1),
                };
                let effect = Effect::MemberSkipped;
                reader.warn(Warning::about(variable, expected, found, effect));
            }
        }
    }
    Some(headers)
}

/// What is wrong with a member. Without a name nothing of it may be shown: it may be the rest of a value that holds a
/// comma.
struct Fault {
    expected: &'static str,
    name: Option<FieldName>,
}

fn parse(member: &str) -> Result<(FieldName, Secret), Fault> {
    let unnamed = || Fault {
        expected: "name=value, the name of a header as it is and its value percent-encoded",
        name: None,
    };
    let (name, value) = member.split_once('=').ok_or_else(unnamed)?;
    let name = FieldName::new(trim(name)).map_err(|_| unnamed())?;
    if export::is_reserved_header(name.as_str()) {
        return Err(Fault {
            expected: "another header than those that the protocol sets itself",
            name: Some(name),
        });
    }
    match decoded_value(trim(value)) {
        Some(value) => Ok((name, Secret::new(value))),
        None => Err(Fault {
            expected: "a percent-encoded value of at most 8192 bytes without properties",
            name: Some(name),
        }),
    }
}

/// Space inside is taken as it is, since `Authorization=Bearer …` is often written so; else as W3C Baggage has it.
fn decoded_value(written: &str) -> Option<String> {
    let is_octet =
        |byte: u8| matches!(byte, b' ' | b'!'..=b'~') && !matches!(byte, b'"' | b';' | b'\\');
    let value = decoded(written).filter(|_| written.bytes().all(is_octet))?;
    FieldValue::new(&value).is_ok().then_some(value)
}
