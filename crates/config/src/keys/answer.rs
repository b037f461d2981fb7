//! `respond:` and `redirect:` of a route.

use gateway::plan::{RedirectPlan, RespondPlan};
use message::StatusCode;

use super::headers::{EDITED_NAME, carries_secret};
use super::template::{LOCATION_TEMPLATE, template};
use super::word::FIELD_VALUE;
use crate::error::{ErrorKind, Fault};
use crate::kind::{Nature, Parsed, Refusal, Status, map};
use crate::object::{object, or, required};
use crate::reader::Reader;
use crate::yaml::Node;

object! {
    /// An answer from the configuration.
    "respond": RespondPlan => {
        /// The status.
        status: or(ANY_STATUS, StatusCode::OK),
        /// The body, without variables.
        body: or(&BODY, Box::default()),
        /// Sent with it; `content-type` defaults to `text/plain; charset=utf-8` when there is a body.
        headers: or(map("headers", &EDITED_NAME, &FIELD_VALUE, 0, 64).hiding(carries_secret), Vec::new()),
    }
}

object! {
    /// An answer with a `Location`.
    "redirect": RedirectPlan => {
        /// The status.
        status: or(REDIRECT_STATUS, StatusCode::PERMANENT_REDIRECT),
        /// Where to.
        location: required(template(&LOCATION_TEMPLATE)),
    }
}

const ANY_STATUS: Status = Status {
    min: 200,
    max: 599,
    only: &[],
};

const REDIRECT_STATUS: Status = Status {
    min: 301,
    max: 308,
    only: &[301, 302, 303, 307, 308],
};

static BODY: Parsed<Box<[u8]>> = Parsed {
    name: "text of at most 1MiB",
    expected: "a text of at most 1 MiB",
    pattern: "",
    parse: |text| {
        if text.len() <= 1 << 20 {
            Ok(text.as_bytes().into())
        } else {
            Err(Refusal::default().and_found(format!("{} bytes", text.len())))
        }
    },
    show: |body| String::from_utf8_lossy(body).into_owned(),
    nature: Nature::Plain,
};

/// Whether the status allows the body (RFC 9110 6.4.1).
pub(super) fn is_complete(reader: &mut Reader<'_>, node: &Node<'_>, respond: &RespondPlan) -> bool {
    if respond.body.is_empty() || !respond.status.is_bodiless() {
        return true;
    }
    let place = node.entry("body").map_or(node.place, |body| body.place);
    let expected = format!("no body with the status {}", respond.status);
    let fault = Fault::new(ErrorKind::Conflict, expected, "one");
    let refused = reader.at_key("body", |reader| reader.refuse::<()>(place, fault));
    refused.is_some()
}
