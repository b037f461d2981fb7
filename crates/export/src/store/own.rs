//! Batches in memory of the store's own.

use std::collections::VecDeque;

use super::Waiting;
use crate::batch::Batch;

/// Batches are put together up to this size: few of them make a request, and a request is filled well.
const BYTES_MAX: usize = 256 << 10;

/// The same items in the same order. Those in lent buffers are copied, behind the one before where that has room; the
/// buffers go back.
pub(super) fn copied(waiting: VecDeque<Waiting>) -> Vec<Waiting> {
    let mut own: Vec<Waiting> = Vec::new();
    for Waiting { batch, since } in waiting {
        if batch.back.is_none() {
            own.push(Waiting { batch, since });
            continue;
        }
        match own.last_mut().filter(|last| has_room(&last.batch, &batch)) {
            Some(last) => {
                last.batch.bytes.extend_from_slice(&batch.bytes);
                last.batch.items += batch.items;
            }
            None => own.push(Waiting {
                batch: Batch {
                    bytes: batch.bytes.clone(),
                    items: batch.items,
                    back: None,
                },
                since,
            }),
        }
        batch.recycle();
    }
    own
}

fn has_room(last: &Batch, more: &Batch) -> bool {
    last.bytes.len() + more.bytes.len() <= BYTES_MAX && last.items.checked_add(more.items).is_some()
}
