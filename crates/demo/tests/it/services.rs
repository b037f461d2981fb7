//! Start and end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use demo::Services;

use crate::client::get;

#[test]
fn connections_stay_open_between_requests() {
    let services = Services::start().unwrap();
    let mut socket = TcpStream::connect(services.products()).unwrap();
    for _ in 0..3 {
        let request = b"GET /health HTTP/1.1\r\nhost: demo\r\n\r\n";
        socket.write_all(request).unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\nok\n") {
            let mut chunk = [0; 512];
            let count = socket.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "the connection was closed");
            response.extend_from_slice(&chunk[..count]);
        }
    }
}

#[test]
fn a_slow_answer_delays_no_other() {
    let services = Services::start().unwrap();
    let mut slow = TcpStream::connect(services.products()).unwrap();
    let request = b"GET /slow?ms=5000 HTTP/1.1\r\nhost: demo\r\n\r\n";
    slow.write_all(request).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(get(services.products(), "/health").status, 200);
    assert_eq!(get(services.site(), "/").status, 200);
    assert_eq!(get(services.traces(), "/").status, 200);
    assert!(start.elapsed() < std::time::Duration::from_secs(4));
}

#[test]
fn the_end_frees_ports_and_cuts_connections() {
    for by_drop in [false, true] {
        let services = Services::start().unwrap();
        let addrs = [services.products(), services.site(), services.traces()];
        let mut open = addrs.map(|addr| TcpStream::connect(addr).unwrap());
        open[0]
            .write_all(b"GET /slow?ms=5000 HTTP/1.1\r\nhost: demo\r\n\r\n")
            .unwrap();
        if by_drop {
            drop(services);
        } else {
            services.stop();
        }
        for (addr, mut socket) in addrs.into_iter().zip(open) {
            assert!(TcpStream::connect(addr).is_err());
            let read = socket.read(&mut [0; 16]);
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        }
    }
}
