//! What bringing a path into normal form costs: nothing to do, and everything to do.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use message::{PathPolicy, RequestHead, Span, Version, normalise_path};

fn main() {
    divan::main();
}

const CLEAN: &[u8] = b"/api/v2/customers/48151623/orders/42/items";
const DIRTY: &[u8] = b"/api//v2/./customers/%34%38151623/../orders/%c3%a9/a|b";

fn bench(bencher: Bencher<'_, '_>, path: &[u8]) {
    let mut out = Vec::with_capacity(256);
    bencher.counter(BytesCount::of_slice(path)).bench_local(|| {
        out.clear();
        normalise_path(black_box(path), PathPolicy::default(), &mut out)
    });
}

#[divan::bench]
fn normalise_clean(bencher: Bencher<'_, '_>) {
    bench(bencher, CLEAN);
}

#[divan::bench]
fn normalise_dirty(bencher: Bencher<'_, '_>) {
    bench(bencher, DIRTY);
}

/// As the data path calls it: a clean path is told by one pass and not copied.
fn bench_head(bencher: Bencher<'_, '_>, path: &[u8]) {
    let mut head = RequestHead::default();
    bencher.counter(BytesCount::of_slice(path)).bench_local(|| {
        head.clear();
        let span = head.fields.store(black_box(path));
        head.set_line(Span::default(), span, None, None, Version::Http11);
        head.normalise_path(PathPolicy::default())
    });
}

#[divan::bench]
fn head_clean(bencher: Bencher<'_, '_>) {
    bench_head(bencher, CLEAN);
}

#[divan::bench]
fn head_dirty(bencher: Bencher<'_, '_>) {
    bench_head(bencher, DIRTY);
}
