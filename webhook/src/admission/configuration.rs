//! The platform's own kinds: what a schema cannot say about them, how they fit together,
//! whether something still needs them (`guards`), and what an edit would do to what runs (`effect`).

mod effect;
mod guards;

use idp_core::catalog::{Named, Objects, ReadError, Site};
use idp_core::compose::facts::TierFacts;
use idp_core::compose::product::Product;
use idp_core::insight::edit;
use idp_crds::contract::{FieldError, Problem, did_you_mean};
use idp_crds::names::{CATALOG, CATALOG_VALUE, PREFER_COST_OPTIMIZATION, reference_name};
use idp_crds::{CandidateSpec, ExperimentSpec, FeatureFlagSpec, ProductSpec, TierSpec};
use serde_json::Value;
use serde_json::value::RawValue;

use super::object::Object;
use super::review::{AdmissionRequest, Operation};
use super::verdict::{Denial, Reason, Verdict, unreadable};
use crate::placements::Placements;
use crate::snapshot::Snapshot;
use guards::Guards;

/// Answers a review of a configuration object.
///
/// # Errors
/// Everything that is wrong with it, or who still needs it.
pub fn validate(
    snapshot: &Snapshot,
    placements: &Placements,
    request: &AdmissionRequest<'_>,
) -> Result<Verdict, Denial> {
    let guards = Guards { snapshot, placements };
    let warnings = match request.operation {
        Operation::Create | Operation::Update => {
            let raw = request
                .object
                .ok_or_else(|| unreadable("the object", "the review carries none"))?;
            let objects = read(raw)?;
            let old = match request.old_object {
                Some(raw) => read(raw).unwrap_or_default(),
                None => Objects::default(),
            };
            let mut findings = Findings::default();
            findings.examine(snapshot, &objects);
            findings.errors.extend(label_error(raw)?);
            if let (Some(old), Some(new)) = (old.candidates.first(), objects.candidates.first()) {
                findings.warnings.extend(guards.candidate_change(&old.spec, &new.spec));
            }
            if findings.errors.is_empty()
                && let (Some(old), Some(new)) = (old.products.first(), objects.products.first())
            {
                findings.errors = guards.product_change(old, new)?;
            }
            if !findings.errors.is_empty() {
                return Err(Denial::fields(findings.errors));
            }
            let change = |all: &mut Objects| edit::apply(all, objects);
            findings.warnings.extend(effect::warnings(snapshot, placements, change));
            findings.warnings
        }
        Operation::Delete => {
            let mut warnings = guards.deletion(request)?;
            let what = format!("{}/{}", request.kind.kind, request.name);
            // What is not in the catalog decides nothing.
            let removal = |all: &mut Objects| drop(edit::remove(all, &what));
            warnings.extend(effect::warnings(snapshot, placements, removal));
            warnings
        }
        Operation::Connect => Vec::new(),
    };
    Ok(Verdict::with_warnings(warnings))
}

/// What is wrong with an object that the function would not see.
fn label_error(raw: &RawValue) -> Result<Option<FieldError>, Denial> {
    let object = Object::read(raw).map_err(|error| unreadable("the object", error))?;
    if object.metadata.label(CATALOG) == Some(CATALOG_VALUE) {
        return Ok(None);
    }
    let path = format!("metadata.labels[{CATALOG}]");
    let message = format!(
        "must be {CATALOG_VALUE:?}: without it the function does not see the object, and decides otherwise than admission"
    );
    Ok(Some(FieldError::new(path, Problem::Required, message)))
}

/// The one object of `raw`, in the list of its kind.
fn read(raw: &RawValue) -> Result<Objects, Denial> {
    let value: Value =
        serde_json::from_str(raw.get()).map_err(|error| unreadable("the object", error))?;
    let mut objects = Objects::default();
    match objects.add("", value) {
        Ok(()) => Ok(objects),
        Err(ReadError::Object { message, .. }) => Err(Denial::new(Reason::Invalid, message)),
        Err(other) => Err(unreadable("the object", other)),
    }
}

/// What there is to say about an object.
#[derive(Default)]
struct Findings {
    errors: Vec<FieldError>,
    warnings: Vec<String>,
}

impl Findings {
    /// Examines the one object that is in `objects`.
    fn examine(&mut self, snapshot: &Snapshot, objects: &Objects) {
        self.errors = objects.errors();
        objects.candidates.iter().for_each(|candidate| self.candidate(snapshot, candidate));
        objects.tiers.iter().for_each(|tier| self.tier(snapshot, tier));
        objects.products.iter().for_each(|product| self.product(snapshot, product));
        objects.experiments.iter().for_each(|experiment| self.experiment(snapshot, experiment));
        objects.flags.iter().for_each(|flag| self.flag(flag));
    }

    fn candidate(&mut self, snapshot: &Snapshot, candidate: &Named<CandidateSpec>) {
        let spec = &candidate.spec;
        let same_place = |other: &&Named<CandidateSpec>| {
            other.name != candidate.name && other.spec.place() == spec.place()
        };
        if let Some(other) = snapshot.objects.candidates.iter().find(same_place) {
            let message = format!(
                "{} is described by the Candidate {:?} already: a place has one",
                spec.place(),
                other.name
            );
            self.errors.push(FieldError::new("spec.region", Problem::Invalid, message));
        }
        let providers = || snapshot.objects.providers.iter().map(|provider| provider.name.as_str());
        if !providers().any(|name| name == spec.provider) {
            let hint = did_you_mean(&spec.provider, providers());
            self.warnings.push(format!(
                "there is no CloudProvider {:?}{hint}: it counts as healthy",
                spec.provider
            ));
        }
        for product in snapshot.catalog.products() {
            self.lacking(product, spec);
        }
    }

    /// What of a place a product may need, and its Candidate does not say: half of a workload would
    /// be made there, and so what needs it is placed elsewhere.
    fn lacking(&mut self, product: &Product, spec: &CandidateSpec) {
        let place = (spec.provider.as_str(), spec.region.as_str());
        let placement = Site::new(spec).placement(place, 1, String::new());
        let missing = product.may_lack(&placement);
        if !missing.is_empty() {
            self.warnings.push(format!(
                "{} lacks {} for {}: what needs that is not placed there",
                spec.place(),
                missing.join(", "),
                product.name
            ));
        }
    }

    fn tier(&mut self, snapshot: &Snapshot, tier: &Named<TierSpec>) {
        let passes = |candidate: &Named<CandidateSpec>| {
            tier.spec
                .required_capabilities
                .iter()
                .all(|capability| candidate.spec.capabilities.contains(capability))
        };
        if !snapshot.objects.candidates.iter().any(passes) {
            self.warnings.push(format!(
                "no Candidate has all that tier {:?} requires: nothing can be placed",
                reference_name(&tier.name)
            ));
        }
        let facts = TierFacts {
            rto_minutes: tier.spec.rto_minutes,
            rpo_minutes: tier.spec.rpo_minutes,
            capabilities: tier.spec.required_capabilities.clone(),
        };
        let name = reference_name(&tier.name);
        for product in snapshot.catalog.products() {
            let gap = snapshot.catalog.tier_gap(product, &name, &facts);
            self.warnings.extend(gap.map(|gap| format!("{}: {gap}", product.name)));
        }
    }

    fn product(&mut self, snapshot: &Snapshot, product: &Named<ProductSpec>) {
        match Product::compile(&product.name, product.spec.clone()) {
            Ok(compiled) => {
                for candidate in &snapshot.objects.candidates {
                    self.lacking(&compiled, &candidate.spec);
                }
            }
            // Among them what its fields say by themselves.
            Err(errors) => {
                self.errors = Vec::from_iter(errors.into_iter().map(|error| {
                    let message = match &error.expression {
                        Some(expression) => format!("${{{expression}}}: {}", error.message),
                        None => error.message,
                    };
                    FieldError::new(error.path, error.problem, message)
                }))
            }
        }
        let api = &product.spec.api;
        for (field, kind) in api.kinds() {
            let mut others =
                snapshot.objects.products.iter().filter(|other| other.name != product.name);
            if let Some(other) = others.find(|other| other.spec.api.has(&api.group, kind)) {
                let message = format!(
                    "{kind:?} in {} belongs to the Product {:?} already",
                    api.group, other.name
                );
                self.errors.push(FieldError::new(
                    format!("spec.api.{field}"),
                    Problem::Invalid,
                    message,
                ));
            }
        }
        for provider in product.spec.providers.keys() {
            if !snapshot
                .objects
                .candidates
                .iter()
                .any(|candidate| candidate.spec.provider == *provider)
            {
                self.warnings.push(format!(
                    "no Candidate is in {provider:?}: the product is not offered there yet"
                ));
            }
        }
    }

    fn experiment(&mut self, snapshot: &Snapshot, experiment: &Named<ExperimentSpec>) {
        let tier = &experiment.spec.tier;
        let tiers: Vec<String> =
            snapshot.objects.tiers.iter().map(|tier| reference_name(&tier.name)).collect();
        if tier != "*" && !tiers.contains(&reference_name(tier)) {
            let hint = did_you_mean(tier, tiers.iter().map(String::as_str));
            self.warnings.push(format!(
                "there is no Tier {tier:?}{hint}: the experiment applies to nothing"
            ));
        }
    }

    fn flag(&mut self, flag: &Named<FeatureFlagSpec>) {
        if reference_name(&flag.name) != PREFER_COST_OPTIMIZATION {
            let known = PREFER_COST_OPTIMIZATION.replace('_', "-");
            self.warnings
                .push(format!("nothing reads the flag {:?}: there is {known:?}", flag.name));
        }
    }
}
