//! A `PlacementTest` as it is written.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

/// `apiVersion` of tests.
pub(super) const API_VERSION: &str = "test.platform.example.org/v1alpha1";
/// `kind` of tests.
pub(super) const KIND: &str = "PlacementTest";

/// A test: a claim, and what is to become of it step by step.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PlacementTest {
    pub(super) api_version: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
}

#[derive(Debug, Deserialize, Default)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    /// A folder, from the test's own; the built-in catalog where there is none.
    pub(super) catalog: Option<PathBuf>,
    /// A file, from the test's own folder, or the claim itself.
    pub(super) claim: Claim,
    /// Whether a namespaced composite resource is made of it.
    #[serde(default)]
    pub(super) namespaced: bool,
    pub(super) steps: Vec<Step>,
    /// Parameters, each with the values that it takes: every combination is a case.
    #[serde(default)]
    pub(super) matrix: IndexMap<String, Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Claim {
    File(PathBuf),
    Object(Map<String, Value>),
}

/// One step: what happens first, and what is to be so after it.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: Option<String>,
    /// Whether the next step goes on from before this one.
    #[serde(default)]
    pub(super) variant: bool,
    /// Parameters that the developer changes.
    pub(super) set: Option<Set>,
    /// What is asked of a placed workload.
    pub(super) annotate: Option<Annotate>,
    /// Resources by their name in the Product, and how they are seen from now on.
    #[serde(default)]
    pub(super) observe: IndexMap<String, Observation>,
    /// The providers that are switched off from now on.
    pub(super) down: Option<Vec<String>>,
    #[serde(default)]
    pub(super) expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    pub(super) parameters: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Annotate {
    /// The providers to leave, as in the annotation.
    pub(super) failover: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Observation {
    State(State),
    Object(Seen),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    pub(super) state: State,
    /// Added to the object's status.
    #[serde(default)]
    pub(super) status: Map<String, Value>,
}

#[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// It is there, and says nothing yet.
    Created,
    /// Its provider has it, and it is ready.
    Ready,
    /// Its provider does not take what it is asked.
    Failed,
    /// It is not there.
    Gone,
}

/// What is to be so. What is not mentioned is not looked at.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) place: Option<String>,
    pub(super) failover: Option<Failover>,
    /// Places with the token of why they are not in the ranking.
    #[serde(default)]
    pub(super) rejected: IndexMap<String, String>,
    #[serde(default)]
    pub(super) resources: Vec<Resource>,
    pub(super) ready: Option<bool>,
    /// The keys of the connection secret that are known.
    pub(super) connection_keys: Option<Vec<String>>,
    pub(super) phase: Option<String>,
    /// Parts of the reasons: field paths, or words.
    pub(super) refused: Option<Vec<String>>,
    /// The names of resources that are there and not asked for any more: Crossplane deletes them.
    pub(super) deletes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Failover {
    /// This place, or `none`.
    Place(String),
    /// Any place of another provider.
    Elsewhere(Elsewhere),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Elsewhere {
    pub(super) not_provider: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resource {
    /// Its name in the Product.
    pub(super) name: String,
    /// How many there are of it; at least one where that is not said.
    pub(super) count: Option<usize>,
    /// What each of them has, beside whatever else it has.
    #[serde(default, rename = "match")]
    pub(super) fields: Value,
}

impl PlacementTest {
    /// The parameters of every case; one without any where there is no matrix.
    ///
    /// # Errors
    /// When there are too many to run.
    pub(super) fn cases(&self) -> Result<Vec<Map<String, Value>>, String> {
        /// More are a mistake.
        const MOST_CASES: usize = 10_000;
        let mut cases = vec![Map::new()];
        for (name, values) in &self.spec.matrix {
            if cases.len().saturating_mul(values.len()) > MOST_CASES {
                return Err(format!("spec.matrix makes more than {MOST_CASES} cases"));
            }
            let with = |case: &Map<String, Value>| -> Vec<Map<String, Value>> {
                let one = |value: &Value| {
                    let mut case = case.clone();
                    case.insert(name.clone(), value.clone());
                    case
                };
                values.iter().map(one).collect()
            };
            cases = cases.iter().flat_map(with).collect();
        }
        if cases.is_empty() {
            return Err("spec.matrix has a parameter without values: it makes no case".to_owned());
        }
        Ok(cases)
    }
}
