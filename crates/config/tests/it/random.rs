//! Whatever the text is, loading it ends in a plan or in errors with places.

use config::Source;
use proptest::prelude::*;

use crate::env;

const TOUR: &str = include_str!("../../../../examples/gateway.yaml");

/// Loads a text, and checks what is true of each report.
fn load(text: &str) {
    match config::plan(&Source::from_text("edge.yaml", text), &env) {
        Ok(plan) => {
            let _ = config::render(&plan).to_string();
        }
        Err(errors) => {
            assert!(errors.iter().len() > 0);
            for error in &errors {
                assert!(error.line > 0 && error.column > 0, "{error}");
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
            }
        }
    }
}

/// A cut of the text at a character.
fn cut(text: &str, at: usize) -> usize {
    let at = at % (text.len() + 1);
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        load(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_punctuation(text in r"[-a-z0-9:{}\[\],&*!|>'\x22%@`#?~<$ \n\t]{0,200}") {
        load(&text);
    }

    #[test]
    fn a_piece_is_replaced(at in any::<usize>(), len in 0usize..40, with in r"[-a-z0-9:{}\[\],&*!|>'\x22%@`#?~<$ \n\t\PC]{0,12}") {
        let begin = cut(TOUR, at);
        let end = cut(TOUR, (begin + len).min(TOUR.len())).max(begin);
        let (before, after) = (TOUR.get(..begin).unwrap(), TOUR.get(end..).unwrap());
        load(&format!("{before}{with}{after}"));
    }

    #[test]
    fn lines_are_moved(from in any::<usize>(), to in any::<usize>(), indent in 0usize..12) {
        let mut lines: Vec<String> = TOUR.lines().map(str::to_owned).collect();
        let line = lines.remove(from % lines.len());
        let line = format!("{:indent$}{}", "", line.trim_start());
        lines.insert(to % (lines.len() + 1), line);
        load(&lines.join("\n"));
    }

    #[test]
    fn values_are_replaced(from in any::<usize>(), value in r"(\[\]|\{\}|~|-1|0|1|99999999999999999999|true|''|[a-z0-9/.:*${}%-]{1,20}|\PC{1,10})") {
        let mut lines: Vec<String> = TOUR.lines().map(str::to_owned).collect();
        let at = from % lines.len();
        if let Some((key, _)) = lines[at].clone().split_once(": ") {
            lines[at] = format!("{key}: {value}");
        }
        load(&lines.join("\n"));
    }
}
