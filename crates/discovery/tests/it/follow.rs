//! Names over time.

use std::time::Duration;

use discovery::{Resolver, Update, follow};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::server::{Reply, Server, Type, address};
use crate::warnings::Warnings;

const HOST: &str = "a.test";

/// A name that is followed; ends when it is dropped.
struct Followed {
    server: Server,
    resolver: Resolver,
    updates: mpsc::Receiver<Update>,
    tasks: JoinSet<()>,
}

impl Followed {
    /// Silence of the server counts as failure after 200 ms.
    async fn start(first: &Reply) -> Self {
        Self::start_with_room(first, 16).await
    }

    async fn start_with_room(first: &Reply, room: usize) -> Self {
        let server = Server::start().await;
        server.set(HOST, Type::A, first.clone());
        let resolver = Resolver::with_servers(&[server.addr]);
        let resolver = resolver.with_time_limit(Duration::from_millis(200));
        let (tx, updates) = mpsc::channel(room);
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(resolver.clone(), HOST.into(), tx));
        Self {
            server,
            resolver,
            updates,
            tasks,
        }
    }

    async fn check_update(&mut self, expected: &[&str]) {
        let update = self.updates.recv().await.unwrap();
        let addresses = expected.iter().map(|address| address.parse().unwrap());
        assert_eq!(&*update.host, HOST);
        assert_eq!(
            update.addresses,
            addresses.collect::<Vec<std::net::IpAddr>>()
        );
    }
}

fn record(ttl: u32, text: &str) -> Reply {
    Reply::Records(vec![address(ttl, text)])
}

#[tokio::test]
async fn asks_again_when_the_ttl_ends() {
    let mut followed = Followed::start(&record(2, "192.0.2.1")).await;
    let first = followed.server.question(Type::A).await.at;
    followed.check_update(&["192.0.2.1"]).await;
    let second = followed.server.question(Type::A).await.at;
    assert!(second - first >= Duration::from_secs(2));
    // A tenth of jitter, and the time of a busy machine.
    assert!(second - first < Duration::from_secs(10));
}

#[tokio::test]
async fn a_ttl_of_zero_is_a_second() {
    let mut followed = Followed::start(&record(0, "192.0.2.1")).await;
    let first = followed.server.question(Type::A).await.at;
    let second = followed.server.question(Type::A).await.at;
    assert!(second - first >= Duration::from_secs(1));
}

#[tokio::test]
async fn sends_changes_only() {
    let mut followed = Followed::start(&record(1, "192.0.2.1")).await;
    followed.check_update(&["192.0.2.1"]).await;
    followed.server.take_questions();
    // An answer that is the same, in another order of records.
    let twice = vec![address(1, "192.0.2.1"), address(1, "192.0.2.1")];
    followed.server.set(HOST, Type::A, Reply::Records(twice));
    followed.server.question(Type::A).await;
    let two = vec![address(1, "192.0.2.3"), address(1, "192.0.2.2")];
    followed.server.set(HOST, Type::A, Reply::Records(two));
    followed.check_update(&["192.0.2.2", "192.0.2.3"]).await;
    followed
        .server
        .set(HOST, Type::Aaaa, record(1, "2001:db8::1"));
    let expected = ["192.0.2.2", "192.0.2.3", "2001:db8::1"];
    followed.check_update(&expected).await;
    assert!(followed.resolver.stats().resolutions() >= 4);
    assert_eq!(followed.resolver.stats().failures(), 0);
}

/// Whatever fails, it changes nothing, is tried again, is logged once, and is over when there is another answer.
#[tokio::test]
async fn failures_keep_the_addresses() {
    let warnings = Warnings::default();
    let _collecting = warnings.collect();
    tokio::join!(
        check_kept(Reply::NoName),
        check_kept(Reply::Records(Vec::new())),
        check_kept(Reply::Failure),
        check_kept(Reply::Silence),
    );
    assert_eq!(warnings.count(), 4);
}

async fn check_kept(failure: Reply) {
    let mut followed = Followed::start(&record(1, "192.0.2.1")).await;
    followed.check_update(&["192.0.2.1"]).await;
    followed.server.take_questions();
    followed.server.set(HOST, Type::A, failure);
    // One resolution may ask more than once.
    while followed.resolver.stats().failures() < 2 {
        followed.server.question(Type::A).await;
    }
    assert!(followed.updates.is_empty());
    followed.server.set(HOST, Type::A, record(1, "192.0.2.2"));
    followed.check_update(&["192.0.2.2"]).await;
    assert!(followed.updates.is_empty());
}

#[tokio::test]
async fn a_failing_half_keeps_its_addresses() {
    let mut followed = Followed::start(&record(1, "192.0.2.1")).await;
    followed.check_update(&["192.0.2.1"]).await;
    followed
        .server
        .set(HOST, Type::Aaaa, record(1, "2001:db8::1"));
    followed.check_update(&["192.0.2.1", "2001:db8::1"]).await;
    followed.server.set(HOST, Type::Aaaa, Reply::Failure);
    followed.server.set(HOST, Type::A, record(1, "192.0.2.2"));
    followed.check_update(&["192.0.2.2", "2001:db8::1"]).await;
    // An answer without any is no failure.
    followed
        .server
        .set(HOST, Type::Aaaa, Reply::Records(Vec::new()));
    followed.check_update(&["192.0.2.2"]).await;
}

#[tokio::test]
async fn a_name_may_begin_without_addresses() {
    let mut followed = Followed::start(&Reply::NoName).await;
    followed.server.question(Type::A).await;
    followed.server.question(Type::A).await;
    followed.server.set(HOST, Type::A, record(1, "192.0.2.1"));
    followed.check_update(&["192.0.2.1"]).await;
}

#[tokio::test]
async fn failures_are_tried_again_less_and_less_often() {
    let mut followed = Followed::start(&Reply::NoName).await;
    let mut pauses = Vec::new();
    let mut last = followed.server.question(Type::A).await.at;
    for _ in 0..2 {
        let next = followed.server.question(Type::A).await.at;
        pauses.push(next - last);
        last = next;
    }
    assert!(pauses[0] >= Duration::from_secs(1), "{pauses:?}");
    assert!(pauses[1] >= Duration::from_secs(2), "{pauses:?}");
}

#[tokio::test]
async fn a_full_channel_loses_nothing() {
    let mut followed = Followed::start_with_room(&record(1, "192.0.2.1"), 1).await;
    followed.server.question(Type::A).await;
    followed.server.set(HOST, Type::A, record(1, "192.0.2.2"));
    followed.server.question(Type::A).await;
    followed.check_update(&["192.0.2.1"]).await;
    followed.check_update(&["192.0.2.2"]).await;
}

#[tokio::test]
async fn ends_with_its_receiver() {
    // In a pause of five minutes, and in a resolution.
    for first in [record(300, "192.0.2.1"), Reply::Silence] {
        let mut followed = Followed::start(&first).await;
        followed.server.question(Type::A).await;
        drop(followed.updates);
        followed.tasks.join_next().await.unwrap().unwrap();
    }
}
