//! Batches as lines of OTLP/JSON.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use export::{Batch, Console, Flushed};
use otlp::{Envelope, LogRecord, Scope, Severity, Signal, Value, append_log_record};
use testkit::SOON;

/// Passes lines on, and waits for leave before each.
struct Gated {
    leave: Receiver<()>,
    lines: SyncSender<Vec<u8>>,
}

impl Write for Gated {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.leave
            .recv()
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        self.lines.send(line.to_vec()).ok();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn envelope() -> Envelope {
    let scope = Scope {
        name: "it",
        version: "",
    };
    Envelope::new(Signal::Logs, &[], scope, "")
}

fn batch(text: &str) -> Batch {
    let mut bytes = Vec::new();
    let record = LogRecord {
        time_unix_nanos: 1,
        observed_unix_nanos: 1,
        severity: Severity::INFO,
        severity_text: "",
        body: Value::Str(text.as_bytes()),
        attributes: &[],
        trace_id: None,
        span_id: None,
        flags: 0,
        event_name: "",
    };
    append_log_record(&mut bytes, &record);
    Batch {
        bytes,
        items: 1,
        back: None,
    }
}

#[tokio::test]
async fn each_batch_is_one_line_of_json() {
    let (leave, gate) = sync_channel(8);
    let (lines, seen) = sync_channel(8);
    let console = Console::writing_to(envelope(), Gated { leave: gate, lines }).unwrap();
    let queue = console.queue();
    for text in ["one", "two\nlines"] {
        leave.send(()).unwrap();
        queue.try_send(batch(text)).unwrap();
    }
    queue.count_dropped(3);
    let flushed = console.shutdown(SOON).await;
    assert_eq!(flushed.lost, 0);
    for text in ["one", "two\nlines"] {
        let line = seen.recv().unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let record = &json["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["body"]["stringValue"], text);
    }
    let counts = queue.counts();
    assert_eq!((counts.items_written, counts.items_dropped), (2, 3));
    assert!(queue.try_send(batch("late")).is_err());
}

/// An output that takes nothing holds nobody up: the queue fills to its bound, and the end comes in time.
#[tokio::test]
async fn an_output_that_stands_still_costs_items_only() {
    let (leave, gate) = sync_channel(8);
    let (lines, _seen) = sync_channel(8);
    let console = Console::writing_to(envelope(), Gated { leave: gate, lines }).unwrap();
    let queue = console.queue();
    let text = "x".repeat(1 << 20);
    let taken = (0..100)
        .take_while(|_| queue.try_send(batch(&text)).is_ok())
        .count();
    assert!((16..=33).contains(&taken), "{taken}");
    let flushed = console.shutdown(Duration::from_millis(10)).await;
    let lost = u64::try_from(taken).unwrap();
    assert_eq!(flushed, Flushed { exported: 0, lost });
    assert_eq!(queue.counts().items_offered, lost);
    drop(leave);
}
