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
    /// The final snapshots that databases have left, by name, oldest first.
    pub snapshots: Vec<String>,
}

impl Ledger {
    pub(super) fn create(&mut self, external: External, values: serde_json::Value) {
        self.existing.insert(external, values);
    }

    /// Destroys it, unless the cloud refuses that: by what it was last given, as RDS does.
    pub(super) fn destroy(&mut self, external: &External) -> Result<(), String> {
        let Some(values) = self.existing.get(external) else { return Ok(()) };
        let protections = [
            "/deletionProtection",
            "/settings/deletionProtectionEnabled",
            "/deletionPolicy/0/isDeleteProtected",
        ];
        if protections.iter().any(|path| values.pointer(path) == Some(&true.into())) {
            return Err(format!(
                "InvalidParameterCombination: Cannot delete protected {external:?}"
            ));
        }
        if values["skipFinalSnapshot"] == false {
            let name = values["finalSnapshotIdentifier"].as_str();
            let name = name.ok_or("InvalidParameterCombination: a final snapshot needs a name")?;
            if self.snapshots.iter().any(|taken| taken == name) {
                return Err(format!("DBSnapshotAlreadyExists: {name}"));
            }
            self.snapshots.push(name.to_owned());
        }
        self.existing.remove(external);
        self.destroyed.push(external.clone());
        Ok(())
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
