//! One resolution.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use discovery::{Answer, ResolveError, Resolver};

use crate::server::{Data, Record, Reply, Server, Type, address};

fn answer(addresses: &[&str], ttl: u64) -> Answer {
    let addresses = addresses.iter().map(|address| address.parse().unwrap());
    Answer {
        addresses: addresses.collect(),
        valid_for: Duration::from_secs(ttl),
    }
}

#[tokio::test]
async fn finds_ipv4_and_ipv6_addresses() {
    let server = Server::start().await;
    let v4 = vec![
        address(60, "192.0.2.9"),
        address(60, "192.0.2.1"),
        address(60, "192.0.2.9"),
    ];
    server.set("a.test", Type::A, Reply::Records(v4));
    let v6 = vec![address(30, "2001:db8::1")];
    server.set("a.test", Type::Aaaa, Reply::Records(v6));
    let found = Resolver::with_servers(&[server.addr])
        .resolve("a.test")
        .await;
    let expected = answer(&["192.0.2.1", "192.0.2.9", "2001:db8::1"], 30);
    assert_eq!(found.unwrap(), expected);
}

#[tokio::test]
async fn finds_addresses_of_one_family() {
    let server = Server::start().await;
    let resolver = Resolver::with_servers(&[server.addr]);
    let records = |text| Reply::Records(vec![address(7, text)]);
    server.set("v4.test", Type::A, records("192.0.2.1"));
    server.set("v6.test", Type::Aaaa, records("2001:db8::1"));
    server.set("v6.test", Type::A, Reply::NoName);
    let v4 = resolver.resolve("v4.test").await.unwrap();
    assert_eq!(v4, answer(&["192.0.2.1"], 7));
    let v6 = resolver.resolve("v6.test").await.unwrap();
    assert_eq!(v6, answer(&["2001:db8::1"], 7));
}

#[tokio::test]
async fn one_family_is_enough_when_the_other_fails() {
    let server = Server::start().await;
    let resolver = Resolver::with_servers(&[server.addr]);
    let resolver = resolver.with_time_limit(Duration::from_millis(300));
    let v6 = Reply::Records(vec![address(7, "2001:db8::1")]);
    server.set("half.test", Type::Aaaa, v6);
    for failure in [Reply::Failure, Reply::Silence] {
        server.set("half.test", Type::A, failure);
        let found = resolver.resolve("half.test").await.unwrap();
        assert_eq!(found, answer(&["2001:db8::1"], 7));
    }
}

#[tokio::test]
async fn case_and_a_dot_at_the_end_make_no_difference() {
    let mut server = Server::start().await;
    let resolver = Resolver::with_servers(&[server.addr]);
    let records = Reply::Records(vec![address(60, "192.0.2.1")]);
    server.set("www.a_b.test", Type::A, records);
    for host in ["www.a_b.test", "WWW.A_b.TEST", "www.a_b.test."] {
        let found = resolver.resolve(host).await.unwrap();
        assert_eq!(found, answer(&["192.0.2.1"], 60), "{host}");
    }
    let questions = server.take_questions();
    assert!(
        questions
            .iter()
            .all(|question| question.name == "www.a_b.test")
    );
}

#[tokio::test]
async fn follows_aliases() {
    let server = Server::start().await;
    let alias = Record {
        name: None,
        ttl: 20,
        data: Data::Name("real.test"),
    };
    let real = Record {
        name: Some("real.test"),
        ..address(60, "192.0.2.1")
    };
    let resolver = Resolver::with_servers(&[server.addr]);
    let whole = Reply::Records(vec![alias.clone(), real]);
    server.set("whole.test", Type::A, whole);
    let found = resolver.resolve("whole.test").await.unwrap();
    assert_eq!(found, answer(&["192.0.2.1"], 20));

    server.set("short.test", Type::A, Reply::Records(vec![alias]));
    let real = Reply::Records(vec![address(60, "192.0.2.2")]);
    server.set("real.test", Type::A, real);
    let found = resolver.resolve("short.test").await.unwrap();
    assert_eq!(found, answer(&["192.0.2.2"], 20));
}

#[tokio::test]
async fn truncated_answers_come_over_tcp() {
    let mut server = Server::start().await;
    let records = (0..1_500_u32).map(|n| Record {
        name: None,
        ttl: 60,
        data: Data::Address(Ipv4Addr::from(0x0a00_0000 + n).into()),
    });
    let records = Reply::Truncated(records.collect());
    server.set("large.test", Type::A, records);
    let found = Resolver::with_servers(&[server.addr])
        .resolve("large.test")
        .await;
    let first = (0..1_000).map(|n| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n)));
    assert_eq!(found.unwrap().addresses, first.collect::<Vec<_>>());
    let questions = server.take_questions();
    let of = |question: &&crate::server::Question| question.of == Type::A;
    let ways: Vec<bool> = questions
        .iter()
        .filter(of)
        .map(|question| question.tcp)
        .collect();
    assert_eq!(ways, [false, true]);
}

#[tokio::test]
async fn tells_failures_apart() {
    let server = Server::start().await;
    let resolver = Resolver::with_servers(&[server.addr]);
    let resolver = resolver.with_time_limit(Duration::from_millis(300));
    server.set_all("none.test", &Reply::NoName);
    server.set_all("failing.test", &Reply::Failure);
    server.set_all("silent.test", &Reply::Silence);
    let cases = [
        (
            "none.test",
            "`none.test`: expected a name with addresses, there is no such name",
        ),
        (
            "empty.test",
            "`empty.test`: expected A or AAAA records, the name has none",
        ),
        (
            "failing.test",
            "`failing.test`: expected an answer, the name servers failed",
        ),
        (
            "silent.test",
            "`silent.test`: expected an answer of a name server within 300ms, none came",
        ),
        ("", "``: expected a DNS name"),
        ("a..b", "`a..b`: expected a DNS name"),
        ("größe.test", "`größe.test`: expected a DNS name"),
    ];
    for (host, expected) in cases {
        let error = resolver.resolve(host).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(resolver.stats().resolutions(), 7);
    assert_eq!(resolver.stats().failures(), 7);
}

#[tokio::test]
async fn the_time_limit_holds() {
    let server = Server::start().await;
    server.set_all("silent.test", &Reply::Silence);
    let resolver = Resolver::with_servers(&[server.addr]);
    let start = Instant::now();
    let error = resolver.resolve("silent.test").await.unwrap_err();
    assert!(matches!(error, ResolveError::TimedOut { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_server_that_does_not_answer_stops_no_other() {
    let (silent, server) = (Server::start().await, Server::start().await);
    silent.set_all("www.test", &Reply::Silence);
    let records = Reply::Records(vec![address(60, "192.0.2.1")]);
    server.set("www.test", Type::A, records);
    for addrs in [[silent.addr, server.addr], [server.addr, silent.addr]] {
        let resolver = Resolver::with_servers(&addrs);
        for _ in 0..5 {
            let found = resolver.resolve("www.test").await.unwrap();
            assert_eq!(found, answer(&["192.0.2.1"], 60));
        }
    }
}

#[tokio::test]
async fn some_names_need_no_server() {
    let mut server = Server::start().await;
    let resolver = Resolver::with_servers(&[server.addr]);
    for literal in ["192.0.2.1", "2001:db8::1"] {
        let found = resolver.resolve(literal).await.unwrap();
        assert_eq!(found.addresses, [literal.parse::<IpAddr>().unwrap()]);
    }
    for host in ["localhost", "LOCALHOST", "localhost."] {
        let found = resolver.resolve(host).await.unwrap();
        assert!(!found.addresses.is_empty());
        assert!(found.addresses.iter().all(IpAddr::is_loopback));
    }
    assert_eq!(server.take_questions(), []);
    assert_eq!(resolver.stats().resolutions(), 5);
    assert_eq!(resolver.stats().failures(), 0);
}

#[tokio::test]
async fn the_system_knows_localhost() {
    let resolver = Resolver::from_system().unwrap();
    let found = resolver.resolve("localhost").await.unwrap();
    assert!(found.addresses.iter().all(IpAddr::is_loopback));
}
