//! How long ago, as `kubectl` writes it.

use jiff::Timestamp;

/// The time since `created`, RFC 3339; `<unknown>` for anything else.
pub(super) fn since(created: &str) -> String {
    match created.parse::<Timestamp>() {
        Ok(created) => duration(Timestamp::now().duration_since(created).as_secs()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// Two units at most, the second one only where the first is small.
fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let both = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => both(minutes, "m", seconds % 60, "s"),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => both(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => both(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () => both(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_kubectl() {
        // From the tests of k8s.io/apimachinery/pkg/util/duration.
        for (seconds, shown) in [
            (1, "1s"),
            (70, "70s"),
            (190, "3m10s"),
            (600, "10m"),
            (4220, "70m"),
            (10_800, "3h"),
            (3 * 3600 + 600, "3h10m"),
            (47 * 3600 + 600, "47h"),
            (49 * 3600 + 600, "2d1h"),
            (9 * 86_400 + 3600, "9d"),
            (365 * 86_400, "365d"),
            (365 * 2 * 86_400 + 25 * 3600, "2y1d"),
        ] {
            assert_eq!(duration(seconds), shown);
        }
        assert_eq!(since("yesterday"), "<unknown>");
        assert_eq!(since("2999-01-01T00:00:00Z"), "0s");
    }
}
