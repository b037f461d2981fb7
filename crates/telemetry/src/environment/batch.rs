//! `OTEL_BSP_*` and `OTEL_BLRP_*`: how items are gathered before they are sent.

use std::time::Duration;

use super::reader::{INTEGER_MAX, Reader};
use super::{Effect, Warning};

const QUEUE_DEFAULT: u32 = 2_048;
const BATCH_DEFAULT: u32 = 512;
const EXPORT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// How items are gathered before they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// `_SCHEDULE_DELAY`: the longest time between two exports; default 5 s for spans, 1 s for log records.
    pub schedule_delay: Duration,
    /// `_EXPORT_TIMEOUT`: the longest wait for one export; default 30 s, [`super::NO_LIMIT`] for 0.
    pub export_timeout: Duration,
    /// `_MAX_QUEUE_SIZE`: items that wait at most, 1 to 2^31-1; default 2048.
    pub queue_max: u32,
    /// `_MAX_EXPORT_BATCH_SIZE`: items of one export at most, 1 to `queue_max`; default 512, or `queue_max` if that is
    /// smaller.
    pub batch_max: u32,
    /// What of the two was said, for a program that has defaults of its own.
    pub said: Said,
}

/// Which sizes were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// As [`Batch::queue_max`].
    pub queue_max: Option<u32>,
    /// As [`Batch::batch_max`], where one of the two was given.
    pub batch_max: Option<u32>,
}

/// Variables of one processor.
struct Names {
    schedule_delay: &'static str,
    export_timeout: &'static str,
    queue_max: &'static str,
    batch_max: &'static str,
}

impl Batch {
    pub(super) fn read_for_spans(reader: &mut Reader<'_>) -> Self {
        let names = Names {
            schedule_delay: "OTEL_BSP_SCHEDULE_DELAY",
            export_timeout: "OTEL_BSP_EXPORT_TIMEOUT",
            queue_max: "OTEL_BSP_MAX_QUEUE_SIZE",
            batch_max: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        };
        Self::read(reader, &names, Duration::from_secs(5))
    }

    pub(super) fn read_for_log_records(reader: &mut Reader<'_>) -> Self {
        let names = Names {
            schedule_delay: "OTEL_BLRP_SCHEDULE_DELAY",
            export_timeout: "OTEL_BLRP_EXPORT_TIMEOUT",
            queue_max: "OTEL_BLRP_MAX_QUEUE_SIZE",
            batch_max: "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        };
        Self::read(reader, &names, Duration::from_secs(1))
    }

    fn read(reader: &mut Reader<'_>, names: &Names, schedule_delay: Duration) -> Self {
        let said_queue_max = reader.whole(names.queue_max, 1..=INTEGER_MAX);
        let queue_max = said_queue_max.unwrap_or(QUEUE_DEFAULT);
        let said_batch_max = reader
            .whole(names.batch_max, 1..=INTEGER_MAX)
            .filter(|batch| fits(reader, names, *batch, queue_max));
        Self {
            schedule_delay: reader
                .duration(names.schedule_delay, 0)
                .unwrap_or(schedule_delay),
            export_timeout: reader
                .timeout(names.export_timeout)
                .unwrap_or(EXPORT_TIMEOUT_DEFAULT),
            queue_max,
            batch_max: said_batch_max.unwrap_or(BATCH_DEFAULT.min(queue_max)),
            said: Said {
                queue_max: said_queue_max,
                // Whoever bounds the queue means requests that fit into it.
                batch_max: said_batch_max.or(said_queue_max.map(|queue| BATCH_DEFAULT.min(queue))),
            },
        }
    }
}

fn fits(reader: &mut Reader<'_>, names: &Names, batch: u32, queue_max: u32) -> bool {
    if batch > queue_max {
        let expected = format!("at most the {queue_max} of {}", names.queue_max);
        let found = batch.to_string();
        reader.warn(Warning::new(
            names.batch_max,
            expected,
            &found,
            Effect::Ignored,
        ));
    }
    batch <= queue_max
}
