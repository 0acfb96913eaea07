//! What deleting a workload that holds data is to mean.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::PRODUCTION;

/// What deleting a workload that holds data means, in the order of how much is left.
#[derive(
    JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Deletion {
    /// The data goes and nothing is left. Not to be asked for: it is what there is outside of
    /// production where nothing is asked for, and of products that hold no data.
    #[default]
    Discard,
    /// The data goes and leaves a final backup at the provider.
    Backup,
    /// What the workload is made of stays at the provider, without the platform.
    Orphan,
    /// It is not deleted.
    Protect,
}

impl Deletion {
    /// What may be asked for.
    pub const CHOICES: [&str; 3] = ["protect", "backup", "orphan"];

    /// What it is where nothing is asked for.
    #[must_use]
    pub fn by_default(environment: &str) -> Self {
        if environment == PRODUCTION { Deletion::Protect } else { Deletion::Discard }
    }

    /// As it is spelled.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Deletion::Discard => "discard",
            Deletion::Backup => "backup",
            Deletion::Orphan => "orphan",
            Deletion::Protect => "protect",
        }
    }

    /// What is spelled so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Deletion::Discard, Deletion::Backup, Deletion::Orphan, Deletion::Protect];
        all.into_iter().find(|deletion| deletion.name() == name)
    }

    /// What a `spec` of a product that holds data says, right or not in everything else.
    #[must_use]
    pub fn of(spec: &Map<String, Value>) -> Self {
        let parameter = |name| spec.get("parameters").and_then(|given| given.get(name)?.as_str());
        parameter("deletion")
            .and_then(Deletion::named)
            .unwrap_or_else(|| Deletion::by_default(parameter("environment").unwrap_or_default()))
    }
}
