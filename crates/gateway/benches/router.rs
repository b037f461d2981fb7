//! What finding a route costs, by how many routes there are and how their paths match.

use divan::{Bencher, black_box};
use gateway::plan::{MatchPlan, PathMatch, RespondPlan, RoutePlan, TargetPlan};
use gateway::router::Router;
use h1::{HeadLimits, HeadReader};
use message::{RequestHead, StatusCode};

fn main() {
    divan::main();
}

const COUNTS: [u32; 3] = [10, 1000, 10_000];

/// How the paths of all routes of a bench match.
#[derive(Clone, Copy)]
enum Kind {
    Exact,
    Template,
    Prefix,
}

impl Kind {
    fn path(self, number: u32) -> PathMatch {
        match self {
            Self::Exact => PathMatch::Exact(format!("/api/v1/resource-{number}/items").into()),
            Self::Template => {
                PathMatch::Template(format!("/api/v1/resource-{number}/{{id}}/items").into())
            }
            Self::Prefix => PathMatch::Prefix(format!("/api/v1/resource-{number}").into()),
        }
    }

    fn request(self, number: u32) -> RequestHead {
        let path = match self {
            Self::Exact => format!("/api/v1/resource-{number}/items"),
            Self::Template => format!("/api/v1/resource-{number}/48151623/items"),
            Self::Prefix => format!("/api/v1/resource-{number}/items/48151623"),
        };
        request(&path)
    }

    fn router(self, count: u32) -> Router {
        let routes: Vec<RoutePlan> = (0..count).map(|number| route(self.path(number))).collect();
        Router::new(&routes)
    }
}

fn route(path: PathMatch) -> RoutePlan {
    RoutePlan {
        name: "r".into(),
        matches: MatchPlan {
            path: Some(path),
            ..MatchPlan::default()
        },
        filters: Vec::new(),
        target: TargetPlan::Respond(RespondPlan {
            status: StatusCode::OK,
            body: Box::default(),
            headers: Vec::new(),
        }),
    }
}

fn request(path: &str) -> RequestHead {
    const LIMITS: HeadLimits = HeadLimits {
        bytes: 32 << 10,
        fields: 100,
        target: 8 << 10,
    };
    let raw = format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\n\r\n");
    let mut head = RequestHead::default();
    let read = HeadReader::default().request(raw.as_bytes(), LIMITS, &mut head);
    assert_eq!(read, Ok(Some(raw.len())));
    head
}

/// The same route each time: everything it touches is in the cache.
fn bench_same(bencher: Bencher<'_, '_>, kind: Kind, count: u32) {
    let router = kind.router(count);
    let request = kind.request(count / 2);
    assert_eq!(router.find(&request), Some(count / 2));
    bencher.bench_local(|| router.find(black_box(&request)));
}

/// All routes in turn, scattered over the table.
fn bench_rotating(bencher: Bencher<'_, '_>, kind: Kind, count: u32) {
    let router = kind.router(count);
    let requests: Vec<RequestHead> = (0..count).map(|number| kind.request(number)).collect();
    let mut turn = 0;
    bencher.bench_local(|| {
        // A prime step visits every one: no count here is a multiple of it.
        turn = (turn + 7919) % requests.len();
        router.find(black_box(&requests[turn]))
    });
}

#[divan::bench(args = COUNTS)]
fn exact_same(bencher: Bencher<'_, '_>, count: u32) {
    bench_same(bencher, Kind::Exact, count);
}

#[divan::bench(args = COUNTS)]
fn exact_rotating(bencher: Bencher<'_, '_>, count: u32) {
    bench_rotating(bencher, Kind::Exact, count);
}

#[divan::bench(args = COUNTS)]
fn template_same(bencher: Bencher<'_, '_>, count: u32) {
    bench_same(bencher, Kind::Template, count);
}

#[divan::bench(args = COUNTS)]
fn template_rotating(bencher: Bencher<'_, '_>, count: u32) {
    bench_rotating(bencher, Kind::Template, count);
}

#[divan::bench(args = COUNTS)]
fn prefix_same(bencher: Bencher<'_, '_>, count: u32) {
    bench_same(bencher, Kind::Prefix, count);
}

#[divan::bench(args = COUNTS)]
fn prefix_rotating(bencher: Bencher<'_, '_>, count: u32) {
    bench_rotating(bencher, Kind::Prefix, count);
}

/// What a reload pays, off the data plane.
#[divan::bench(args = COUNTS, sample_count = 10, sample_size = 1)]
fn compile(bencher: Bencher<'_, '_>, count: u32) {
    let routes: Vec<RoutePlan> = (0..count)
        .map(|number| {
            route(match number % 3 {
                0 => Kind::Exact.path(number),
                1 => Kind::Template.path(number),
                _ => Kind::Prefix.path(number),
            })
        })
        .collect();
    bencher.bench_local(|| Router::new(black_box(&routes)));
}
