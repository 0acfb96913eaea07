//! What runs where: an index of every claim and composite resource that is placed, kept by the
//! watch caches.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use serde::Serialize;

/// A placed workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// The product's name.
    pub product: String,
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
    /// Whether it stays or moves.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// Places, `<provider>/<region>`, that still hold its data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retained: Vec<String>,
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
}

/// The index. One part per kind, so that a kind can be replaced as a whole when its watch starts
/// anew.
#[derive(Debug, Default)]
pub struct Placements(RwLock<BTreeMap<String, Kind>>);

/// The workloads of a kind, by namespace and name.
type Kind = BTreeMap<(String, String), Placed>;

impl Placements {
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Kind>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that runs, in order of kind, namespace and name, if `wanted`.
    pub fn list(&self, wanted: impl Fn(&Placed) -> bool) -> Vec<Placed> {
        self.read()
            .values()
            .flat_map(BTreeMap::values)
            .filter(|placed| wanted(placed))
            .cloned()
            .collect()
    }

    /// Replaces all of a kind.
    pub fn replace(&self, kind: &str, all: impl IntoIterator<Item = Placed>) {
        let all = all
            .into_iter()
            .map(|placed| ((placed.namespace.clone(), placed.name.clone()), placed))
            .collect();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(kind.to_owned(), all);
    }

    /// Adds or replaces one.
    pub fn put(&self, kind: &str, placed: Placed) {
        let mut kinds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        kinds
            .entry(kind.to_owned())
            .or_default()
            .insert((placed.namespace.clone(), placed.name.clone()), placed);
    }

    /// Removes one.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) {
        let mut kinds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = kinds.get_mut(kind) {
            all.remove(&(namespace.to_owned(), name.to_owned()));
        }
    }

    /// Removes a kind.
    pub fn forget(&self, kind: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(kind);
    }
}
