//! The ordered field list of a head: names and values are slices of one buffer, order and case are kept.

use crate::field::FieldKind;
use crate::head::Span;

/// An ordered list of fields over one buffer. Reused from message to message: [`Fields::clear`] keeps the room.
#[derive(Debug, Default)]
pub struct Fields {
    arena: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    name: Span,
    value: Span,
    kind: FieldKind,
}

/// One field of a [`Fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldRef<'a> {
    /// As received or as set; never empty.
    pub name: &'a [u8],
    /// Without white space at its ends.
    pub value: &'a [u8],
    /// Which of the known fields.
    pub kind: FieldKind,
}

impl Clone for Fields {
    fn clone(&self) -> Self {
        Self {
            arena: self.arena.clone(),
            entries: self.entries.clone(),
        }
    }

    /// Into the room there is.
    fn clone_from(&mut self, source: &Self) {
        self.arena.clone_from(&source.arena);
        self.entries.clone_from(&source.entries);
    }
}

impl Fields {
    /// Drops every field and the buffer's content; keeps the room.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.entries.clear();
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every field in order.
    pub fn iter(&self) -> impl Iterator<Item = FieldRef<'_>> {
        self.entries.iter().map(|entry| FieldRef {
            name: self.bytes(entry.name),
            value: self.bytes(entry.value),
            kind: entry.kind,
        })
    }

    /// The values of one known field, in order.
    pub fn all(&self, kind: FieldKind) -> impl Iterator<Item = &[u8]> {
        debug_assert!(kind != FieldKind::Other, "unknown fields are found by name");
        self.entries
            .iter()
            .filter(move |entry| entry.kind == kind)
            .map(|entry| self.bytes(entry.value))
    }

    /// Where the values of one known field are, in order.
    pub fn spans(&self, kind: FieldKind) -> impl Iterator<Item = Span> {
        self.entries
            .iter()
            .filter(move |entry| entry.kind == kind)
            .map(|entry| entry.value)
    }

    /// The first value of one known field.
    pub fn first(&self, kind: FieldKind) -> Option<&[u8]> {
        self.all(kind).next()
    }

    /// The values of the fields of that name, whatever its case.
    pub fn named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    }

    /// Appends a field. The caller has checked both: a token, and a value without CR, LF and NUL (GW-15).
    pub fn append(&mut self, name: &[u8], value: &[u8]) {
        debug_assert!(
            crate::is_token(name) && !value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
        );
        let (name, value) = (self.store(name), self.store(value));
        self.append_spans(name, value);
    }

    /// Appends a field whose name and value are in the buffer already.
    pub fn append_spans(&mut self, name: Span, value: Span) {
        let kind = FieldKind::of(self.bytes(name));
        self.entries.push(Entry { name, value, kind });
    }

    /// Removes every field for which `doomed` holds.
    pub fn remove_where(&mut self, mut doomed: impl FnMut(FieldRef<'_>) -> bool) {
        let arena = &self.arena;
        self.entries.retain(|entry| {
            !doomed(FieldRef {
                name: entry.name.of(arena),
                value: entry.value.of(arena),
                kind: entry.kind,
            })
        });
    }

    /// Removes every field of that name, whatever its case.
    pub fn remove(&mut self, name: &[u8]) {
        self.remove_where(|field| field.name.eq_ignore_ascii_case(name));
    }

    /// Replaces every field of that name by one at the end.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.append(name, value);
    }

    /// Copies bytes into the buffer that the spans point into.
    pub fn store(&mut self, bytes: &[u8]) -> Span {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        Span::new(start, self.arena.len())
    }

    /// Lets `write` append to the buffer and returns what it appended.
    pub fn store_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Span, E> {
        let start = self.arena.len();
        write(&mut self.arena)?;
        Ok(Span::new(start, self.arena.len()))
    }

    /// The bytes of a span of this list.
    pub fn bytes(&self, span: Span) -> &[u8] {
        span.of(&self.arena)
    }
}

/// Without the spaces and tabs at its ends (RFC 9110 5.6.3). No other white space goes: a reader that takes
/// `\x0cchunked` for `chunked` disagrees with one that does not.
pub fn trim_ows(value: &[u8]) -> &[u8] {
    let is_text = |b: &u8| !matches!(b, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |at| at + 1);
    &value[start..end]
}

/// The elements of a comma-separated list value (RFC 9110 5.6.1): trimmed, empty ones skipped. Quoted strings are not
/// looked into: use it for lists of tokens only.
pub fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|b| *b == b',')
        .map(trim_ows)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_case_and_edits_by_name() {
        let mut fields = Fields::default();
        fields.append(b"Host", b"example.com");
        fields.append(b"X-A", b"1");
        fields.append(b"x-a", b"2");
        fields.append(b"Accept", b"*/*");
        assert_eq!(fields.named(b"X-a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(fields.first(FieldKind::Host), Some(&b"example.com"[..]));
        fields.set(b"x-A", b"3");
        let seen: Vec<_> = fields.iter().map(|f| (f.name, f.value)).collect();
        assert_eq!(
            seen,
            [
                (&b"Host"[..], &b"example.com"[..]),
                (b"Accept", b"*/*"),
                (b"x-A", b"3")
            ]
        );
        fields.clear();
        assert!(fields.is_empty());
    }

    #[test]
    fn lists_skip_empty_elements() {
        let seen: Vec<_> = list_elements(b" close ,, keep-alive\t, \t,").collect();
        assert_eq!(seen, [&b"close"[..], b"keep-alive"]);
    }

    #[test]
    fn only_space_and_tab_are_trimmed() {
        for (value, expected) in [
            (&b" \ta b\t "[..], &b"a b"[..]),
            (b"", b""),
            (b" \t", b""),
            (b"\x0ca\x0b", b"\x0ca\x0b"),
            (b"a\r\n", b"a\r\n"),
        ] {
            assert_eq!(trim_ows(value), expected);
        }
    }
}
