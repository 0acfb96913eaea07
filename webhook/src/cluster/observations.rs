//! What composite resources say of their providers, as the watches tell it, and what of it is news.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;

/// The condition by which the function reports on a composite resource's provider.
const CONDITION: &str = "ProviderHealthy";
/// What the watches tell the breaker.
#[derive(Debug)]
pub(super) enum Report {
    /// A composite resource of this kind says something of its provider.
    Says(Kind, Observation),
    /// The one with this uid is gone.
    Gone(Kind, String),
    /// These uids, and no others, are there.
    Listed(Kind, HashSet<String>),
    /// Nothing of this kind is looked at any more.
    Unwatched(Kind),
}

/// A kind of composite resources: its group and name.
pub(super) type Kind = (String, String);

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
pub(super) struct Memory(HashMap<Kind, HashMap<String, Observation>>);

/// How an observation relates to what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The same again.
    None,
    /// The first that is known of this resource.
    First,
    /// Another than before.
    Change,
    /// It does well again, at the provider where it had failed.
    Recovery,
}

impl Memory {
    /// One per transition, not one per reconcile.
    pub(super) fn learn(&mut self, kind: Kind, observation: &Observation) -> News {
        let of_kind = self.0.entry(kind).or_default();
        match of_kind.insert(observation.uid.clone(), observation.clone()) {
            None => News::First,
            Some(before) if before == *observation => News::None,
            Some(before)
                if !before.healthy
                    && observation.healthy
                    && before.provider == observation.provider =>
            {
                News::Recovery
            }
            Some(_) => News::Change,
        }
    }

    pub(super) fn forget(&mut self, kind: &Kind, uid: &str) {
        if let Some(of_kind) = self.0.get_mut(kind) {
            of_kind.remove(uid);
        }
    }

    /// For what went while nobody watched.
    pub(super) fn keep_only(&mut self, kind: &Kind, uids: &HashSet<String>) {
        if let Some(of_kind) = self.0.get_mut(kind) {
            of_kind.retain(|uid, _| uids.contains(uid));
        }
    }

    pub(super) fn forget_kind(&mut self, kind: &Kind) {
        self.0.remove(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn kind() -> Kind {
        ("db.example.org".to_owned(), "XDatabase".to_owned())
    }

    #[test]
    fn a_recovery_is_of_the_same_resource_at_the_same_provider() {
        let said = |provider: &str, healthy, second| Observation {
            uid: "a".to_owned(),
            provider: provider.to_owned(),
            healthy,
            since: at(second),
        };
        let mut memory = Memory::default();
        assert_eq!(memory.learn(kind(), &said("aws", true, 0)), News::First);
        assert_eq!(memory.learn(kind(), &said("aws", false, 1)), News::Change);
        assert_eq!(memory.learn(kind(), &said("aws", true, 2)), News::Recovery);
        assert_eq!(memory.learn(kind(), &said("aws", false, 3)), News::Change);
        assert_eq!(memory.learn(kind(), &said("gcp", true, 4)), News::Change, "it has moved");
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let kind = || ("db.example.org".to_owned(), "XDatabase".to_owned());
        let of = |uid: &str, second| Observation {
            uid: uid.to_owned(),
            provider: "aws".to_owned(),
            healthy: false,
            since: at(second),
        };
        let mut memory = Memory::default();
        assert_eq!(memory.learn(kind(), &of("a", 0)), News::First);
        assert_eq!(memory.learn(kind(), &of("a", 0)), News::None);
        assert_eq!(memory.learn(kind(), &of("a", 1)), News::Change);
        memory.forget(&kind(), "a");
        assert_eq!(memory.learn(kind(), &of("a", 1)), News::First);

        // A cluster in which composites come and go.
        for number in 0..10_000 {
            let uid = number.to_string();
            memory.learn(kind(), &of(&uid, 0));
            memory.forget(&kind(), &uid);
        }
        assert_eq!(memory.0[&kind()].len(), 1);

        memory.learn(kind(), &of("b", 0));
        memory.keep_only(&kind(), &["b".to_owned()].into());
        assert_eq!(memory.0[&kind()].keys().collect::<Vec<_>>(), ["b"]);
        memory.forget_kind(&kind());
        assert!(memory.0.is_empty());
    }
}
