//! How a request ended, and what `error.type` says of it.

use std::cell::RefCell;

use super::labels::{LabelValue, Pair};

/// How a request or a try ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The response's status code; 0: there was none.
    pub status: u16,
    /// What went wrong beside the status, as a word of few: `connect_failed`, `client_gone`. `None` when nothing did or
    /// the status says it all.
    pub error: Option<&'static str>,
}

/// Whose error a status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// 5xx are errors. 4xx are the client's, whatever else is said of them.
    Server,
    /// 4xx and 5xx are.
    Client,
}

impl Outcome {
    /// A response with that status.
    pub fn answered(status: u16) -> Self {
        Self {
            status,
            error: None,
        }
    }

    /// No response, because of that.
    pub fn failed(error: &'static str) -> Self {
        Self {
            status: 0,
            error: Some(error),
        }
    }

    /// The caller's word, unless the status tells that the other side was at fault.
    pub(crate) fn word(self, side: Side) -> Option<&'static str> {
        match (side, self.status) {
            (Side::Server, 400..=499) => None,
            (Side::Server | Side::Client, _) => self.error,
        }
    }

    /// Appends `http.response.status_code` and `error.type`: the word, else the status code as text when it is an error,
    /// else absent.
    pub(crate) fn append_to(self, pairs: &mut Vec<Pair>, side: Side) {
        let first_error = match side {
            Side::Server => 500,
            Side::Client => 400,
        };
        if self.status > 0 {
            let status = LabelValue::Int(self.status.into());
            pairs.push(("http.response.status_code", status));
        }
        if let Some(word) = self.word(side) {
            pairs.push(("error.type", LabelValue::Static(word)));
        } else if self.status >= first_error {
            let status = self.status.to_string();
            pairs.push(("error.type", LabelValue::Text(status.into())));
        }
    }
}

/// Numbers for the words of errors, so that they fit into a key.
#[derive(Debug, Default)]
pub(crate) struct Errors(RefCell<Vec<&'static str>>);

impl Errors {
    /// The words of one program are fewer; beyond, they are the convention's word for "another one".
    const MAX: usize = 100;
    /// Of all numbers the largest: they take 7 bits.
    const OTHER: (u8, &'static str) = (127, "_OTHER");

    /// The number of that error and the word it counts by; 0 for none. Allocates for a new word only.
    pub(crate) fn number(&self, error: Option<&'static str>) -> (u8, Option<&'static str>) {
        let Some(error) = error else {
            return (0, None);
        };
        let mut known = self.0.borrow_mut();
        let at = match known.iter().position(|word| *word == error) {
            Some(at) => at,
            None if known.len() < Self::MAX => {
                known.push(error);
                known.len() - 1
            }
            None => return (Self::OTHER.0, Some(Self::OTHER.1)),
        };
        let number = u8::try_from(at + 1).unwrap_or(Self::OTHER.0);
        (number, Some(error))
    }
}
