//! Puts load on one address over keep-alive connections, from one thread on one `epoll`.
//!
//! With an open pace, requests are due at fixed times whatever the peer does, and latency counts from the moment a
//! request was *due*: a peer that stalls is charged for the requests it kept from being sent (no coordinated omission).
//! With a closed pace every connection sends its next request as soon as it has its response. One request at a time per
//! connection; nothing is allocated per request.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    num::NonZeroU32,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, Event, EventData, EventFlags},
    fs::Timespec,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    response::{Complete, Reader},
    stats::figure,
};

const TIMER: u64 = u64::MAX;
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// After the last request was due, answers are waited for this long.
const DRAIN: Duration = Duration::from_secs(3);
/// A peer that fails this often is not under load, it is broken.
const FAILURES_MAX: u64 = 20_000;
const SCRATCH: usize = 64 * 1024;

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At fixed times, this many per second over all connections.
    Open {
        /// Requests per second.
        per_second: NonZeroU32,
    },
    /// As soon as a connection is free.
    Closed,
}

/// What a run consists of; it ends with whichever bound is met first.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// Requests as bytes, sent in turn; at least one.
    pub requests: &'a [Vec<u8>],
    /// When they are sent.
    pub pace: Pace,
    /// At most this many.
    pub total: u64,
    /// For at most this long; at most an hour.
    pub time: Duration,
}

/// Open connections to one address.
pub struct Fleet {
    address: SocketAddr,
    connections: Vec<Connection>,
    free: VecDeque<usize>,
    epoll: OwnedFd,
    events: Vec<Event>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    /// `None` while the peer refuses connections.
    stream: Option<TcpStream>,
    /// When the request under way was due, in nanoseconds since the start of the run.
    due: Option<u64>,
    reader: Reader,
}

/// What a run came to. Latencies are in microseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Requests sent.
    pub sent: u64,
    /// Responses with a 2xx status.
    pub succeeded: u64,
    /// Requests without a 2xx response: the next three and connections that broke.
    pub failed: u64,
    /// Of these: another status.
    pub other_status: u64,
    /// Of these: no complete response in time.
    pub unanswered: u64,
    /// Of these: no connection to send them on.
    pub refused: u64,
    /// Connections the peer closed, idle or not.
    pub closed: u64,
    /// Requests that were due but not sent before the end.
    pub unsent: u64,
    /// The run ended early because too much failed.
    pub gave_up: bool,
    /// From the start to the last response.
    pub seconds: f64,
    /// Successful responses per second.
    pub per_second: f64,
    /// Latency over the whole run.
    pub latency: Latency,
    /// How late requests were sent, for lack of a free connection or of time: what the generator added itself.
    pub lag: Latency,
    /// The same for the requests due in each second.
    pub seconds_of_run: Vec<Second>,
}

/// Requests that were due within one second of the run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Second {
    /// Responses with a 2xx status.
    pub succeeded: u64,
    /// Requests without.
    pub failed: u64,
    /// Latency of the successful ones.
    pub latency: Latency,
    /// How late the latest was sent: what the generator added itself, in microseconds.
    pub late_max: f64,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// 90 of 100 are not above.
    pub p90: f64,
    /// 99 of 100 are not above.
    pub p99: f64,
    /// 999 of 1,000 are not above.
    pub p999: f64,
    /// The largest.
    pub max: f64,
}

impl Fleet {
    /// Opens `count` connections.
    ///
    /// # Errors
    /// When the peer does not accept them all.
    pub fn connect(address: SocketAddr, count: usize) -> Result<Self> {
        let mut fleet = Self {
            address,
            connections: Vec::with_capacity(count),
            free: VecDeque::with_capacity(count),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot create an epoll")?,
            events: Vec::with_capacity(256),
            scratch: vec![0; SCRATCH],
        };
        for index in 0..count {
            fleet.connections.push(Connection {
                stream: None,
                due: None,
                reader: Reader::default(),
            });
            if !fleet.open(index) {
                bail!("connection {index} of {count} was refused");
            }
        }
        Ok(fleet)
    }

    /// Does the work and says what it came to.
    ///
    /// # Errors
    /// When the operating system refuses a timer or an `epoll` call; what the peer does is no error but counted.
    pub fn run(&mut self, work: &Work<'_>) -> Result<Summary> {
        if work.requests.is_empty() {
            bail!("there is no request to send");
        }
        self.settle();
        let mut run = Run::new(work)?;
        let timer = self.start_timer(work.pace)?;
        while !run.over() {
            while run.due() > run.next
                && let Some(index) = self.free.pop_front()
            {
                self.send(index, &mut run);
            }
            self.wait(&mut run, timer.as_ref())?;
        }
        if let Some(timer) = timer {
            epoll::delete(&self.epoll, &timer).context("cannot remove the timer")?;
        }
        run.tally.unanswered += run.in_flight;
        Ok(run.summary())
    }

    /// How many connections the peer has closed while nobody looked.
    pub fn closed_by_peer(&mut self) -> usize {
        let streams = self
            .connections
            .iter()
            .map(|connection| connection.stream.as_ref());
        streams
            .filter(|stream| stream.is_none_or(|stream| !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)))
            .count()
    }

    /// Closed connections are opened again, busy ones (from a run that gave up on them) replaced.
    fn settle(&mut self) {
        self.free.clear();
        for index in 0..self.connections.len() {
            let connection = &mut self.connections[index];
            if connection.due.take().is_some() {
                connection.stream = None;
                connection.reader.reset();
            }
            if self.connections[index].stream.is_some() || self.open(index) {
                self.free.push_back(index);
            }
        }
    }

    /// A timer that fires once per request of an open pace.
    fn start_timer(&self, pace: Pace) -> Result<Option<OwnedFd>> {
        let Pace::Open { per_second } = pace else {
            return Ok(None);
        };
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )
        .context("cannot create a timer")?;
        let interval = Timespec {
            tv_sec: i64::from(per_second.get() == 1),
            tv_nsec: if per_second.get() == 1 {
                0
            } else {
                i64::from(1_000_000_000 / per_second.get())
            },
        };
        let setting = Itimerspec {
            it_interval: interval,
            it_value: interval,
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)
            .context("cannot set a timer")?;
        let flags = EventFlags::IN | EventFlags::ET;
        epoll::add(&self.epoll, &timer, EventData::new_u64(TIMER), flags)
            .context("cannot wait for a timer")?;
        Ok(Some(timer))
    }

    fn send(&mut self, index: usize, run: &mut Run<'_>) {
        let request = run.take_request();
        let due = run.due_at(request);
        if self.connections[index].stream.is_none() && !self.open(index) {
            run.tally.refused += 1;
            self.free.push_back(index);
            return;
        }
        let bytes = &run.work.requests[index_of(request, run.work.requests.len())];
        let connection = &mut self.connections[index];
        let written = connection.stream.as_mut().map(|stream| stream.write(bytes));
        // The request of a free connection fits into its socket's buffer.
        if matches!(written, Some(Ok(count)) if count == bytes.len()) {
            connection.due = Some(due);
            run.sent(due);
        } else {
            run.broken(due);
            self.reopen(index, run);
            self.free.push_back(index);
        }
    }

    fn wait(&mut self, run: &mut Run<'_>, timer: Option<&OwnedFd>) -> Result<()> {
        // Long enough not to matter, short enough to notice the end of the run.
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&patience),
        ) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error).context("cannot wait for events"),
        }
        for at in 0..self.events.len() {
            let Event { data, .. } = self.events[at];
            match (data.u64(), timer) {
                // A periodic timer goes on only once its expirations were read.
                (TIMER, Some(timer)) => {
                    rustix::io::read(timer, &mut [0; 8]).context("cannot read the timer")?;
                }
                (index, _) => {
                    if let Ok(index) = usize::try_from(index) {
                        self.receive(index, run);
                    }
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, index: usize, run: &mut Run<'_>) {
        let connection = &mut self.connections[index];
        let Some(stream) = connection.stream.as_mut() else {
            return;
        };
        let count = match stream.read(&mut self.scratch) {
            Ok(count) => count,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return;
            }
            Err(_) => 0,
        };
        let complete = match count {
            0 => Err(connection.reader.end()),
            _ => match connection.reader.feed(&self.scratch[..count]) {
                Ok(None) => return,
                Ok(Some(complete)) if connection.due.is_some() => Ok(complete),
                Ok(Some(_)) | Err(_) => Err(None),
            },
        };
        match (complete, connection.due.take()) {
            (Ok(complete), Some(due)) => {
                run.answered(due, complete);
                if complete.closes {
                    self.reopen(index, run);
                }
                self.free.push_back(index);
            }
            // Broken or closed under a request.
            (Err(complete), Some(due)) => {
                match complete {
                    Some(complete) => run.answered(due, complete),
                    None => run.failed_under_way(due),
                }
                self.reopen(index, run);
                self.free.push_back(index);
            }
            // Closed while idle: it keeps its place among the free ones.
            (_, None) => self.reopen(index, run),
        }
    }

    fn reopen(&mut self, index: usize, run: &mut Run<'_>) {
        run.tally.closed += 1;
        self.connections[index].stream = None;
        self.connections[index].reader.reset();
        // A refusal shows when the connection is used next.
        let _opened: bool = self.open(index);
    }

    fn open(&mut self, index: usize) -> bool {
        let stream = TcpStream::connect_timeout(&self.address, CONNECT_PATIENCE)
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .and_then(|stream| stream.set_nonblocking(true).map(|()| stream));
        let Ok(stream) = stream else {
            return false;
        };
        let data = EventData::new_u64(index as u64);
        let added = epoll::add(
            &self.epoll,
            &stream,
            data,
            EventFlags::IN | EventFlags::RDHUP,
        )
        .is_ok();
        self.connections[index].stream = added.then_some(stream);
        added
    }
}

/// The state of one run.
struct Run<'a> {
    work: &'a Work<'a>,
    started: Instant,
    /// The number of the next request.
    next: u64,
    in_flight: u64,
    finished_at: u64,
    tally: Tally,
}

struct Tally {
    sent: u64,
    succeeded: u64,
    other_status: u64,
    unanswered: u64,
    broken: u64,
    refused: u64,
    closed: u64,
    latency: Histogram<u32>,
    lag: Histogram<u32>,
    seconds: Vec<SecondTally>,
}

struct SecondTally {
    succeeded: u64,
    failed: u64,
    late_max: u64,
    latency: Histogram<u32>,
}

impl<'a> Run<'a> {
    fn new(work: &'a Work<'a>) -> Result<Self> {
        let seconds = work.time.as_secs().min(3600) + 1;
        Ok(Self {
            tally: Tally {
                sent: 0,
                succeeded: 0,
                other_status: 0,
                unanswered: 0,
                broken: 0,
                refused: 0,
                closed: 0,
                latency: histogram()?,
                lag: histogram()?,
                seconds: (0..seconds)
                    .map(|_| SecondTally::new())
                    .collect::<Result<_>>()?,
            },
            work,
            next: 0,
            in_flight: 0,
            finished_at: 0,
            // Last, so that making room is not part of the run.
            started: Instant::now(),
        })
    }

    fn now(&self) -> u64 {
        nanoseconds(self.started.elapsed())
    }

    /// How many requests should have been sent by now.
    fn due(&self) -> u64 {
        let now = self.now();
        let within = nanoseconds(self.work.time);
        match self.work.pace {
            Pace::Closed if now < within => self.work.total,
            Pace::Closed => self.next,
            Pace::Open { per_second } => {
                let rate = u64::from(per_second.get());
                let all = self
                    .work
                    .total
                    .min(within.saturating_mul(rate) / 1_000_000_000);
                all.min(now.saturating_mul(rate) / 1_000_000_000)
            }
        }
    }

    fn due_at(&self, request: u64) -> u64 {
        match self.work.pace {
            Pace::Closed => self.now(),
            // The first one is due one interval after the start, when the timer fires for the first time.
            Pace::Open { per_second } => {
                (request + 1).saturating_mul(1_000_000_000) / u64::from(per_second.get())
            }
        }
    }

    fn over(&self) -> bool {
        let now = self.now();
        let failures = self.tally.broken + self.tally.refused;
        failures > FAILURES_MAX
            || now > nanoseconds(self.work.time + DRAIN)
            || (self.in_flight == 0
                && (self.next >= self.work.total || now > nanoseconds(self.work.time))
                && self.next >= self.due())
    }

    fn take_request(&mut self) -> u64 {
        let request = self.next;
        self.next += 1;
        request
    }

    fn sent(&mut self, due: u64) {
        self.tally.sent += 1;
        self.in_flight += 1;
        let lag = self.now().saturating_sub(due);
        self.tally.lag.saturating_record(lag);
        let second = self.second(due);
        second.late_max = second.late_max.max(lag);
    }

    fn answered(&mut self, due: u64, complete: Complete) {
        let now = self.now();
        self.in_flight -= 1;
        self.finished_at = now;
        let second = self.second(due);
        if (200..300).contains(&complete.status) {
            let latency = now.saturating_sub(due);
            second.succeeded += 1;
            second.latency.saturating_record(latency);
            self.tally.latency.saturating_record(latency);
            self.tally.succeeded += 1;
        } else {
            second.failed += 1;
            self.tally.other_status += 1;
        }
    }

    fn failed_under_way(&mut self, due: u64) {
        self.in_flight -= 1;
        self.broken(due);
    }

    fn broken(&mut self, due: u64) {
        self.second(due).failed += 1;
        self.tally.broken += 1;
    }

    fn second(&mut self, due: u64) -> &mut SecondTally {
        let index = index_of(due / 1_000_000_000, usize::MAX).min(self.tally.seconds.len() - 1);
        &mut self.tally.seconds[index]
    }

    fn summary(self) -> Summary {
        let tally = &self.tally;
        let failures = tally.broken + tally.refused;
        let seconds = figure(self.finished_at) / 1e9;
        Summary {
            sent: tally.sent,
            succeeded: tally.succeeded,
            failed: failures + tally.other_status + tally.unanswered,
            other_status: tally.other_status,
            unanswered: tally.unanswered,
            refused: tally.refused,
            closed: tally.closed,
            unsent: match self.work.pace {
                Pace::Closed => 0,
                Pace::Open { .. } => self.due().saturating_sub(self.next),
            },
            gave_up: failures > FAILURES_MAX,
            seconds,
            per_second: figure(tally.succeeded) / seconds.max(1e-9),
            latency: Latency::of(&tally.latency),
            lag: Latency::of(&tally.lag),
            seconds_of_run: tally.seconds.iter().map(SecondTally::summary).collect(),
        }
    }
}

impl SecondTally {
    fn new() -> Result<Self> {
        Ok(Self {
            succeeded: 0,
            failed: 0,
            late_max: 0,
            latency: histogram()?,
        })
    }

    fn summary(&self) -> Second {
        Second {
            succeeded: self.succeeded,
            failed: self.failed,
            latency: Latency::of(&self.latency),
            late_max: figure(self.late_max) / 1e3,
        }
    }
}

impl Latency {
    fn of(histogram: &Histogram<u32>) -> Self {
        let at = |quantile| figure(histogram.value_at_quantile(quantile)) / 1e3;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: figure(histogram.max()) / 1e3,
        }
    }
}

/// Nanoseconds from a quarter of a microsecond to a minute, three digits: about 200 KiB.
fn histogram() -> Result<Histogram<u32>> {
    Histogram::new_with_bounds(256, 60_000_000_000, 3).context("cannot make a histogram")
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn index_of(number: u64, count: usize) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX) % count
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;
    use crate::http::request;

    /// Answers `answers` requests per connection, then closes it; `pause` before each answer.
    fn serve(connections: usize, answers: usize, pause: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().take(connections) {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    for _ in 0..answers {
                        if stream.read(&mut buffer).is_ok_and(|count| count == 0) {
                            return;
                        }
                        thread::sleep(pause);
                        if stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                            .is_err()
                        {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn open(per_second: u32) -> Pace {
        Pace::Open {
            per_second: NonZeroU32::new(per_second).unwrap(),
        }
    }

    #[test]
    fn keeps_the_pace_and_counts() {
        let address = serve(4, usize::MAX, Duration::ZERO);
        let mut fleet = Fleet::connect(address, 4).unwrap();
        let requests = [request("a", "/"), request("b", "/b")];
        let summary = fleet
            .run(&Work {
                requests: &requests,
                pace: open(200),
                total: u64::MAX,
                time: Duration::from_secs(1),
            })
            .unwrap();
        assert_eq!(
            (summary.succeeded, summary.failed, summary.closed),
            (200, 0, 0)
        );
        assert!((0.9..1.6).contains(&summary.seconds), "{summary:?}");
        let counted: u64 = summary
            .seconds_of_run
            .iter()
            .map(|second| second.succeeded)
            .sum();
        assert_eq!(counted, 200);
    }

    #[test]
    fn a_stall_is_charged_to_the_requests_it_delayed() {
        // One connection, 20 ms per answer, a request due every 10 ms: the last of 20 waits about 200 ms.
        let address = serve(1, usize::MAX, Duration::from_millis(20));
        let mut fleet = Fleet::connect(address, 1).unwrap();
        let summary = fleet
            .run(&Work {
                requests: &[request("a", "/")],
                pace: open(100),
                total: 20,
                time: Duration::from_secs(1),
            })
            .unwrap();
        assert_eq!(summary.succeeded, 20);
        assert!(summary.latency.max > 150_000.0, "{summary:?}");
    }

    #[test]
    fn closed_connections_are_counted_and_replaced() {
        let address = serve(100, 10, Duration::ZERO);
        let mut fleet = Fleet::connect(address, 2).unwrap();
        let summary = fleet
            .run(&Work {
                requests: &[request("a", "/")],
                pace: Pace::Closed,
                total: 100,
                time: Duration::from_secs(5),
            })
            .unwrap();
        assert!(summary.closed >= 8, "{summary:?}");
        assert_eq!(summary.succeeded + summary.failed, 100, "{summary:?}");
    }
}
