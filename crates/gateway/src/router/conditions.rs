//! What a route asks of a request besides host and path.

use std::borrow::Cow;

use message::{FieldName, FieldValue, Method, RequestHead, decode_component, query_pairs};

use crate::plan::MatchPlan;

/// Method, header and query conditions of one route.
#[derive(Debug)]
pub(super) struct Conditions {
    methods: Box<[Method]>,
    headers: Box<[(FieldName, FieldValue)]>,
    query: Box<[(Box<str>, Box<str>)]>,
}

impl Conditions {
    pub(super) fn new(plan: &MatchPlan) -> Self {
        Self {
            methods: plan.methods.clone().into(),
            headers: plan.headers.clone().into(),
            query: plan.query.clone().into(),
        }
    }

    /// How specific: compared after the path, larger first.
    pub(super) fn rank(&self) -> (bool, usize) {
        (
            !self.methods.is_empty(),
            self.headers.len() + self.query.len(),
        )
    }

    pub(super) fn hold(&self, head: &RequestHead) -> bool {
        self.holds_method(head) && self.holds_headers(head) && self.holds_query(head)
    }

    fn holds_method(&self, head: &RequestHead) -> bool {
        self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|method| method.as_str().as_bytes() == head.method_text())
    }

    fn holds_headers(&self, head: &RequestHead) -> bool {
        self.headers.iter().all(|(name, wanted)| {
            head.fields
                .named(name.as_str().as_bytes())
                .any(|value| value == wanted.as_str().as_bytes())
        })
    }

    fn holds_query(&self, head: &RequestHead) -> bool {
        self.query.iter().all(|(name, wanted)| {
            query_pairs(head.query().unwrap_or_default()).any(|(found_name, found)| {
                equals(decode_component(found_name), name)
                    && equals(decode_component(found), wanted)
            })
        })
    }
}

fn equals(found: Cow<'_, [u8]>, wanted: &str) -> bool {
    *found == *wanted.as_bytes()
}
