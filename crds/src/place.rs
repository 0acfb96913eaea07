//! A place, and how it is spelled.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place, by provider and region.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
}

impl Place {
    /// The place at `provider` and `region`.
    pub fn new(provider: impl Into<String>, region: impl Into<String>) -> Self {
        Place { provider: provider.into(), region: region.into() }
    }

    /// Provider and region.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        (&self.provider, &self.region)
    }

    /// Its [`place_id`].
    #[must_use]
    pub fn id(&self) -> String {
        place_id(&self.provider, &self.region)
    }
}

/// `<provider>/<region>`: how messages name it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.region)
    }
}

/// `<provider>-<region>`: the place in composed names, in `retained`, and in what a release names.
#[must_use]
pub fn place_id(provider: &str, region: &str) -> String {
    format!("{provider}-{region}")
}
