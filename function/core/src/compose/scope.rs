//! What expressions see: the request, the placement, the workload's identity.

use idp_crds::candidate::ProviderConfigRef;
use idp_crds::contract::ClaimRequest;
use idp_crds::status::place_id;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::credentials::Credentials;
use super::expression::short_hash;

/// Where a workload runs, with everything that templates need to know of the place.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The cluster that serves the workload.
    pub runtime_cluster: String,
    /// The network there.
    pub network: IndexMap<String, Value>,
    /// What else is configured for the place.
    pub settings: Map<String, Value>,
    /// The ProviderConfig that managed resources use.
    pub provider_config: ProviderConfigRef,
    /// The sequence of the decision.
    pub sequence: u64,
}

impl Placement {
    /// `<provider>-<region>`: the placement in composed names and in `status.placement.retained`.
    #[must_use]
    pub fn id(&self) -> String {
        place_id(&self.provider, &self.region)
    }
}

/// Which kind of composite resource it is, and with it which kind of managed resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A claim's cluster-scoped composite with cluster-scoped managed resources.
    Cluster,
    /// A namespaced composite (Crossplane v2) with namespaced managed resources.
    Namespaced,
}

/// Who the workload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The composite resource's name.
    pub name: String,
    /// The claim's name; the composite's own without a claim. Experiments and connection secrets go
    /// by it.
    pub claim_name: String,
    /// Where namespaced objects go: the claim's namespace, or the composite's own.
    pub namespace: String,
    /// Which kind of composite it is.
    pub scope: Scope,
    /// Whether it is in a cluster. On a laptop nothing is ever observed, so that waiting for
    /// credentials would be for ever.
    pub persisted: bool,
}

/// The tier, as expressions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierFacts {
    /// Recovery time objective, minutes.
    pub rto_minutes: i64,
    /// Recovery point objective, minutes.
    pub rpo_minutes: i64,
    /// The capabilities it requires.
    pub capabilities: Vec<String>,
}

/// A name for a workload at a place that every cloud takes, the same for ever, and no other
/// workload's or placement's: begins with a letter, lower-case letters, digits and single hyphens,
/// at most 40 characters.
///
/// The sequence is part of it: when a workload comes back to a place where a human has taken over
/// what it left there, it must not take hold of that again. (It comes back only after a release, so
/// the sequence never changes under something that is there.)
fn provider_id(identity: &Identity, product: &str, placement: &Placement) -> String {
    const LONGEST: usize = 40;
    let whole = [
        product,
        &identity.namespace,
        &identity.name,
        &placement.id(),
        &placement.sequence.to_string(),
    ]
    .join("/");
    let hash = short_hash(&whole);
    let mut plain = String::new();
    for c in identity
        .name
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
    {
        let begins_well = !plain.is_empty() || c.is_ascii_lowercase();
        if plain.len() < LONGEST - hash.len() - 1
            && begins_well
            && !(c == '-' && plain.ends_with('-'))
        {
            plain.push(c);
        }
    }
    let plain = plain.trim_end_matches('-');
    if plain.is_empty() { format!("w-{hash}") } else { format!("{plain}-{hash}") }
}

/// The variables that are the same for all of a placement's expressions.
#[derive(Debug)]
pub struct Variables {
    variables: Vec<(&'static str, Value)>,
}

impl Variables {
    /// For one workload at one place.
    #[must_use]
    pub fn new(
        request: &ClaimRequest,
        tier: &TierFacts,
        placement: &Placement,
        identity: &Identity,
        product: &str,
        credentials: Option<&Credentials>,
    ) -> Self {
        let flavour = match identity.scope {
            Scope::Cluster => "cluster",
            Scope::Namespaced => "namespaced",
        };
        let mut variables = vec![
            ("params", Value::Object(request.params.clone())),
            ("cell", json!(request.cell)),
            ("environment", json!(request.environment)),
            ("ha", json!(request.ha)),
            (
                "tier",
                json!({
                    "name": request.tier, "rtoMinutes": tier.rto_minutes, "rpoMinutes": tier.rpo_minutes, "capabilities": tier.capabilities,
                }),
            ),
            (
                "placement",
                json!({
                    "provider": placement.provider, "region": placement.region, "runtimeCluster": placement.runtime_cluster,
                    "network": placement.network, "settings": placement.settings, "providerConfig": placement.provider_config.name,
                    "sequence": placement.sequence,
                }),
            ),
            ("claim", json!({"name": identity.claim_name, "namespace": identity.namespace})),
            ("xr", json!({"name": identity.name, "namespace": identity.namespace})),
            ("id", json!(provider_id(identity, product, placement))),
            ("flavour", json!(flavour)),
        ];
        if let Some(credentials) = credentials {
            variables.push(("credentials", credentials.variable()));
        }
        Variables { variables }
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.variables.iter().map(|(name, value)| (*name, value))
    }
}
