//! Bounds on the text itself, whatever it says.

use crate::{BASE, errors, plan, read};

#[test]
fn reports_end_after_a_thousand_faults() {
    let routes = "  - 1\n".repeat(1_500);
    let report = errors(&format!("{BASE}routes:\n{routes}"));
    assert_eq!(report.lines().count(), 1_001);
    assert!(report.ends_with("\nand 500 more"), "{report}");
    let routes = "  - 1\n".repeat(20_000);
    let report = read(&format!("{BASE}routes:\n{routes}")).unwrap_err();
    assert_eq!((report.iter().len(), report.more()), (1_000, 19_000));
}

#[test]
fn aliases_save_writing() {
    let plan = plan(
        "listeners:\n  a: { address: ':1', limits: &l { head_max: 1KiB } }\n  b: { address: ':2', limits: *l }\n",
    );
    assert_eq!(plan.listeners[0].limits, plan.listeners[1].limits);
    assert_eq!(plan.listeners[1].limits.head_max, 1024);
}

#[test]
fn aliases_do_not_multiply_without_bound() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
    }
    let report = errors(&text);
    assert!(
        report.contains("at most 5000000 values, aliases followed"),
        "{report}"
    );
}

#[test]
fn aliases_count_as_deep_as_they_are() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..100 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    let report = errors(&text);
    assert!(
        report.contains("at most 64 levels of maps and lists"),
        "{report}"
    );
}

#[test]
fn depth_is_bounded_in_both_styles() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{ a: ".repeat(100_000),
    ] {
        let report = errors(&text);
        assert!(report.contains("at most 64 levels"), "{report}");
    }
}

#[test]
fn the_number_of_values_is_bounded() {
    let report = errors(&format!("a: [{}]", "1,".repeat(5_000_001)));
    assert!(report.contains("at most 5000000 values"), "{report}");
}

#[test]
fn a_text_beyond_the_largest_size_is_not_parsed() {
    let report = errors(&" ".repeat((64 << 20) + 1));
    assert_eq!(
        report,
        "edge.yaml: expected at most 64 MiB of configuration, found a larger text"
    );
}
