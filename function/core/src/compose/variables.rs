//! What expressions see: the request, the placement, the workload's identity.

use idp_crds::contract::ClaimRequest;
use idp_crds::names::MULTI_AZ;
use serde_json::{Value, json};

use super::credentials::Credentials;
use super::facts::{Identity, Placement, Scope, TierFacts};

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
        credentials: Option<&Credentials>,
    ) -> Self {
        let flavour = match identity.scope {
            Scope::Cluster => "cluster",
            Scope::Namespaced => "namespaced",
        };
        // A tier that asks a place for several zones asks what is made there to use them.
        let ha = request.ha || tier.capabilities.iter().any(|capability| capability == MULTI_AZ);
        let mut variables = vec![
            ("params", Value::Object(request.params.clone())),
            ("cell", json!(request.cell)),
            ("environment", json!(request.environment)),
            ("ha", json!(ha)),
            ("deletion", json!(request.deletion)),
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
            (
                "xr",
                json!({
                    "name": identity.name, "namespace": identity.namespace,
                    "uid": identity.uid.as_deref().unwrap_or_default(),
                }),
            ),
            ("id", json!(placement.provider_id)),
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
