//! Medians and ratios: what is left of several rounds.

/// A middle value and how far the rounds lay apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

/// The spread of `values`; `None` without any finite one.
#[must_use]
pub fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values
        .into_iter()
        .filter(|value| value.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    };
    Some(Spread { median, min, max })
}

/// The median of `values`; `None` without any finite one.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    spread(values).map(|spread| spread.median)
}

/// The median of the ratios of each round: what both programs suffered in one round cancels out.
#[must_use]
pub fn ratio(of: &[f64], to: &[f64]) -> Option<Spread> {
    spread(of.iter().zip(to).map(|(of, to)| of / to))
}

/// How much more one program takes than another, in two ways: where rounds differ much they disagree, and neither is to be
/// picked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The difference of both medians.
    pub of_medians: f64,
    /// The median of the differences of each round.
    pub by_round: f64,
}

/// The difference of two programs' values, one of each per round; `None` without any.
#[must_use]
pub fn difference(of: &[f64], to: &[f64]) -> Option<Difference> {
    Some(Difference {
        of_medians: median(of.iter().copied())? - median(to.iter().copied())?,
        by_round: median(of.iter().zip(to).map(|(of, to)| of - to))?,
    })
}

/// A whole number as a figure; exact up to 2^53, and nothing counted here comes near.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of bytes and requests stay below 2^53"
)]
pub fn figure(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_and_none() {
        assert_eq!(spread([3.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(spread([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(spread([1.0, f64::NAN]).unwrap().max, 1.0);
        assert_eq!(spread([]), None);
    }

    #[test]
    fn differences_are_told_in_two_ways() {
        let found = difference(&[10.0, 30.0, 20.0], &[9.0, 15.0, 26.0]);
        let expected = Difference {
            of_medians: 5.0,
            by_round: 1.0,
        };
        assert_eq!(found, Some(expected));
        assert_eq!(difference(&[], &[]), None);
    }

    #[test]
    fn ratios_are_taken_per_round() {
        let spread = ratio(&[10.0, 30.0, 9.0], &[10.0, 20.0, 10.0]).unwrap();
        assert_eq!(spread.median, 1.0);
        assert_eq!(spread.max, 1.5);
    }
}
