//! Request fields that are recorded.

use message::{FieldKind, RequestHead};

use crate::attributes::first_characters;
use crate::plan::TracingPlan;
use crate::redact::redacted_url;

/// Values of captured fields that are recorded of one request.
const CAPTURED_MAX: usize = 32;

/// The values of captured fields, in the order of the plan.
pub(super) struct Captured<'a> {
    values: [&'a [u8]; CAPTURED_MAX],
    ends: [usize; CAPTURED_MAX],
}

impl<'a> Captured<'a> {
    /// A referer is a URL like others: its secrets are left out, which takes `room`, and then only one is told.
    pub(super) fn of(plan: &TracingPlan, head: &'a RequestHead, room: &'a mut Vec<u8>) -> Self {
        let length_max = plan.limits.attribute_value_length;
        let referer = head.fields.first(FieldKind::Referer);
        let mut referer = referer.map(|url| redacted_url(url, &plan.redact_query, room));
        let mut captured = Self {
            values: [b""; CAPTURED_MAX],
            ends: [0; CAPTURED_MAX],
        };
        let mut len = 0;
        for (name, end) in plan.capture_request_headers.iter().zip(&mut captured.ends) {
            // `named` borrows the name; the values are the head's.
            let fields = head.fields.iter();
            let found =
                fields.filter(|field| field.name.eq_ignore_ascii_case(name.as_str().as_bytes()));
            for (room, field) in captured.values.iter_mut().skip(len).zip(found) {
                if field.kind == FieldKind::Referer {
                    let Some(referer) = referer.take() else {
                        break;
                    };
                    *room = first_characters(referer, length_max);
                } else {
                    *room = first_characters(field.value, length_max);
                }
                len += 1;
            }
            *end = len;
        }
        captured
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = &[&'a [u8]]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let list = self.values.get(start..*end).unwrap_or_default();
            start = *end;
            list
        })
    }
}
