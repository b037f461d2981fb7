//! Numbers in the query of a request.

use std::ops::RangeInclusive;

use crate::reply::Fault;

/// A parameter that is a whole number.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) range: RangeInclusive<u32>,
    pub(crate) expected: &'static str,
    pub(crate) default: u32,
}

impl Parameter {
    /// Its value in a query, which is taken as it is: numbers need no percent-encoding. The first one counts.
    pub(crate) fn read(&self, query: Option<&str>) -> Result<u32, Fault> {
        let mut pairs = query.unwrap_or_default().split('&');
        let Some(text) = pairs.find_map(|pair| self.value_in(pair)) else {
            return Ok(self.default);
        };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number
            .filter(|number| self.range.contains(number))
            .ok_or_else(|| Fault {
                at: self.name,
                expected: self.expected,
                found: format!("`{text}`"),
            })
    }

    fn value_in<'a>(&self, pair: &'a str) -> Option<&'a str> {
        match pair.split_once('=') {
            Some((name, value)) => (name == self.name).then_some(value),
            None => (pair == self.name).then_some(""),
        }
    }
}
