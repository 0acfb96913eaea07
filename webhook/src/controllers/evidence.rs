//! What composite resources say of their providers, and how it differs from what they said before.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::placements::GroupKind;

/// The condition by which the function reports on a composite resource's provider.
const CONDITION: &str = "ProviderHealthy";

/// What a composite resource says of its provider.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Observation {
    /// The composite resource.
    pub(super) uid: String,
    pub(super) provider: String,
    pub(super) healthy: bool,
    /// Since when it says so.
    pub(super) since: Timestamp,
}

impl Observation {
    /// What `object` says, if it says anything.
    pub(super) fn of(object: &DynamicObject) -> Option<Observation> {
        let provider = object.data.pointer("/status/placement/provider")?.as_str()?;
        let conditions = object.data.pointer("/status/conditions")?.as_array()?;
        let condition = conditions
            .iter()
            .find(|condition| condition.get("type").and_then(Value::as_str) == Some(CONDITION))?;
        let healthy = match condition.get("status")?.as_str()? {
            "True" => true,
            "False" => false,
            _ => return None,
        };
        let since = condition.get("lastTransitionTime")?.as_str()?.parse().ok()?;
        Some(Observation { uid: object.uid()?, provider: provider.to_owned(), healthy, since })
    }
}

/// What every composite resource that exists has said last.
#[derive(Debug, Default)]
pub(super) struct LastSeen(HashMap<GroupKind, OfKind>);

#[derive(Debug, Default)]
struct OfKind {
    /// Whether all that were there at the start are known.
    is_listed: bool,
    /// By uid.
    said: HashMap<String, Observation>,
}

/// How an observation relates to what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// The same again.
    None,
    /// The first that is known of this resource, which was there before we watched: whoever led
    /// then may have counted it.
    Listed,
    /// Another than before, or what a new resource says first.
    Change,
    /// It does well again, at the provider where it had failed.
    Recovery,
}

impl LastSeen {
    /// One per transition, not one per reconcile.
    pub(super) fn record(&mut self, kind: &GroupKind, observation: &Observation) -> Transition {
        let of_kind = self.0.entry(kind.clone()).or_default();
        match of_kind.said.insert(observation.uid.clone(), observation.clone()) {
            None if !of_kind.is_listed => Transition::Listed,
            None => Transition::Change,
            Some(before) if before == *observation => Transition::None,
            Some(before)
                if !before.healthy
                    && observation.healthy
                    && before.provider == observation.provider =>
            {
                Transition::Recovery
            }
            Some(_) => Transition::Change,
        }
    }

    pub(super) fn forget(&mut self, kind: &GroupKind, uid: &str) {
        if let Some(of_kind) = self.0.get_mut(kind) {
            of_kind.said.remove(uid);
        }
    }

    /// These are all there are: others went while nobody watched.
    pub(super) fn listed(&mut self, kind: &GroupKind, uids: &HashSet<String>) {
        let of_kind = self.0.entry(kind.clone()).or_default();
        of_kind.said.retain(|uid, _| uids.contains(uid));
        of_kind.is_listed = true;
    }

    pub(super) fn forget_kind(&mut self, kind: &GroupKind) {
        self.0.remove(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn kind() -> GroupKind {
        GroupKind::new("db.example.org", "XDatabase")
    }

    #[test]
    fn a_recovery_is_of_the_same_resource_at_the_same_provider() {
        let said = |provider: &str, healthy, second| Observation {
            uid: "a".to_owned(),
            provider: provider.to_owned(),
            healthy,
            since: at(second),
        };
        let mut last_seen = LastSeen::default();
        assert_eq!(last_seen.record(&kind(), &said("aws", true, 0)), Transition::Listed);
        assert_eq!(last_seen.record(&kind(), &said("aws", false, 1)), Transition::Change);
        assert_eq!(last_seen.record(&kind(), &said("aws", true, 2)), Transition::Recovery);
        assert_eq!(last_seen.record(&kind(), &said("aws", false, 3)), Transition::Change);
        assert_eq!(
            last_seen.record(&kind(), &said("gcp", true, 4)),
            Transition::Change,
            "it has moved"
        );
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let kind = || GroupKind::new("db.example.org", "XDatabase");
        let of = |uid: &str, second| Observation {
            uid: uid.to_owned(),
            provider: "aws".to_owned(),
            healthy: false,
            since: at(second),
        };
        let mut last_seen = LastSeen::default();
        assert_eq!(last_seen.record(&kind(), &of("a", 0)), Transition::Listed);
        assert_eq!(last_seen.record(&kind(), &of("a", 0)), Transition::None);
        assert_eq!(last_seen.record(&kind(), &of("a", 1)), Transition::Change);
        last_seen.forget(&kind(), "a");
        assert_eq!(last_seen.record(&kind(), &of("a", 1)), Transition::Listed);

        // A cluster in which composites come and go.
        for number in 0..10_000 {
            let uid = number.to_string();
            last_seen.record(&kind(), &of(&uid, 0));
            last_seen.forget(&kind(), &uid);
        }
        assert_eq!(last_seen.0[&kind()].said.len(), 1);

        last_seen.record(&kind(), &of("b", 0));
        last_seen.listed(&kind(), &["b".to_owned()].into());
        assert_eq!(last_seen.0[&kind()].said.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(last_seen.record(&kind(), &of("c", 0)), Transition::Change, "it is new");
        last_seen.forget_kind(&kind());
        assert!(last_seen.0.is_empty());
    }
}
