//! Texts with request variables.

use gateway::plan::{Part, TextTemplate, Variable};
use message::Authority;

use super::scope::Matched;
use crate::error::{ErrorKind, Fault};
use crate::kind::{Checked, Kind, Nature, Parsed, Refusal};
use crate::object::any_of;
use crate::reader::Reader;
use crate::yaml::Node;

/// A template whose `${path.NAME}` are variables of the route's path.
pub(super) fn template(
    of: &'static Parsed<TextTemplate>,
) -> Checked<&'static Parsed<TextTemplate>> {
    of.checked(has_params)
}

/// The value of a field.
pub(super) static FIELD_TEMPLATE: Parsed<TextTemplate> = Parsed {
    name: "template",
    expected: "a text of at most 8 KiB, in which variables such as ${client_ip} may stand",
    pattern: "",
    parse: |text| parse(text, |_| true),
    show,
    nature: Nature::Template,
};

/// A whole path.
pub(super) static PATH_TEMPLATE: Parsed<TextTemplate> = Parsed {
    name: "path template",
    expected: "a path such as /items/${path.id}, without a query and without space",
    pattern: "^(/|\\$\\{)",
    parse: |text| {
        let template = parse(text, |part| {
            part.bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\'))
        })?;
        if template.parts().contains(&Part::Variable(Variable::Query)) {
            return Err(Refusal::expected("no `${query}`: the query stays as it is"));
        }
        match template.parts().first() {
            Some(Part::Literal(text)) if text.starts_with('/') => Ok(template),
            Some(Part::Variable(Variable::Path)) => Ok(template),
            Some(Part::Literal(_) | Part::Variable(_)) | None => Err(Refusal::expected(
                "a path that begins with `/` or with `${path}`",
            )),
        }
    },
    show,
    nature: Nature::Template,
};

/// A host, perhaps with a port.
pub(super) static HOST_TEMPLATE: Parsed<TextTemplate> = Parsed {
    name: "host template",
    expected: "a host such as products.internal or ${host}",
    pattern: "^[^/ ]+$",
    parse: |text| {
        let template = parse(text, |part| {
            part.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b))
        })?;
        match template.parts() {
            [] => Err(Refusal::default()),
            [Part::Literal(host)] => match Authority::parse(host.as_bytes()) {
                Ok(_) => Ok(template),
                Err(error) => Err(Refusal::of(error)),
            },
            [Part::Variable(_)] | [_, _, ..] => Ok(template),
        }
    },
    show,
    nature: Nature::Template,
};

/// A URI or a part of one.
pub(super) static LOCATION_TEMPLATE: Parsed<TextTemplate> = Parsed {
    name: "URI template",
    expected: "a URI such as https://${host}${path}${query}, without space",
    pattern: "^[!-~]+$",
    parse: |text| {
        let template = parse(text, |part| part.bytes().all(|b| b.is_ascii_graphic()))?;
        match template.parts() {
            [] => Err(Refusal::default()),
            [_, ..] => Ok(template),
        }
    },
    show,
    nature: Nature::Template,
};

/// Reads a template and checks its literal parts.
fn parse(text: &str, literal: fn(&str) -> bool) -> Result<TextTemplate, Refusal> {
    if text.len() > 8 << 10 {
        return Err(Refusal::expected("a text of at most 8 KiB"));
    }
    let template = TextTemplate::parse(text).map_err(Refusal::of)?;
    let fine = template.parts().iter().all(|part| match part {
        Part::Literal(text) => literal(text),
        Part::Variable(_) => true,
    });
    if fine {
        Ok(template)
    } else {
        Err(Refusal::default())
    }
}

fn show(template: &TextTemplate) -> String {
    let parts = template.parts().iter().map(|part| match part {
        Part::Literal(text) => crate::env::escape(text).into_owned(),
        Part::Variable(variable) => format!("${{{}}}", variable_name(variable)),
    });
    parts.collect()
}

fn variable_name(variable: &Variable) -> String {
    let name = match variable {
        Variable::ClientIp => "client_ip",
        Variable::RequestId => "request_id",
        Variable::Host => "host",
        Variable::Method => "method",
        Variable::Scheme => "scheme",
        Variable::Path => "path",
        Variable::Query => "query",
        Variable::PathParam(name) => return format!("path.{name}"),
    };
    name.to_owned()
}

fn has_params(reader: &mut Reader<'_>, node: &Node<'_>, template: &TextTemplate) -> bool {
    let Matched::Path { params, .. } = &reader.scope.matched else {
        return true;
    };
    let unknown = |name: &&str| params.iter().all(|param| **param != **name);
    let Some(unknown) = template.path_params().find(unknown) else {
        return true;
    };
    let names: Vec<String> = params
        .iter()
        .map(|name| format!("${{path.{name}}}"))
        .collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let expected = match names[..] {
        [] => "no `${path.NAME}`, since the route's `path` has no variables".to_owned(),
        [_, ..] => format!("a variable of the route's `path`: {}", any_of(&names)),
    };
    let found = format!("`${{path.{unknown}}}`");
    let fault = Fault::new(ErrorKind::Reference, expected, found);
    reader.refuse::<()>(node.place, fault).is_some()
}
