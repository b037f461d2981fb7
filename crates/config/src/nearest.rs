//! The known name that a misspelt one most likely means.

/// The nearest of `known`, if it is near: one edit per three characters, at least one and at most three.
pub(crate) fn nearest<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let found: Vec<char> = found
        .chars()
        .take(64)
        .flat_map(char::to_lowercase)
        .collect();
    let limit = (found.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter(|known| known.len().abs_diff(found.len()) <= limit)
        .map(|known| (distance(&found, known), known))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, known)| known)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one text to the other (optimal string
/// alignment).
fn distance(found: &[char], known: &str) -> usize {
    let known: Vec<char> = known.chars().collect();
    let width = known.len() + 1;
    let mut before = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (i, a) in found.iter().enumerate() {
        let mut row = vec![i + 1; width];
        for (j, b) in known.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == known[j - 1] && found[i - 1] == *b {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[known.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_near_only() {
        let known = ["timeout", "try_timeout", "upstream", "retries"];
        for (found, expected) in [
            ("timeuot", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("upstreams", Some("upstream")),
            ("retry", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, known), expected, "{found}");
        }
    }
}
