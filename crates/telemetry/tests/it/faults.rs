//! Targets that are full, gone, unread or stuck: workers go on, and every line is accounted for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use telemetry::access_log::{AccessLog, Stopped};
use telemetry::plan::{AccessLogFormat, AccessLogPlan, AccessLogTarget};

use crate::samples::{PATIENCE, eventually, plan, record, start};

/// Enough lines to fill every buffer of a sink and a pipe.
const MANY: u64 = 4_000;

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Opens for reading without waiting for a writer.
fn reader(path: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .unwrap()
}

/// Everything that is in the pipe, without waiting for more.
fn drain(pipe: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    match pipe.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
    }
    bytes
}

fn count_lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

/// Messages of this process, for the test that reads them.
static MESSAGES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Messages;

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        MESSAGES.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many messages name a path. Recording begins with the first call.
fn messages_about(path: &Path) -> usize {
    static SET: OnceLock<()> = OnceLock::new();
    SET.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(|| Messages)
            .init();
    });
    let messages = String::from_utf8(MESSAGES.lock().unwrap().clone()).unwrap();
    messages
        .lines()
        .filter(|line| line.contains(path.to_str().unwrap()))
        .count()
}

#[test]
fn a_full_device_costs_lines_and_nothing_else() {
    let log = AccessLog::start(&plan(Path::new("/dev/full"), AccessLogFormat::Combined)).unwrap();
    let sink = log.sink();
    for _ in 0..MANY {
        sink.record(&record());
    }
    drop(sink);
    let meter = log.meter();
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
    let counts = meter.counts();
    assert_eq!((counts.lines_written, counts.lines_dropped), (0, MANY));
    assert!(counts.write_errors > 0);
}

#[test]
fn a_deleted_file_is_written_to_until_the_log_is_reopened() {
    let (_dir, path, log) = start();
    let sink = log.sink();
    let mut old = File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    sink.record(&record());
    sink.flush();
    eventually("the old file grows", || old.metadata().unwrap().len() > 0);
    assert!(!path.exists());

    log.reopen();
    eventually("the new file exists", || path.exists());
    sink.record(&record());
    drop(sink);
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
    assert_eq!(count_lines(&path), 1);
    let mut text = String::new();
    old.read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_rotation_loses_nothing() {
    let (dir, path, log) = start();
    let sink = log.sink();
    let rotated = dir.path().join("access.log.1");
    sink.record(&record());
    sink.flush();
    eventually("the line is written", || log.counts().lines_written == 1);
    fs::rename(&path, &rotated).unwrap();
    log.reopen();
    eventually("the new file exists", || path.exists());
    sink.record(&record());
    drop(sink);
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
    assert_eq!((count_lines(&rotated), count_lines(&path)), (1, 1));
}

#[test]
fn a_reopening_that_fails_keeps_the_old_file() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("logs");
    fs::create_dir(&dir).unwrap();
    let path = dir.join("access.log");
    assert_eq!(messages_about(&path), 0);
    let log = AccessLog::start(&plan(&path, AccessLogFormat::Combined)).unwrap();
    let old = File::open(&path).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    for failures in 1..=5 {
        log.reopen();
        eventually("the failure is counted", || {
            log.counts().write_errors == failures
        });
    }
    let sink = log.sink();
    sink.record(&record());
    drop(sink);
    let meter = log.meter();
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
    assert!(old.metadata().unwrap().len() > 0);
    assert_eq!(meter.counts().lines_written, 1);
    assert_eq!(messages_about(&path), 1);
}

#[test]
fn a_missing_folder_is_an_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing").join("access.log");
    let error = AccessLog::start(&plan(&missing, AccessLogFormat::Combined)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let error = AccessLog::start(&plan(dir.path(), AccessLogFormat::Combined)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
}

#[test]
fn a_pipe_without_a_reader_is_waited_for_by_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    pipe(&path);
    let log = AccessLog::start(&plan(&path, AccessLogFormat::Combined)).unwrap();
    let sink = log.sink();
    sink.record(&record());
    sink.flush();
    eventually("the line is dropped", || log.counts().lines_dropped == 1);
    let mut read = reader(&path);
    eventually("a line goes through once there is a reader", || {
        sink.record(&record());
        sink.flush();
        log.counts().lines_written > 0
    });
    assert!(drain(&mut read).ends_with(b"\n"));
    drop(sink);
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
}

#[test]
fn a_reader_that_leaves_does_not_end_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    pipe(&path);
    let read = reader(&path);
    let log = AccessLog::start(&plan(&path, AccessLogFormat::Combined)).unwrap();
    let sink = log.sink();
    sink.record(&record());
    sink.flush();
    eventually("the line is written", || log.counts().lines_written == 1);
    drop(read);
    sink.record(&record());
    sink.flush();
    eventually("the failure is counted", || {
        log.counts().write_errors == 1 && log.counts().lines_dropped == 1
    });
    let _read = reader(&path);
    eventually("the next reader gets lines", || {
        sink.record(&record());
        sink.flush();
        log.counts().lines_written > 1
    });
}

#[test]
fn a_stuck_target_blocks_no_worker_and_no_stop() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    pipe(&path);
    let mut read = reader(&path);
    let log = AccessLog::start(&plan(&path, AccessLogFormat::default())).unwrap();
    let sink = log.sink();
    for _ in 0..MANY {
        sink.record(&record());
    }
    assert!(log.counts().lines_dropped > 0, "all buffers are in use");
    drop(sink);
    let meter = log.meter();
    let start = Instant::now();
    assert_eq!(log.stop(Duration::from_millis(100)), Stopped::Cut);
    assert!(start.elapsed() < PATIENCE / 2);
    let counts = meter.counts();
    assert_eq!(counts.lines_written + counts.lines_dropped, MANY);
    let text = drain(&mut read);
    let whole = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(counts.lines_written, u64::try_from(whole).unwrap());
}

#[test]
fn a_slow_reader_gets_every_line_that_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    pipe(&path);
    let mut read = reader(&path);
    let log = AccessLog::start(&plan(&path, AccessLogFormat::default())).unwrap();
    let sink = log.sink();
    for _ in 0..MANY {
        sink.record(&record());
    }
    drop(sink);
    let meter = log.meter();
    let stopping = thread::spawn(move || log.stop(PATIENCE));
    let mut text = Vec::new();
    while !stopping.is_finished() {
        text.extend(drain(&mut read));
        thread::sleep(Duration::from_millis(1));
    }
    text.extend(drain(&mut read));
    assert_eq!(stopping.join().unwrap(), Stopped::Flushed);
    let counts = meter.counts();
    assert_eq!(counts.lines_written + counts.lines_dropped, MANY);
    for line in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        serde_json::from_slice::<serde_json::Value>(line).unwrap();
    }
    assert!(text.ends_with(b"}\n"));
}

#[test]
fn standard_output_is_a_target() {
    let plan = AccessLogPlan {
        format: AccessLogFormat::Combined,
        target: AccessLogTarget::Stdout,
        redact_query: Vec::new(),
    };
    let log = AccessLog::start(&plan).unwrap();
    log.reopen();
    assert_eq!(log.stop(PATIENCE), Stopped::Flushed);
}
