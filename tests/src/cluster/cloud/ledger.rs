//! What exists in the clouds, whatever Kubernetes knows of it.

use std::collections::BTreeMap;

/// A resource in a cloud: its kind (`instances.rds.aws.upbound.io`) and external name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct External {
    /// Plural and group; the namespaced and the cluster-scoped kind are the same thing here.
    pub kind: String,
    /// What the cloud calls it.
    pub name: String,
}

/// Every resource that was ever made.
#[derive(Clone, Default, Debug)]
pub struct Ledger {
    /// The resources that exist, each with the values it was last given.
    pub existing: BTreeMap<External, serde_json::Value>,
    /// The resources that were destroyed, oldest first.
    pub destroyed: Vec<External>,
}

impl Ledger {
    pub(super) fn create(&mut self, external: External, values: serde_json::Value) {
        self.existing.insert(external, values);
    }

    pub(super) fn destroy(&mut self, external: &External) {
        if self.existing.remove(external).is_some() {
            self.destroyed.push(external.clone());
        }
    }

    /// The existing resources whose external name begins like this.
    pub fn existing_of<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a External> {
        self.existing.keys().filter(move |external| external.name.starts_with(prefix))
    }

    /// The destroyed resources whose external name begins like this.
    pub fn destroyed_of<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a External> {
        self.destroyed.iter().filter(move |external| external.name.starts_with(prefix))
    }
}
