//! Protobuf's wire format, reading side: the fields of one message, in order, none looked into.

use crate::error::Malformed;

/// Levels of messages, and of groups that are skipped.
pub(crate) const NESTING_MAX: u32 = 64;

/// One field as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) wire: Wire<'a>,
}

/// A field's value by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Wire<'a> {
    /// What a message, text or bytes must be.
    pub(crate) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Fixed64(_) | Self::Fixed32(_) => Err(Malformed::WireType),
        }
    }

    /// What a number without a fixed size must be.
    pub(crate) fn varint(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number),
            Self::Bytes(_) | Self::Fixed64(_) | Self::Fixed32(_) => Err(Malformed::WireType),
        }
    }
}

/// The fields of a message. Ends after the first error. Groups, which OTLP has none of, are skipped.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next varint; also the elements of a packed field.
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::Varint);
            }
            value |= bits << shift;
            if *byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Varint)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        while !self.is_empty() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                3 => self.skip_group(number, NESTING_MAX)?,
                4 => return Err(Malformed::Tag),
                _ => {
                    let wire = self.wire(wire_type)?;
                    return Ok(Some(Field { number, wire }));
                }
            }
        }
        Ok(None)
    }

    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed::Tag)?;
        match tag >> 3 {
            0 => Err(Malformed::Tag),
            number => Ok((number, (tag & 7) as u8)),
        }
    }

    fn wire(&mut self, wire_type: u8) -> Result<Wire<'a>, Malformed> {
        match wire_type {
            0 => self.varint().map(Wire::Varint),
            1 => self.array().map(Wire::Fixed64),
            2 => {
                let len = self.varint()?;
                let len = usize::try_from(len).map_err(|_| Malformed::Truncated)?;
                let (bytes, rest) = self
                    .rest
                    .split_at_checked(len)
                    .ok_or(Malformed::Truncated)?;
                self.rest = rest;
                Ok(Wire::Bytes(bytes))
            }
            5 => self.array().map(Wire::Fixed32),
            _ => Err(Malformed::Tag),
        }
    }

    /// The next `N` bytes; also the elements of a packed field.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn skip_group(&mut self, number: u32, levels: u32) -> Result<(), Malformed> {
        let levels = levels.checked_sub(1).ok_or(Malformed::Nesting)?;
        loop {
            match self.tag()? {
                (inner, 3) => self.skip_group(inner, levels)?,
                (inner, 4) if inner == number => return Ok(()),
                (_, 4) => return Err(Malformed::Tag),
                (_, wire_type) => {
                    self.wire(wire_type)?;
                }
            }
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        field.transpose()
    }
}

/// How protobuf reads an `int32` out of a varint.
pub(crate) fn int32(varint: u64) -> i32 {
    let [a, b, c, d, ..] = varint.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}
