//! One request's worth of items in their envelope, and how it is cut in two when a back end finds it too large.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use otlp::Envelope;

use crate::buffers::Buffers;
use crate::store::Load;

/// Room before each request for the head of a gRPC message: a flag and the length.
pub(crate) const FRAME_HEAD: usize = 5;
/// Of `Export*ServiceRequest.resource_*`, where the whole request lies.
const RESOURCE_FIELD: u64 = 1;
/// Of `Resource*.scope_*`.
const SCOPE_FIELD: u64 = 2;
/// Of `ScopeSpans.spans`, `ScopeMetrics.metrics` and `ScopeLogs.log_records`.
const ITEM_FIELD: u64 = 2;

/// A request in protobuf, not compressed.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    envelope: Arc<Envelope>,
    /// With a gRPC message's head.
    framed: Bytes,
    items: u64,
    items_bytes: usize,
}

impl Part {
    /// Copies a load into one request, and gives its buffers back.
    pub(crate) fn assemble(envelope: Arc<Envelope>, buffers: &Arc<Buffers>, load: Load) -> Self {
        let items: Vec<&[u8]> = load.batches.iter().map(|batch| &*batch.bytes).collect();
        let part = Self::wrap(envelope, buffers, &items, load.items);
        for batch in load.batches {
            batch.recycle();
        }
        part
    }

    fn wrap(envelope: Arc<Envelope>, buffers: &Arc<Buffers>, items: &[&[u8]], count: u64) -> Self {
        let items_bytes = items.iter().map(|items| items.len()).sum();
        let mut framed = buffers.take();
        framed.reserve(FRAME_HEAD + envelope.len_around(items_bytes));
        framed.extend_from_slice(&[0; FRAME_HEAD]);
        envelope.append_around(items, &mut framed);
        write_frame_head(&mut framed, Compressed::No);
        Self {
            envelope,
            framed: buffers.share(framed),
            items: count,
            items_bytes,
        }
    }

    /// The request alone.
    pub(crate) fn request(&self) -> Bytes {
        self.framed.slice(FRAME_HEAD.min(self.framed.len())..)
    }

    /// The request as a gRPC message.
    pub(crate) fn framed(&self) -> &Bytes {
        &self.framed
    }

    pub(crate) fn items(&self) -> u64 {
        self.items
    }

    /// Without the envelope.
    pub(crate) fn items_bytes(&self) -> usize {
        self.items_bytes
    }

    /// Two requests with about half of the bytes each; `None` when there is one item only. The counts of both add up
    /// to that of the whole, whatever the items hold.
    pub(crate) fn split(&self, buffers: &Arc<Buffers>) -> Option<(Self, Self)> {
        let request = self.request();
        let items = request.get(items_of(&request)?)?;
        let (first, second) = items.split_at_checked(half_of(items)?)?;
        let mut first = self.rewrap(buffers, first, 0);
        let counted = otlp::count_items(self.envelope.signal(), &first.request()).unwrap_or(0);
        first.items = counted.min(self.items);
        let second = self.rewrap(buffers, second, self.items - first.items);
        Some((first, second))
    }

    fn rewrap(&self, buffers: &Arc<Buffers>, items: &[u8], count: u64) -> Self {
        let envelope = Arc::clone(&self.envelope);
        Self::wrap(envelope, buffers, &[items], count)
    }
}

/// Whether a gRPC message is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compressed {
    No,
    Yes,
}

/// Fills in the head that [`FRAME_HEAD`] bytes were left for.
pub(crate) fn write_frame_head(framed: &mut [u8], compressed: Compressed) {
    let length = framed.len().saturating_sub(FRAME_HEAD);
    // Requests over 64 MiB are not sent.
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    if let Some((flag, rest)) = framed.split_first_mut()
        && let Some(place) = rest.get_mut(..length.len())
    {
        *flag = u8::from(compressed == Compressed::Yes);
        place.copy_from_slice(&length);
    }
}

/// Where the items lie in a request with one resource and one scope.
fn items_of(request: &[u8]) -> Option<Range<usize>> {
    let resource = find(request, 0..request.len(), RESOURCE_FIELD)?;
    let scope = find(request, resource, SCOPE_FIELD)?;
    let mut items: Option<Range<usize>> = None;
    let mut fields = Fields {
        message: request,
        left: scope,
    };
    while let Some(field) = fields.next().ok()? {
        if field.number == ITEM_FIELD {
            let start = items.map_or(field.whole.start, |items| items.start);
            items = Some(start..field.whole.end);
        }
    }
    items
}

/// A place between two items near the middle; `None` when there is one item.
fn half_of(items: &[u8]) -> Option<usize> {
    let mut fields = Fields {
        message: items,
        left: 0..items.len(),
    };
    let mut end = 0;
    while let Some(field) = fields.next().ok()? {
        // The last place that leaves something on both sides.
        if field.whole.end == items.len() {
            break;
        }
        end = field.whole.end;
        if end >= items.len() / 2 {
            break;
        }
    }
    (end > 0).then_some(end)
}

/// Where the payload of the first such field lies.
fn find(message: &[u8], within: Range<usize>, number: u64) -> Option<Range<usize>> {
    let mut fields = Fields {
        message,
        left: within,
    };
    while let Some(field) = fields.next().ok()? {
        if field.number == number {
            return Some(field.payload);
        }
    }
    None
}

/// The length-delimited fields of a protobuf message, which is all that requests consist of down to their items.
struct Fields<'a> {
    message: &'a [u8],
    left: Range<usize>,
}

/// Not what protobuf looks like.
struct Malformed;

struct Field {
    number: u64,
    whole: Range<usize>,
    payload: Range<usize>,
}

impl Fields<'_> {
    fn next(&mut self) -> Result<Option<Field>, Malformed> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let start = self.left.start;
        let tag = self.varint().ok_or(Malformed)?;
        if tag & 7 != 2 {
            return Err(Malformed);
        }
        let length = self
            .varint()
            .and_then(|length| usize::try_from(length).ok());
        let end = length.and_then(|length| self.left.start.checked_add(length));
        let end = end.filter(|end| *end <= self.left.end).ok_or(Malformed)?;
        let payload = self.left.start..end;
        self.left.start = end;
        Ok(Some(Field {
            number: tag >> 3,
            whole: start..end,
            payload,
        }))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let at = self.left.next()?;
            let byte = u64::from(*self.message.get(at)?);
            value |= (byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}
