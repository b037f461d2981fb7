//! Messages that should stand once and stand several times: protobuf merges them, which is what their fields one after
//! another mean.

use crate::error::Malformed;
use crate::fields::{Field, Fields};

/// What fields come from.
pub(super) trait FieldSource<'a>: Iterator<Item = Result<Field<'a>, Malformed>> {}

impl<'a, S: Iterator<Item = Result<Field<'a>, Malformed>>> FieldSource<'a> for S {}

/// The fields of all messages that stand under one number of `outer`, one message after another. Ends after the first
/// error.
#[derive(Clone, Copy)]
pub(super) struct Merged<'a, S = Fields<'a>> {
    outer: S,
    /// Fields of `outer` that are still to be looked at.
    left: usize,
    number: u32,
    inner: Fields<'a>,
}

impl<'a> Merged<'a> {
    /// The fields of one message.
    pub(super) fn one(message: &'a [u8]) -> Self {
        Self {
            outer: Fields::new(&[]),
            left: 0,
            number: 0,
            inner: Fields::new(message),
        }
    }
}

impl<'a, S> Merged<'a, S> {
    /// The fields of the messages under `number` in what is left of `outer`.
    pub(super) fn all(outer: S, number: u32) -> Self {
        Self {
            outer,
            left: usize::MAX,
            number,
            inner: Fields::new(&[]),
        }
    }
}

impl<'a, S: FieldSource<'a>> Merged<'a, S> {
    fn next_message(&mut self) -> Option<Result<Fields<'a>, Malformed>> {
        while self.left > 0 {
            self.left -= 1;
            match self.outer.next()? {
                Ok(field) if field.number == self.number => {
                    return Some(field.wire.bytes().map(Fields::new));
                }
                Ok(_) => {}
                Err(malformed) => return Some(Err(malformed)),
            }
        }
        None
    }
}

impl<'a, S: FieldSource<'a>> Iterator for Merged<'a, S> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let field = match self.inner.next() {
                Some(field) => field,
                None => match self.next_message()? {
                    Ok(message) => {
                        self.inner = message;
                        continue;
                    }
                    Err(malformed) => Err(malformed),
                },
            };
            if field.is_err() {
                self.left = 0;
            }
            return Some(field);
        }
    }
}

/// Where the messages under one number stand among the fields of another: nothing beyond the last of them is looked at
/// again.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// Begins with the first of them.
    from: Option<Fields<'a>>,
    /// The places of the first and of the last.
    first: usize,
    last: usize,
}

impl<'a> Found<'a> {
    /// Notes one of them: the fields from it on, and its place.
    pub(super) fn note(&mut self, from: Fields<'a>, place: usize) {
        if self.from.is_none() {
            (self.from, self.first) = (Some(from), place);
        }
        self.last = place;
    }

    /// Whether there is exactly one.
    pub(super) fn is_one(&self) -> bool {
        self.from.is_some() && self.first == self.last
    }

    pub(super) fn merged(&self, number: u32) -> Merged<'a> {
        match self.from {
            Some(from) => Merged {
                left: self.last - self.first + 1,
                ..Merged::all(from, number)
            },
            None => Merged::one(&[]),
        }
    }
}

/// The messages that stand under one number, each by itself.
pub(super) fn messages<'a>(
    fields: impl FieldSource<'a>,
    number: u32,
) -> impl Iterator<Item = Result<&'a [u8], Malformed>> {
    fields.filter_map(move |field| match field {
        Ok(field) => (field.number == number).then(|| field.wire.bytes()),
        Err(malformed) => Some(Err(malformed)),
    })
}
