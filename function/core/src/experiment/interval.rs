//! Intervals of shares and means, and of the difference between two: textbook formulas, with the quantiles of
//! a library.

use statrs::distribution::{ChiSquared, ContinuousCDF as _, Normal, StudentsT};

/// A value with the interval that it lies in, at the confidence that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// What was seen.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether nothing, 0, is within.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }
}

/// `part` of `whole`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many it is true of.
    pub part: usize,
    /// Of how many.
    pub whole: usize,
}

// Counts of workloads are far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn float(count: usize) -> f64 {
    count as f64
}

/// The normal quantile that leaves `alpha` outside, on both sides together.
fn z(alpha: f64) -> f64 {
    Normal::new(0.0, 1.0).map_or(f64::INFINITY, |normal| normal.inverse_cdf(1.0 - alpha / 2.0))
}

/// Student's quantile. Nothing can be told with no degree of freedom.
fn t(alpha: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom)
        .map_or(f64::INFINITY, |student| student.inverse_cdf(1.0 - alpha / 2.0))
}

impl Share {
    /// Wilson's score interval (Wilson 1927): it holds also for few workloads and for shares near 0 or 1.
    #[must_use]
    pub fn interval(self, alpha: f64) -> Interval {
        if self.whole == 0 {
            return Interval { value: 0.0, low: 0.0, high: 1.0 };
        }
        let (whole, z) = (float(self.whole), z(alpha));
        let share = float(self.part) / whole;
        let square = z * z / whole;
        let middle = share + square / 2.0;
        let half = z * ((share * (1.0 - share) + square / 4.0) / whole).sqrt();
        let at = |end: f64| (end / (1.0 + square)).clamp(0.0, 1.0);
        Interval { value: share, low: at(middle - half), high: at(middle + half) }
    }

    /// This share less another one: Newcombe's hybrid score interval (Newcombe 1998, method 10).
    #[must_use]
    pub fn less(self, other: Share, alpha: f64) -> Interval {
        let (ours, theirs) = (self.interval(alpha), other.interval(alpha));
        let value = ours.value - theirs.value;
        let low = (ours.value - ours.low).hypot(theirs.high - theirs.value);
        let high = (ours.high - ours.value).hypot(theirs.value - theirs.low);
        Interval { value, low: value - low, high: value + high }
    }
}

/// Numbers, as far as intervals need them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How many.
    pub count: usize,
    mean: f64,
    /// Of the mean: variance over count.
    error: f64,
}

impl Sample {
    /// Of these numbers.
    #[must_use]
    pub fn of(all: &[f64]) -> Self {
        let count = float(all.len());
        // Of numbers that are all alike the mean is that number, and there is no spread: a sum would be off
        // by its last bit, by another one for another count, and two sides would differ for sure.
        let first = all.first().copied().unwrap_or_default();
        if all.iter().all(|number| *number == first) {
            return Sample { count: all.len(), mean: first, error: 0.0 };
        }
        let mean = all.iter().sum::<f64>() / count;
        let squares: f64 = all.iter().map(|number| (number - mean).powi(2)).sum();
        Sample { count: all.len(), mean, error: squares / (count - 1.0) / count }
    }

    /// Student's interval of the mean.
    #[must_use]
    pub fn interval(self, alpha: f64) -> Interval {
        around(self.mean, self.error, || t(alpha, float(self.count) - 1.0))
    }

    /// This mean less another one: Welch's interval (Welch 1947), which asks nothing of the spreads.
    #[must_use]
    pub fn less(self, other: Sample, alpha: f64) -> Interval {
        let error = self.error + other.error;
        let of = |sample: Sample| sample.error.powi(2) / (float(sample.count) - 1.0);
        let freedom = || error.powi(2) / (of(self) + of(other));
        around(self.mean - other.mean, error, || t(alpha, freedom()))
    }
}

fn around(value: f64, error: f64, quantile: impl FnOnce() -> f64) -> Interval {
    let half = if error > 0.0 { quantile() * error.sqrt() } else { 0.0 };
    Interval { value, low: value - half, high: value + half }
}

/// How likely a split at least as far from `share` is by chance: Pearson's chi-square test with one degree of
/// freedom. None where a side is expected to have fewer than five.
#[must_use]
pub fn split_by_chance(variant: Share, share: f64) -> Option<f64> {
    let whole = float(variant.whole);
    let (seen, expected) = (float(variant.part), whole * share);
    let rest = whole - expected;
    if expected < 5.0 || rest < 5.0 {
        return None;
    }
    let off = (seen - expected).powi(2);
    Some(ChiSquared::new(1.0).ok()?.sf(off / expected + off / rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(is: f64, expected: f64) {
        assert!((is - expected).abs() < 5e-4, "{is} is not {expected}");
    }

    /// The worked examples of Newcombe's two papers of 1998.
    #[test]
    fn numbers_that_are_all_alike_do_not_differ_however_many_they_are() {
        for (ours, theirs) in [(30, 37), (3, 1000), (7, 11)] {
            let less = Sample::of(&vec![0.9; ours]).less(Sample::of(&vec![0.9; theirs]), 0.05);
            assert_eq!((less.low, less.value, less.high), (0.0, 0.0, 0.0), "{ours}, {theirs}");
        }
    }

    #[test]
    fn shares_are_as_published() {
        let one = Share { part: 81, whole: 263 }.interval(0.05);
        close(one.low, 0.2553);
        close(one.high, 0.3662);
        let none = Share { part: 0, whole: 20 }.interval(0.05);
        close(none.low, 0.0);
        close(none.high, 0.1611);
        let difference = Share { part: 56, whole: 70 }.less(Share { part: 48, whole: 80 }, 0.05);
        close(difference.value, 0.2);
        close(difference.low, 0.0524);
        close(difference.high, 0.3339);
    }

    #[test]
    fn means_are_as_by_hand() {
        let (a, b) = (Sample::of(&[1.0, 2.0, 3.0, 4.0, 5.0]), Sample::of(&[2.0, 4.0, 6.0]));
        // t(0.975, 4) = 2.7764, standard error sqrt(2.5 / 5).
        close(a.interval(0.05).high, 3.0 + 2.7764 * 0.5_f64.sqrt());
        // Welch: error 0.5 + 4/3, freedom 3.5338 by Satterthwaite; t = 2.9272 there.
        let error = 0.5 + 4.0 / 3.0;
        let freedom = error * error / (0.25 / 4.0 + (16.0 / 9.0) / 2.0);
        let difference = a.less(b, 0.05);
        close(difference.value, -1.0);
        close(difference.high, -1.0 + t(0.05, freedom) * error.sqrt());
        assert!(difference.holds_nothing());
        // Without any spread the difference is what it is.
        let alike = Sample::of(&[0.1; 40]).less(Sample::of(&[0.3; 40]), 0.05);
        assert!(!alike.holds_nothing(), "{alike:?}");
        // One number has no interval.
        assert!(Sample::of(&[1.0]).less(Sample::of(&[1.0, 2.0]), 0.05).high.is_infinite());
    }

    #[test]
    fn a_split_far_from_what_was_asked_for_is_not_chance() {
        // 3.841 is the 95 % quantile of chi-square with one degree of freedom.
        let p = split_by_chance(Share { part: 5_098, whole: 10_000 }, 0.5).unwrap();
        close(p, 0.05);
        assert!(split_by_chance(Share { part: 5_300, whole: 10_000 }, 0.5).unwrap() < 1e-6);
        assert_eq!(split_by_chance(Share { part: 1, whole: 9 }, 0.5), None);
    }
}
