//! Lets a message through a few times, then counts it.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher as _, Hash as _, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::Context;

/// What is counted together.
const WINDOW: Duration = Duration::from_secs(10);
/// The same message in one window; more are left out.
const SAME_MAX: u32 = 5;
/// Messages from one line of the program in one window, whatever they say.
const LINE_MAX: u32 = 300;
/// Messages that are told apart in one window.
const KEYS_MAX: usize = 1024;
/// Of a message's text in its summary.
const TEXT_MAX: usize = 160;
/// Fields in which messages that say the same differ.
const IDS: [&str; 3] = ["trace_id", "span_id", "request_id"];

/// How often each message was said lately.
#[derive(Debug)]
pub(super) struct Repeats {
    table: Mutex<Table>,
    hash: RandomState,
    left_out: AtomicU64,
}

#[derive(Debug)]
struct Table {
    began: Instant,
    messages: HashMap<(Identifier, u64), Message>,
    lines: HashMap<Identifier, u32>,
    /// Left out because their line of the program said too much, or too many were to be told apart.
    others: u64,
}

#[derive(Debug)]
struct Message {
    count: u32,
    level: Level,
    text: String,
}

impl Repeats {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            table: Mutex::new(Table::new(now)),
            hash: RandomState::new(),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether a message is let through.
    fn admits(&self, event: &Event<'_>) -> bool {
        let callsite = event.metadata().callsite();
        let mut said = Said {
            hasher: self.hash.build_hasher(),
            text: String::new(),
        };
        event.record(&mut said);
        let key = (callsite.clone(), said.hasher.finish());
        let mut table = self.lock();
        let line = table.lines.entry(callsite).or_default();
        *line = line.saturating_add(1);
        if *line > LINE_MAX {
            table.others += 1;
            return self.leave_out();
        }
        if !table.messages.contains_key(&key) && table.messages.len() >= KEYS_MAX {
            // It may be new; its line's bound holds.
            return true;
        }
        let message = table.messages.entry(key).or_insert_with(|| Message {
            count: 0,
            level: *event.metadata().level(),
            text: said.text,
        });
        message.count = message.count.saturating_add(1);
        if message.count > SAME_MAX {
            return self.leave_out();
        }
        true
    }

    fn leave_out(&self) -> bool {
        self.left_out.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// At the end of a window says what was left out of it.
    pub(super) fn sum_up(&self, now: Instant) {
        let ended = {
            let mut table = self.lock();
            if now.saturating_duration_since(table.began) < WINDOW {
                return;
            }
            std::mem::replace(&mut *table, Table::new(now))
        };
        // Not under the lock: these are messages too.
        for message in ended.messages.into_values() {
            if let Some(repeated) = message.count.checked_sub(SAME_MAX).filter(|more| *more > 0) {
                message.say(repeated);
            }
        }
        if ended.others > 0 {
            let repeated = ended.others;
            tracing::warn!(repeated, "messages of few kinds were too many to be shown");
        }
    }

    /// Messages left out so far.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn new(now: Instant) -> Self {
        Self {
            began: now,
            messages: HashMap::new(),
            lines: HashMap::new(),
            others: 0,
        }
    }
}

impl Message {
    /// As severe as what it sums up.
    fn say(&self, repeated: u32) {
        let text = &self.text;
        match self.level {
            Level::ERROR => tracing::error!(repeated, "said again and left out: {text}"),
            Level::WARN => tracing::warn!(repeated, "said again and left out: {text}"),
            Level::INFO => tracing::info!(repeated, "said again and left out: {text}"),
            _ => tracing::debug!(repeated, "said again and left out: {text}"),
        }
    }
}

/// What a message says, without what tells one occasion from another.
struct Said<H> {
    hasher: H,
    text: String,
}

impl<H: Hasher> Visit for Said<H> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if IDS.contains(&field.name()) {
            return;
        }
        field.name().hash(&mut self.hasher);
        // Neither fails.
        write!(Hashed(&mut self.hasher), "{value:?}").ok();
        if field.name() == "message" {
            write!(Short(&mut self.text), "{value:?}").ok();
        }
    }
}

struct Hashed<'a, H>(&'a mut H);

impl<H: Hasher> fmt::Write for Hashed<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

struct Short<'a>(&'a mut String);

impl fmt::Write for Short<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT_MAX.saturating_sub(self.0.len());
        let (short, _) = text.split_at(text.floor_char_boundary(room));
        self.0.push_str(short);
        Ok(())
    }
}

/// Asked before each message is shown.
pub(super) struct Layer(pub(super) Arc<Repeats>);

impl<S: Subscriber> tracing_subscriber::Layer<S> for Layer {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.0.admits(event)
    }
}
