//! A worker's end of an exporter: spans or log records as OTLP bytes, many in one buffer.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

const BUFFER_BYTES: usize = 128 * 1024;
/// A buffer with this much in it is handed over; the rest is room for the items that come last.
const HANDOVER_BYTES: usize = BUFFER_BYTES / 2;
/// Buffers of one sink, those with the exporter included.
const BUFFERS_MAX: usize = 16;

/// What takes a worker's items to where they are sent from. Called once per buffer.
pub trait Outlet: Send {
    /// Takes a buffer, or gives it back when there is no room for it. Never blocks.
    ///
    /// # Errors
    /// The parcel as it was.
    fn try_send(&self, parcel: Parcel) -> Result<(), Parcel>;

    /// Counts items that no buffer was free for.
    fn count_dropped(&self, items: u32);
}

/// A full buffer.
#[derive(Debug)]
pub struct Parcel {
    /// OTLP items one behind the other.
    pub bytes: Vec<u8>,
    /// How many.
    pub items: u32,
    /// The way back for the buffer, once it is empty. Sending on it never blocks: there is room for every buffer.
    pub back: SyncSender<Vec<u8>>,
}

/// Where one worker puts items. Made anywhere, then used by one thread. Nothing here blocks; dropping it hands over what
/// is in it.
pub struct ItemSink {
    outlet: Box<dyn Outlet>,
    /// For the exporter to give buffers back: has room for all of them.
    back: SyncSender<Vec<u8>>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    returned: Receiver<Vec<u8>>,
    /// Buffers made, at most [`BUFFERS_MAX`]: they are made as the exporter's pace asks for them.
    made: usize,
    /// Being filled; without room when there is none.
    buffer: Vec<u8>,
    items: u32,
}

impl ItemSink {
    /// Into this outlet.
    pub fn new(outlet: Box<dyn Outlet>) -> Self {
        let (back, returned) = sync_channel(BUFFERS_MAX);
        Self {
            outlet,
            back,
            state: RefCell::new(State {
                returned,
                made: 0,
                buffer: Vec::new(),
                items: 0,
            }),
        }
    }

    /// Lets `append` put `count` items behind those in the worker's buffer, and hands the buffer over when it is half full.
    /// They are dropped and counted when every buffer is with the exporter. Does not block, and does not allocate once all
    /// buffers are made and no item is longer than half of one.
    pub fn record(&self, count: u32, append: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.borrow_mut();
        state.make_room();
        if state.buffer.capacity() == 0 {
            self.outlet.count_dropped(count);
            return;
        }
        append(&mut state.buffer);
        state.items += count;
        if state.buffer.len() >= HANDOVER_BYTES {
            self.hand_over(&mut state);
        }
    }

    /// Hands over what was recorded; workers call it a few times per second. Does not block.
    pub fn flush(&self) {
        self.hand_over(&mut self.state.borrow_mut());
    }

    /// A buffer that the queue does not take stays while there is room in it, and is offered again; then it is emptied,
    /// which the exporter counts.
    fn hand_over(&self, state: &mut State) {
        if state.items == 0 {
            return;
        }
        let parcel = Parcel {
            bytes: mem::take(&mut state.buffer),
            items: mem::take(&mut state.items),
            back: self.back.clone(),
        };
        if let Err(refused) = self.outlet.try_send(parcel) {
            state.buffer = refused.bytes;
            state.items = refused.items;
            if state.buffer.len() >= HANDOVER_BYTES {
                self.outlet.count_dropped(mem::take(&mut state.items));
                state.buffer.clear();
            }
        }
    }
}

impl State {
    fn make_room(&mut self) {
        if self.buffer.capacity() > 0 {
            return;
        }
        if let Ok(empty) = self.returned.try_recv() {
            self.buffer = empty;
        } else if self.made < BUFFERS_MAX {
            self.made += 1;
            self.buffer = Vec::with_capacity(BUFFER_BYTES);
        }
    }
}

impl Drop for ItemSink {
    fn drop(&mut self) {
        self.flush();
        let state = self.state.get_mut();
        if state.items > 0 {
            self.outlet.count_dropped(state.items);
        }
    }
}

impl fmt::Debug for ItemSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemSink")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
