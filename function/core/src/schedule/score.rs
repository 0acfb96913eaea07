//! Scores: weighted sums, and their rounding.

/// Rounds to 4 decimals, correctly: the decimal rounding of the exact binary value, as
/// `format!("{:.4}")` does it.
///
/// Multiplying, rounding and dividing would be wrong only where the product falls next to a half,
/// so there, and for what is negative or large, the exact way is taken. Elsewhere the quotient of
/// two exact numbers is the double nearest to the decimal, which is what parsing the decimal gives.
#[must_use]
pub fn round4(value: f64) -> f64 {
    let scaled = value * 1e4;
    if (0.0..1e9).contains(&scaled) {
        // Truncation by conversion: without SSE 4.1 in the target, `floor` is a call.
        let whole = scaled as i64;
        let fraction = scaled - whole as f64;
        // 1e-6 is far above the product's error below 1e9.
        if (fraction - 0.5).abs() > 1e-6 {
            return (whole + i64::from(fraction > 0.5)) as f64 / 1e4;
        }
    }
    format!("{value:.4}").parse().unwrap_or(value)
}

/// The weighted sums of all candidates: from 0.0, in the weights' order, a missing score counting
/// as 0.
///
/// `columns` yields for each weighted dimension its weight and the candidates' scores, or none
/// where no candidate has one.
pub(super) fn totals<'c>(
    candidates: usize,
    columns: impl Iterator<Item = (f64, Option<&'c [f64]>)>,
) -> Vec<f64> {
    let mut totals = vec![0.0; candidates];
    for (weight, column) in columns {
        for (total, score) in totals.iter_mut().zip(column.unwrap_or_default()) {
            *total += score * weight;
        }
    }
    for total in &mut totals {
        *total = round4(*total);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounding_is_the_decimal_one(value in prop_oneof![-2.0..2.0f64, -1e12..1e12f64, (0u32..20_000).prop_map(|n| f64::from(n) / 20_000.0 + 0.00005)]) {
            prop_assert_eq!(round4(value), format!("{value:.4}").parse::<f64>().unwrap());
        }
    }

    #[test]
    fn exact_halves_go_to_the_even_digit_and_near_halves_where_they_belong() {
        assert_eq!(round4(0.03125), 0.0312);
        assert_eq!(round4(0.00005), 0.0001); // the double is a hair above
        assert_eq!(round4(0.00015), 0.0001); // the double is a hair below
        assert_eq!(round4(2.00005), 2.0001_f64.min(format!("{:.4}", 2.00005).parse().unwrap()));
    }
}
