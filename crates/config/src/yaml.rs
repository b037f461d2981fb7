//! Texts to trees of nodes that know their places.

mod build;
mod node;

pub(crate) use build::without_duplicates;
pub(crate) use node::{Data, Entry, Node, Place, Scalar, quote};

use granit_parser::{ErrorKind as YamlError, Parser, ScanError};

use crate::error::{ErrorKind, Fault, Faults};
use crate::source::{Source, TEXT_MAX, too_large};
use build::Builder;

/// Deepest nesting of maps and lists.
const DEPTH_MAX: usize = 64;

/// Parses every file of a source; `None` when one of them is no YAML.
pub(crate) fn parse_all<'s>(source: &'s Source, faults: &mut Faults) -> Option<Vec<Node<'s>>> {
    let trees: Vec<_> = source
        .files()
        .iter()
        .zip(0..)
        .map(|(file, number)| parse(&file.text, number, faults))
        .collect();
    trees.into_iter().collect()
}

fn parse<'s>(text: &'s str, file: u16, faults: &mut Faults) -> Option<Node<'s>> {
    if text.len() as u64 > TEXT_MAX {
        let place = Place {
            file,
            ..Place::default()
        };
        faults.add(place, "", too_large());
        return None;
    }
    let options = granit_parser::options! {
        strict_indentation: true,
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder::new(file, faults);
    for next in Parser::new_from_str_with_options(text, options) {
        match next {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                builder.refuse(Place::of(file, *error.marker()), syntax(&error));
                return None;
            }
        }
    }
    Some(builder.finish())
}

fn syntax(error: &ScanError) -> Fault {
    if *error.kind() == YamlError::RecursionLimitExceeded {
        let expected = format!("at most {DEPTH_MAX} levels of maps and lists");
        return Fault::new(ErrorKind::Limit, expected, "a deeper one");
    }
    if *error.kind() == YamlError::UnknownAnchor {
        let found = "an alias whose anchor does not stand before it";
        return Fault::new(
            ErrorKind::Syntax,
            "an alias of an anchor of this file",
            found,
        );
    }
    let info = error.info();
    let hint = if info.contains("tab") {
        Some("indent with spaces, not with tabs")
    } else if *error.kind() == YamlError::MappingValueNotAllowed {
        Some("keys of one map begin in one column, and a value that holds `: ` needs quotes")
    } else if info.contains("while parsing a flow") {
        Some("inside brackets, a value that holds one of `{}[],` needs quotes")
    } else {
        None
    };
    Fault::new(
        ErrorKind::Syntax,
        "well-formed YAML",
        format!("a fault: {info}"),
    )
    .maybe_hint(hint.map(str::to_owned))
}
