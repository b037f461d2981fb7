//! Ten thousand routes and ten thousand upstreams.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::{plan, read};

fn large(count: usize) -> String {
    let mut text = "listeners: { web: { address: ':8080' } }\nroutes:\n".to_owned();
    for number in 0..count {
        write!(
            text,
            "  - name: r{number}\n    match: {{ hosts: [h{number}.example.com], path: '/a/{number}/{{id}}', methods: [GET] }}\n    \
             filters: [{{ request_headers: {{ set: {{ x-id: '${{path.id}}' }} }} }}]\n    \
             forward: {{ upstream: u{number}, timeout: 5s, retries: {{ max: 2, on: [connect, 502] }} }}\n"
        )
        .unwrap();
    }
    text.push_str("upstreams:\n");
    for number in 0..count {
        writeln!(
            text,
            "  u{number}: {{ endpoints: ['10.0.0.1:{}', 'h{number}.internal:80'], connections: {{ max: 10 }} }}",
            number % 60_000 + 1
        )
        .unwrap();
    }
    text
}

/// The bound is twenty times what it takes, so that a busy machine does not fail the test; what grows faster than the
/// text does.
#[test]
fn ten_thousand_of_each_take_no_time() {
    let text = large(10_000);
    let start = Instant::now();
    let plan = plan(&text);
    let took = start.elapsed();
    assert_eq!((plan.routes.len(), plan.upstreams.len()), (10_000, 10_000));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn ten_thousand_misspelt_names_take_no_time() {
    let text = large(10_000).replace("upstream: u", "upstream: v");
    let start = Instant::now();
    let errors = read(&text).unwrap_err();
    assert_eq!(errors.iter().len() + errors.more(), 10_000);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}
