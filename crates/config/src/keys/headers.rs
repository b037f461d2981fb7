//! `filters:` of a route, and the fields that configuration may touch.

use gateway::plan::{FilterPlan, HeaderEditsPlan, HstsPlan};
use message::{FieldKind, FieldName};

use super::template::{FIELD_TEMPLATE, template};
use super::word::FIELD_NAME_PATTERN;
use crate::error::{ErrorKind, Fault};
use crate::kind::{Flag, Kind, Lower, Nature, Parsed, Refusal, duration, list, map, object};
use crate::object::{object, optional, or};
use crate::reader::Reader;
use crate::yaml::{Data, Node, Place};

/// A filter as written: a map with one key, which names it.
pub(super) struct FilterConfig {
    request_headers: Option<HeaderEditsPlan>,
    response_headers: Option<HeaderEditsPlan>,
    hsts: Option<HstsPlan>,
}

object! {
    /// One step on a request or response: a map with one key.
    "filter": FilterConfig => {
        /// Edits the fields of the request before it is forwarded.
        request_headers: optional(object::<HeaderEditsPlan>().checked(leaves_host)),
        /// Edits the fields of the response before it is sent.
        response_headers: optional(object::<HeaderEditsPlan>()),
        /// Tells browsers that came over TLS to come back over TLS only.
        hsts: optional(object::<HstsPlan>()),
    }
    exactly_one: ["request_headers", "response_headers", "hsts"];
    later: [
        "rate_limit", "jwt", "cors", "rewrite", "compression", "cache", "auth", "basic_auth", "api_key",
        "concurrency", "ip_filter", "mirror", "timeout", "body_limit"
    ];
}

object! {
    /// `Strict-Transport-Security` (RFC 6797), unless the upstream sends one.
    "hsts": HstsPlan, d = HstsPlan::default() => {
        /// How long browsers remember; 0s makes them forget.
        max_age: or(duration("0s", "3650d"), d.max_age),
        /// Whether it holds for every name below the host's.
        include_subdomains: or(Flag, d.include_subdomains),
        /// Whether browsers may be delivered with it.
        preload: or(Flag, d.preload),
    }
}

object! {
    /// Edits of fields in the order remove, set, add. Fields that frame messages or speak of one connection only are
    /// out of reach.
    "header_edits": HeaderEditsPlan => {
        /// Every field of these names goes.
        remove: or(list("names", &EDITED_NAME, 0, 64).unique(), Vec::new()),
        /// Replaces every field of the name by one.
        set: or(map("fields", &EDITED_NAME, template(&FIELD_TEMPLATE), 0, 64).hiding(carries_secret), Vec::new()),
        /// Appends a field.
        add: or(map("fields", &EDITED_NAME, template(&FIELD_TEMPLATE), 0, 64).hiding(carries_secret), Vec::new()),
    }
}

/// The name of a field that configuration may write.
pub(super) static EDITED_NAME: Parsed<FieldName> = Parsed {
    name: "field name",
    expected: "a field name such as x-tenant",
    pattern: FIELD_NAME_PATTERN,
    parse: |text| {
        let name = FieldName::new(text).map_err(Refusal::of)?;
        let kind = name.kind();
        if kind == FieldKind::ContentLength || kind.is_hop_by_hop() {
            let expected = "a field that neither frames the message nor speaks of one connection";
            return Err(Refusal::expected(expected).and_hint("Tidegate writes it itself"));
        }
        Ok(name)
    },
    show: |name| name.as_str().to_owned(),
    nature: Nature::Plain,
};

/// Whether the values of a field are likely to be secrets, which renderings leave out.
pub(super) fn carries_secret(name: &FieldName) -> bool {
    let known = matches!(
        name.kind(),
        FieldKind::Authorization
            | FieldKind::ProxyAuthorization
            | FieldKind::Cookie
            | FieldKind::SetCookie
    );
    let parts = [
        "token",
        "secret",
        "password",
        "key",
        "auth",
        "credential",
        "signature",
    ];
    known || parts.iter().any(|part| name.as_str().contains(part))
}

/// Whether edits of a request leave `host` to `rewrite.host`, which checks it.
fn leaves_host(reader: &mut Reader<'_>, node: &Node<'_>, _: &HeaderEditsPlan) -> bool {
    let edits = ["remove", "set", "add"];
    let found = edits.into_iter().find_map(|edit| {
        let place = host_in(&node.entry(edit)?.value)?;
        Some((edit, place))
    });
    let Some((edit, place)) = found else {
        return true;
    };
    let expected = "a field other than `host`";
    let fault = Fault::new(ErrorKind::Value, expected, "`host`").hint("use `forward.rewrite.host`");
    let refused = reader.at_key(edit, |reader| reader.refuse::<()>(place, fault));
    refused.is_some()
}

fn host_in(edits: &Node<'_>) -> Option<Place> {
    let is_host = |name: &str| name.eq_ignore_ascii_case("host");
    match edits.data() {
        Data::Map(entries) => entries
            .iter()
            .find(|entry| is_host(&entry.key))
            .map(|entry| entry.place),
        Data::List(items) => items
            .iter()
            .find(|item| matches!(item.data(), Data::Scalar(scalar) if is_host(&scalar.text)))
            .map(|item| item.place),
        Data::Scalar(_) | Data::Shared(_) => None,
    }
}

impl Lower for FilterConfig {
    type Plan = FilterPlan;

    fn lower(self, _: &mut Reader<'_>, _: Place) -> Option<FilterPlan> {
        let request = self.request_headers.map(FilterPlan::RequestHeaders);
        request
            .or(self.response_headers.map(FilterPlan::ResponseHeaders))
            .or(self.hsts.map(FilterPlan::Hsts))
    }

    fn raise(plan: &FilterPlan) -> Self {
        let none = Self {
            request_headers: None,
            response_headers: None,
            hsts: None,
        };
        match plan.clone() {
            FilterPlan::RequestHeaders(edits) => Self {
                request_headers: Some(edits),
                ..none
            },
            FilterPlan::ResponseHeaders(edits) => Self {
                response_headers: Some(edits),
                ..none
            },
            FilterPlan::Hsts(hsts) => Self {
                hsts: Some(hsts),
                ..none
            },
        }
    }
}
