//! What a workload's data can be had again by, and where.
//!
//! A Product says what keeps its data on each provider; what of it holds for one workload at one
//! place is worked out here, from the request and the place alone: the same at admission, in the
//! pipeline and on a laptop.

use idp_crds::recovery::{EVERYWHERE, RecoveryPoint};
use idp_crds::status::Place;

/// Whether the data of a workload at `from` can be had at `to` by this.
#[must_use]
pub fn reaches(point: &RecoveryPoint, from: &Place, to: &Place) -> bool {
    point.target == EVERYWHERE || (from.provider == to.provider && point.target == to.region)
}

/// What brings the data of a workload at `from` to `to`: the one that is behind the least; none
/// where nothing does.
#[must_use]
pub fn brings<'p>(
    points: &'p [RecoveryPoint],
    from: &Place,
    to: &Place,
) -> Option<&'p RecoveryPoint> {
    points.iter().filter(|point| reaches(point, from, to)).min_by_key(|point| point.rpo_minutes)
}

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

    fn point(mechanism: Mechanism, rpo_minutes: i64, target: &str) -> RecoveryPoint {
        RecoveryPoint { mechanism, rpo_minutes, target: target.to_owned() }
    }

    #[test]
    fn data_comes_by_what_reaches_the_place_and_is_behind_the_least() {
        let points = [
            point(Mechanism::Backup, 5, "us-east-1"),
            point(Mechanism::Dump, 60, EVERYWHERE),
            point(Mechanism::Replica, 1, "us-west-2"),
        ];
        let from = Place::new("aws", "us-east-1");
        let by = |to: Place| brings(&points, &from, &to).map(|point| point.mechanism);
        assert_eq!(by(Place::new("aws", "us-west-2")), Some(Mechanism::Replica));
        assert_eq!(by(Place::new("aws", "us-east-1")), Some(Mechanism::Backup));
        assert_eq!(by(Place::new("gcp", "us-west-2")), Some(Mechanism::Dump));
        let without_dumps = [points[0].clone(), points[2].clone()];
        assert_eq!(brings(&without_dumps, &from, &Place::new("gcp", "us-central1")), None);
        assert_eq!(best(&points).map(|point| point.mechanism), Some(Mechanism::Replica));
        assert_eq!(best(&[]), None);
    }
}
