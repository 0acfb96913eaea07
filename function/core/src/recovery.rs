//! What a workload's data can be had again by.
//!
//! A Product says what keeps its data on each provider; what of it holds for one workload at one
//! place is worked out from the request and the place alone: the same at admission, in the pipeline
//! and on a laptop.

use idp_crds::recovery::RecoveryPoint;

/// What is behind the least; of equals the one that is listed first. None where nothing keeps the
/// data.
#[must_use]
pub fn best(points: &[RecoveryPoint]) -> Option<&RecoveryPoint> {
    points.iter().min_by_key(|point| point.rpo_minutes)
}

#[cfg(test)]
mod tests {
    use idp_crds::recovery::Mechanism;

    use super::*;

    #[test]
    fn the_one_that_is_behind_the_least_counts() {
        let point = |mechanism, rpo_minutes| {
            let target = "us-east-1".to_owned();
            RecoveryPoint { mechanism, rpo_minutes, target }
        };
        let points =
            [point(Mechanism::Backup, 5), point(Mechanism::Replica, 1), point(Mechanism::Dump, 1)];
        assert_eq!(best(&points).map(|point| point.mechanism), Some(Mechanism::Replica));
        assert_eq!(best(&[]), None);
    }
}
