//! What runs where: an index of every claim and composite resource, kept by the one watch that each
//! of their kinds has. It knows of every kind whether it is complete: what is not in it counts as
//! not there only where it is.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use idp_crds::place::Place;
use idp_crds::record::Group;
use serde::Serialize;

/// A kind of claims or composite resources. Two Products may have kinds of one name, in groups of
/// their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKind {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
}

impl GroupKind {
    /// The kind of an API group.
    pub fn new(group: impl Into<String>, kind: impl Into<String>) -> Self {
        GroupKind { group: group.into(), kind: kind.into() }
    }
}

impl std::fmt::Display for GroupKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.kind, self.group)
    }
}

/// A placed workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// The product's name.
    pub product: String,
    /// The object's API group.
    pub group: String,
    /// The object's kind.
    pub kind: String,
    /// Its namespace; empty for a cluster-scoped one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The tier.
    pub tier: String,
    /// The cell.
    pub cell: String,
    /// The environment.
    pub environment: String,
    /// The provider; empty while it is not placed.
    pub provider: String,
    /// The region; empty while it is not placed.
    pub region: String,
    /// The decision's sequence.
    pub sequence: u64,
    /// What it is called at the provider; empty where that is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Whether it stays or moves.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// Places, `<provider>/<region>`, that still hold its data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retained: Vec<String>,
    /// Whether it must survive the loss of a zone.
    #[serde(skip)]
    pub ha: bool,
    /// What it asks for beside cell, tier and `ha`, as JSON.
    #[serde(skip)]
    pub given: Box<str>,
    /// What its decision and its conditions say.
    #[serde(skip)]
    pub facts: Facts,
}

/// What a workload's decision and its conditions say, as far as lists and counts need it: few bytes, since
/// there are many workloads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The weighted score of its place.
    pub score: Option<f64>,
    /// Where it goes when the place fails.
    pub failover: Option<Place>,
    /// Crossplane's `Ready`.
    pub ready: Option<bool>,
    /// Seconds from its creation to when it became ready last.
    pub ready_after: Option<u32>,
    /// Whether its provider refuses what it is asked.
    pub failing: bool,
    /// The experiment that was in force.
    pub experiment: Option<Box<Participation>>,
}

/// A workload's part in an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Participation {
    /// The experiment's name.
    pub experiment: String,
    /// The side.
    pub group: Group,
    /// The raw scores of its place, by dimension.
    pub scores: BTreeMap<String, f64>,
}

impl Placed {
    /// `<provider>/<region>`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.provider, self.region)
    }

    /// `<kind> <namespace>/<name>`: how messages name it.
    #[must_use]
    pub fn full_name(&self) -> String {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.kind, self.namespace, self.name)
    }

    /// Its kind.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(&self.group, &self.kind)
    }

    fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }
}

/// The index.
#[derive(Debug)]
pub struct Placements {
    kinds: RwLock<BTreeMap<GroupKind, Kind>>,
    /// Grows with every change.
    version: AtomicU64,
    /// What is known of a kind that nobody watches.
    unwatched: Knowledge,
}

/// The workloads of a kind, by namespace and name, and whether these are all.
#[derive(Debug, PartialEq)]
struct Kind {
    knowledge: Knowledge,
    placed: BTreeMap<(String, String), Placed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Knowledge {
    /// There are no others.
    Complete,
    /// There may be others, because of this.
    Incomplete(String),
}

/// A kind of which there may be more than the index has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Which.
    pub kind: GroupKind,
    /// Why.
    pub why: String,
}

impl Placements {
    /// The index of a cluster: what is not watched is not known.
    #[must_use]
    pub fn of_cluster() -> Self {
        let unwatched = Knowledge::Incomplete("is not watched yet".to_owned());
        Placements { kinds: RwLock::default(), version: AtomicU64::new(0), unwatched }
    }

    /// Without a cluster nothing runs anywhere.
    #[must_use]
    pub fn offline() -> Self {
        Placements {
            kinds: RwLock::default(),
            version: AtomicU64::new(0),
            unwatched: Knowledge::Complete,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<GroupKind, Kind>> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<GroupKind, Kind>> {
        self.kinds.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change, which says whether it was one: kinds that are not served are listed as empty again
    /// and again.
    fn change(&self, kind: &GroupKind, change: impl FnOnce(&mut Kind) -> bool) {
        let mut kinds = self.write();
        let entry = kinds
            .entry(kind.clone())
            .or_insert_with(|| Kind { knowledge: self.unwatched.clone(), placed: BTreeMap::new() });
        if change(entry) {
            self.version.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Another one than before when something has changed since.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// The namespaces in which there is something, by kind.
    #[must_use]
    pub fn namespaces(&self) -> Vec<(GroupKind, HashSet<String>)> {
        let of = |kind: &Kind| kind.placed.keys().map(|(namespace, _)| namespace.clone()).collect();
        self.read().iter().map(|(name, kind)| (name.clone(), of(kind))).collect()
    }

    /// Everything that is known to run, in order of kind, group, namespace and name, if `wanted`.
    pub fn list(&self, wanted: impl Fn(&Placed) -> bool) -> Vec<Placed> {
        let kinds = self.read();
        let all = kinds.values().flat_map(|kind| kind.placed.values());
        let mut all: Vec<Placed> = all.filter(|placed| wanted(placed)).cloned().collect();
        // Within a kind of a group they are in order already.
        all.sort_by(|a, b| (&a.kind, &a.group).cmp(&(&b.kind, &b.group)));
        all
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, kind: &GroupKind, namespace: &str, name: &str) -> Option<Placed> {
        self.read().get(kind)?.placed.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Looks at everything that is known to run. Nothing of it changes meanwhile: to be done fast.
    pub fn visit(&self, look: impl FnOnce(&mut dyn Iterator<Item = &Placed>)) {
        let kinds = self.read();
        look(&mut kinds.values().flat_map(|kind| kind.placed.values()));
    }

    /// Which of these kinds may have more than is known.
    pub fn unknown(&self, kinds: impl IntoIterator<Item = GroupKind>) -> Vec<Unknown> {
        let known = self.read();
        let why = |kind: &GroupKind| {
            let knowledge = known.get(kind).map_or(&self.unwatched, |known| &known.knowledge);
            match knowledge {
                Knowledge::Complete => None,
                Knowledge::Incomplete(why) => Some(why.clone()),
            }
        };
        kinds.into_iter().filter_map(|kind| Some(Unknown { why: why(&kind)?, kind })).collect()
    }

    /// There may be others of this kind than are known from now on, because of `why`.
    pub fn lost(&self, kind: &GroupKind, why: impl Into<String>) {
        let now = Knowledge::Incomplete(why.into());
        self.change(kind, |known| std::mem::replace(&mut known.knowledge, now.clone()) != now);
    }

    /// These are all of a kind.
    pub fn replace(&self, kind: &GroupKind, all: impl IntoIterator<Item = Placed>) {
        let placed = all.into_iter().map(|placed| (placed.key(), placed)).collect();
        let now = Kind { knowledge: Knowledge::Complete, placed };
        self.change(kind, |known| {
            let is_other = *known != now;
            *known = now;
            is_other
        });
    }

    /// Adds or replaces one.
    pub fn put(&self, placed: Placed) {
        self.change(&placed.group_kind(), |known| {
            let key = placed.key();
            let is_other = known.placed.get(&key) != Some(&placed);
            known.placed.insert(key, placed);
            is_other
        });
    }

    /// Removes one.
    pub fn remove(&self, kind: &GroupKind, namespace: &str, name: &str) {
        let mut kinds = self.write();
        let key = (namespace.to_owned(), name.to_owned());
        if kinds.get_mut(kind).is_some_and(|known| known.placed.remove(&key).is_some()) {
            self.version.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Nobody watches this kind any more.
    pub fn forget(&self, kind: &GroupKind) {
        let mut kinds = self.write();
        if kinds.remove(kind).is_some() {
            self.version.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(group: &str, name: &str) -> Placed {
        Placed {
            product: group.to_owned(),
            group: group.to_owned(),
            kind: "Database".to_owned(),
            namespace: "team".to_owned(),
            name: name.to_owned(),
            tier: String::new(),
            cell: String::new(),
            environment: String::new(),
            provider: "aws".to_owned(),
            region: "us-east-1".to_owned(),
            sequence: 1,
            id: String::new(),
            phase: String::new(),
            retained: Vec::new(),
            facts: Facts::default(),
            ha: false,
            given: "{}".into(),
        }
    }

    fn names(placements: &Placements) -> Vec<String> {
        let all = placements.list(|_| true);
        all.iter().map(|placed| format!("{}/{}", placed.group, placed.name)).collect()
    }

    #[test]
    fn finding_13_kinds_of_one_name_in_two_groups_are_two() {
        let placements = Placements::of_cluster();
        let (a, b) = (GroupKind::new("a.org", "Database"), GroupKind::new("b.org", "Database"));
        placements.replace(&a, [placed("a.org", "orders"), placed("a.org", "stock")]);
        placements.replace(&b, [placed("b.org", "orders")]);
        assert_eq!(names(&placements), ["a.org/orders", "a.org/stock", "b.org/orders"]);
        placements.put(placed("b.org", "stock"));
        placements.remove(&b, "team", "orders");
        assert_eq!(names(&placements), ["a.org/orders", "a.org/stock", "b.org/stock"]);
        placements.forget(&b);
        assert_eq!(names(&placements), ["a.org/orders", "a.org/stock"]);
    }

    #[test]
    fn finding_14_a_kind_is_complete_once_it_is_listed_and_until_it_is_lost() {
        let placements = Placements::of_cluster();
        let kind = GroupKind::new("a.org", "Database");
        let why = || {
            let unknown = placements.unknown([kind.clone()]);
            unknown.into_iter().map(|unknown| unknown.why).collect::<Vec<_>>()
        };
        assert_eq!(why(), ["is not watched yet"]);
        // One that is seen before the list is at its end.
        placements.put(placed("a.org", "orders"));
        assert_eq!(why(), ["is not watched yet"]);
        placements.replace(&kind, [placed("a.org", "orders")]);
        assert_eq!(why(), Vec::<String>::new());
        placements.lost(&kind, "forbidden");
        assert_eq!(why(), ["forbidden"]);
        assert_eq!(names(&placements), ["a.org/orders"], "what was seen stays");
        placements.replace(&kind, []);
        assert_eq!(why(), Vec::<String>::new());
        placements.forget(&kind);
        assert_eq!(why(), ["is not watched yet"]);
    }

    #[test]
    fn what_changes_nothing_is_not_told() {
        let placements = Placements::of_cluster();
        let kind = GroupKind::new("a.org", "Database");
        let changed = |change: &dyn Fn()| {
            let before = placements.version();
            change();
            placements.version() != before
        };
        let one = || placed("a.org", "orders");
        let changes: [&dyn Fn(); 6] = [
            &|| placements.replace(&kind, []),
            &|| placements.lost(&kind, "forbidden"),
            &|| placements.put(one()),
            &|| placements.replace(&kind, [one()]),
            &|| placements.remove(&kind, "team", "orders"),
            &|| placements.forget(&kind),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert_eq!((changed(change), changed(change)), (true, false), "{number}");
        }
    }

    #[test]
    fn without_a_cluster_nothing_runs_anywhere() {
        let kind = GroupKind::new("a.org", "Database");
        assert_eq!(Placements::offline().unknown([kind]), []);
    }
}
