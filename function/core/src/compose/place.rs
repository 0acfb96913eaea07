//! What a place must have for a product: which of its `network` and `settings` the product's
//! templates read there, and what of it a place lacks; and what keeps its data there.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::recovery::RecoveryPoint;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::expression::{Guard, PlaceRead, Resolver};
use super::facts::{Identity, Placement, Scope, TierFacts};
use super::plan::ProviderPlan;
use super::product::Product;
use super::variables::Variables;

impl ProviderPlan {
    /// What is read of a place here.
    pub(super) fn reads(&self) -> Vec<PlaceRead> {
        let mut reads = Vec::new();
        for resource in &self.resources {
            let condition = resource.include_when.as_deref();
            let guards: Vec<Guard> = condition.map(Guard::of).into_iter().collect();
            let variables =
                self.variables.iter().filter(|(name, _)| resource.needs.vars.contains(name));
            for template in variables.map(|(_, template)| template).chain([&resource.template]) {
                template.expressions(&mut |expression| {
                    expression.place_reads(&guards, &mut reads);
                });
            }
            if let Some(list) = &resource.for_each {
                list.place_reads(&guards, &mut reads);
            }
            if let Some(condition) = condition {
                condition.place_reads(&[], &mut reads);
            }
        }
        for (_, template) in &self.connection {
            template.expressions(&mut |expression| expression.place_reads(&[], &mut reads));
        }
        reads
    }

    /// Every field of a place that is read here, such as `settings.vpcCidr`, and whether by every
    /// workload.
    #[must_use]
    pub fn place_fields(&self) -> BTreeMap<String, bool> {
        let mut fields = BTreeMap::new();
        for read in &self.place_reads {
            *fields.entry(read.path.join(".")).or_default() |= read.guards.is_empty();
        }
        fields
    }

    /// Whether a place with this `network` and these `settings` lacks something that is read under
    /// some condition.
    #[must_use]
    pub fn may_lack(
        &self,
        network: &IndexMap<String, Value>,
        settings: &Map<String, Value>,
    ) -> bool {
        self.place_reads.iter().any(|read| missing(network, settings, &read.path).is_some())
    }
}

impl ProviderPlan {
    /// What keeps the data of whom `resolver` knows in `region`, in the Product's order.
    pub(super) fn recovery(&self, resolver: &Resolver<'_>, region: &str) -> Vec<RecoveryPoint> {
        self.recovery.iter().filter_map(|plan| plan.point(resolver, region)).collect()
    }
}

impl Product {
    /// What keeps the data of `request` at the place of `placement`, in the Product's order.
    #[must_use]
    pub fn recovery_points(
        &self,
        placement: &Placement,
        request: &ClaimRequest,
        tier: &TierFacts,
    ) -> Vec<RecoveryPoint> {
        let Some(plan) = self.provider(&placement.provider) else { return Vec::new() };
        let variables = Variables::new(request, tier, placement, &nobody(), None);
        let known = variables.variables().chain([("values", &self.values)]).collect();
        plan.recovery(&Resolver::new(known), &placement.region)
    }

    /// What the place of `placement` lacks of what `request` needs there.
    #[must_use]
    pub fn lacks_for(
        &self,
        placement: &Placement,
        request: &ClaimRequest,
        tier: &TierFacts,
    ) -> Vec<String> {
        let variables = Variables::new(request, tier, placement, &nobody(), None);
        let known = variables.variables().map(|(name, value)| (name, value.clone())).collect();
        self.lacks(placement, known, |holds| holds == Some(true))
    }

    /// Whether it may depend on more than tier and `ha` what the place of `placement` lacks of what a
    /// request needs there.
    #[must_use]
    pub fn lacks_by_parameters(&self, placement: &Placement, tier: &TierFacts, ha: bool) -> bool {
        let request = ClaimRequest {
            cell: String::new(),
            tier: String::new(),
            environment: String::new(),
            ha,
            deletion: Deletion::default(),
            params: Map::new(),
        };
        let variables = Variables::new(&request, tier, placement, &nobody(), None);
        let known = variables.variables().filter(|(name, _)| DECIDED_BY.contains(name));
        let known = known.map(|(name, value)| (name, value.clone())).collect();
        let undecided = Cell::new(false);
        self.lacks(placement, known, |holds| {
            undecided.set(undecided.get() || holds.is_none());
            true
        });
        undecided.get()
    }

    /// What the place of `placement` lacks that some request may need there.
    #[must_use]
    pub fn may_lack(&self, placement: &Placement) -> Vec<String> {
        let Placement { provider, region, runtime_cluster, network, settings, .. } = placement;
        let place = json!({
            "provider": provider, "region": region, "runtimeCluster": runtime_cluster,
            "network": network, "settings": settings,
        });
        self.lacks(placement, vec![("placement", place)], |holds| holds != Some(false))
    }

    fn lacks(
        &self,
        Placement { provider, network, settings, .. }: &Placement,
        mut known: Vec<(&str, Value)>,
        counts: impl Fn(Option<bool>) -> bool,
    ) -> Vec<String> {
        let plan = self.provider(provider).filter(|plan| plan.may_lack(network, settings));
        let Some(plan) = plan else {
            return Vec::new();
        };
        // Nothing has been made yet.
        known.extend([
            ("values", self.values.clone()),
            ("names", Value::Object(Map::new())),
            ("observed", Value::Object(Map::new())),
        ]);
        let mut vars = Map::new();
        for (name, template) in &plan.variables {
            let vars_so_far = Value::Object(vars.clone());
            let value = template.evaluate(&resolver(&known, &vars_so_far)).map(Value::from);
            // What reads one without a value does not get to its own.
            vars.extend(value.ok().map(|value| (name.clone(), value)));
        }
        let vars = Value::Object(vars);
        let resolver = resolver(&known, &vars);
        let lacking: BTreeSet<String> = plan
            .place_reads
            .iter()
            .filter_map(|read| Some((read, missing(network, settings, &read.path)?)))
            .filter(|(read, _)| read.guards.iter().all(|guard| counts(guard.holds(&resolver))))
            .map(|(_, missing)| missing)
            .collect();
        lacking.into_iter().collect()
    }
}

/// What is known of a request by its tier and `ha`.
const DECIDED_BY: [&str; 3] = ["placement", "tier", "ha"];

/// Whoever asks: what is lacking is lacking for everybody.
fn nobody() -> Identity {
    Identity {
        name: String::new(),
        claim_name: String::new(),
        namespace: String::new(),
        scope: Scope::Cluster,
        uid: None,
    }
}

fn resolver<'v>(known: &'v [(&'v str, Value)], vars: &'v Value) -> Resolver<'v> {
    let known = known.iter().map(|(name, value)| (*name, value));
    Resolver::new(known.chain([("vars", vars)]).collect())
}

/// The beginning of `path` that is not there; none when all of it is.
fn missing(
    network: &IndexMap<String, Value>,
    settings: &Map<String, Value>,
    path: &[String],
) -> Option<String> {
    let (root, fields) = path.split_first()?;
    let mut at: Option<&Value> = None;
    for (depth, field) in fields.iter().enumerate() {
        at = match (at, root.as_str()) {
            (Some(value), _) => value.get(field),
            (None, "network") => network.get(field),
            (None, _) => settings.get(field),
        }
        .filter(|value| !value.is_null());
        if at.is_none() {
            return Some(path.get(..depth + 2)?.join("."));
        }
    }
    None
}
