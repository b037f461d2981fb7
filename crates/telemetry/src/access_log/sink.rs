//! A worker's end of the access log.

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::layout::Layout;
use super::line::Fit;
use super::meter::Meter;
use super::record::{AccessRecord, Rooms};
use super::writer::{Batch, Parcel};

const BUFFER_BYTES: usize = 64 * 1024;
/// A buffer with this much in it is handed over.
const HANDOVER_BYTES: usize = BUFFER_BYTES / 2;
/// Buffers of one sink, those with the writer included.
const BUFFERS_MAX: usize = 8;

/// Where one worker records. Made anywhere, then used by one thread. Nothing here blocks; dropping it hands over
/// what is in it.
#[derive(Debug)]
pub struct AccessSink {
    layout: Arc<Layout>,
    meter: Meter,
    queue: SyncSender<Parcel>,
    /// For the writer to give buffers back: has room for all of them.
    back: SyncSender<Vec<u8>>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    returned: Receiver<Vec<u8>>,
    /// Buffers made, at most [`BUFFERS_MAX`]: they are made as the writer's pace asks for them.
    made: usize,
    /// Being filled; without room when there is none.
    buffer: Vec<u8>,
    lines: u64,
    rooms: Rooms,
}

impl AccessSink {
    pub(crate) fn new(layout: Arc<Layout>, queue: SyncSender<Parcel>, meter: Meter) -> Self {
        let (back, returned) = sync_channel(BUFFERS_MAX);
        Self {
            layout,
            meter,
            queue,
            back,
            state: RefCell::new(State {
                returned,
                made: 0,
                buffer: Vec::new(),
                lines: 0,
                rooms: Rooms::default(),
            }),
        }
    }

    /// Formats a line into the worker's buffer and hands the buffer over when it is half full. Does not block, and
    /// does not allocate once all buffers are made. The line is dropped and counted when every buffer is with the
    /// writer.
    pub fn record(&self, record: &AccessRecord<'_>) {
        let mut state = self.state.borrow_mut();
        if self.try_record(&mut state, record) == Fit::TooLong {
            // Into an empty buffer every line goes, unless the plan repeats long fields.
            self.hand_over(&mut state);
            if self.try_record(&mut state, record) == Fit::TooLong {
                self.meter.add_dropped(1);
                return;
            }
        }
        if state.buffer.len() >= HANDOVER_BYTES {
            self.hand_over(&mut state);
        }
    }

    /// Hands over what was recorded; workers call it a few times per second, so that a quiet log is not late. Does
    /// not block.
    pub fn flush(&self) {
        self.hand_over(&mut self.state.borrow_mut());
    }

    fn try_record(&self, state: &mut State, record: &AccessRecord<'_>) -> Fit {
        state.make_room();
        if state.buffer.capacity() == 0 {
            return Fit::TooLong;
        }
        let State { buffer, rooms, .. } = state;
        let fit = self.layout.write(buffer, record, rooms);
        if fit == Fit::Whole {
            state.lines += 1;
        }
        fit
    }

    /// A buffer that the queue does not take stays and is offered again.
    fn hand_over(&self, state: &mut State) {
        if state.lines == 0 {
            return;
        }
        let batch = Batch {
            bytes: mem::take(&mut state.buffer),
            lines: mem::take(&mut state.lines),
            back: self.back.clone(),
        };
        match self.queue.try_send(Parcel::Batch(batch)) {
            Ok(()) => {}
            Err(TrySendError::Full(parcel)) => state.take_back(parcel),
            Err(TrySendError::Disconnected(parcel)) => {
                state.take_back(parcel);
                self.meter.add_dropped(mem::take(&mut state.lines));
                state.buffer.clear();
            }
        }
    }
}

impl State {
    /// A buffer to fill, if one is free.
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

    fn take_back(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Batch(batch) => {
                self.buffer = batch.bytes;
                self.lines = batch.lines;
            }
            Parcel::Wake => {}
        }
    }
}

impl Drop for AccessSink {
    fn drop(&mut self) {
        self.flush();
        self.meter.add_dropped(self.state.borrow().lines);
    }
}
