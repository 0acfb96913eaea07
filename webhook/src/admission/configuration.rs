//! The platform's own kinds: what a schema cannot say about them, how they fit together, and
//! whether something still needs them.

use std::collections::BTreeSet;

use idp_core::catalog::{Named, Objects, ReadError};
use idp_core::compose::product::Product;
use idp_crds::contract::{FieldError, Problem, did_you_mean};
use idp_crds::names::{PREFER_COST_OPTIMIZATION, reference_name};
use idp_crds::{CandidateSpec, ExperimentSpec, FeatureFlagSpec, ProductSpec, TierSpec};
use serde_json::Value;
use serde_json::value::RawValue;

use super::review::{AdmissionRequest, Operation};
use super::verdict::{Denial, Reason, Verdict, unreadable};
use crate::placements::{Placed, Placements};
use crate::snapshot::Snapshot;

/// More users of an object than this are counted, not named.
const MOST_NAMED: usize = 5;

/// Answers a review of a configuration object.
///
/// # Errors
/// Everything that is wrong with it, or who still needs it.
pub fn validate(
    snapshot: &Snapshot,
    placements: &Placements,
    request: &AdmissionRequest<'_>,
) -> Result<Verdict, Denial> {
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
            if findings.errors.is_empty()
                && let (Some(old), Some(new)) = (old.products.first(), objects.products.first())
            {
                findings.product_in_use(placements, old, new);
            }
            if !findings.errors.is_empty() {
                return Err(Denial::fields(findings.errors));
            }
            findings.warnings
        }
        Operation::Delete => deletion(snapshot, placements, request)?,
        Operation::Connect => Vec::new(),
    };
    Ok(Verdict::with_warnings(warnings))
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
    }

    fn product(&mut self, snapshot: &Snapshot, product: &Named<ProductSpec>) {
        if let Err(errors) = Product::compile(&product.name, product.spec.clone()) {
            // Among them what its fields say by themselves.
            self.errors = Vec::from_iter(errors.into_iter().map(|error| {
                let message = match &error.expression {
                    Some(expression) => format!("${{{expression}}}: {}", error.message),
                    None => error.message,
                };
                FieldError::new(error.path, error.problem, message)
            }));
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

    /// A Product must go on describing the data that exists: what it no longer describes, nobody
    /// can find again.
    fn product_in_use(
        &mut self,
        placements: &Placements,
        old: &Named<ProductSpec>,
        new: &Named<ProductSpec>,
    ) {
        let users = placements.list(|placed| placed.product == new.name);
        if users.is_empty() {
            return;
        }
        let used = format!("{} still use it", named(&users));
        if old.spec.stateful && !new.spec.stateful {
            let message =
                format!("cannot become false: moved workloads would lose their data; {used}");
            self.errors.push(FieldError::new("spec.stateful", Problem::Forbidden, message));
        }
        for provider in providers_used(&users) {
            let resources = |spec: &ProductSpec| {
                spec.providers.get(&provider).map(|p| p.resources.clone()).unwrap_or_default()
            };
            let now = resources(&new.spec);
            for before in resources(&old.spec) {
                let same = now.iter().find(|resource| resource.name == before.name);
                let path = format!("spec.providers.{provider}.resources({})", before.name);
                let kind = |template: &Value| {
                    (template.get("apiVersion").cloned(), template.get("kind").cloned())
                };
                let message = match same {
                    None if before.stateful => "holds data and cannot be dropped or renamed",
                    Some(now) if before.stateful && !now.stateful => {
                        "holds data, which stateful: true keeps: it cannot be taken away"
                    }
                    Some(now) if kind(&now.template) != kind(&before.template) => {
                        "cannot become another kind of object under the same name, the old one would be lost: give the new one a new name"
                    }
                    _ => continue,
                };
                self.errors.push(FieldError::new(
                    path,
                    Problem::Forbidden,
                    format!("{message}; {used}"),
                ));
            }
        }
    }
}

/// Whether an object may go: what the user is to be told then.
fn deletion(
    snapshot: &Snapshot,
    placements: &Placements,
    request: &AdmissionRequest<'_>,
) -> Result<Vec<String>, Denial> {
    let name = &*request.name;
    let refuse = |users: &[Placed], way_out: &str| match users {
        [] => Ok(Vec::new()),
        users => {
            Err(Denial::new(Reason::Conflict, format!("{} still need it: {way_out}", named(users))))
        }
    };
    match &*request.kind.kind {
        "Product" => refuse(&placements.list(|placed| placed.product == name), "delete them first"),
        "Tier" => {
            let tier = reference_name(name);
            refuse(&placements.list(|placed| placed.tier == tier), "give them another tier first")
        }
        "Candidate" => {
            let Some(candidate) =
                snapshot.objects.candidates.iter().find(|candidate| candidate.name == name)
            else {
                return Ok(Vec::new());
            };
            let place = candidate.spec.place();
            let here = placements.list(|placed| placed.place() == place);
            refuse(&here, "move them first (spec.healthy: false keeps new ones away)")?;
            let keeping = placements.list(|placed| placed.retained.contains(&place));
            Ok(match keeping.as_slice() {
                [] => Vec::new(),
                some => vec![format!(
                    "{place} still holds data of {}: it stays there, and can be released later",
                    named(some)
                )],
            })
        }
        "CloudProvider"
            if snapshot
                .objects
                .candidates
                .iter()
                .any(|candidate| candidate.spec.provider == name) =>
        {
            Ok(vec![format!(
                "there are Candidates in {name:?}: without its CloudProvider it counts as healthy"
            )])
        }
        _ => Ok(Vec::new()),
    }
}

fn providers_used(users: &[Placed]) -> BTreeSet<String> {
    let retained =
        users.iter().flat_map(|user| &user.retained).filter_map(|place| place.split_once('/'));
    users
        .iter()
        .map(|user| user.provider.clone())
        .chain(retained.map(|(provider, _)| provider.to_owned()))
        .collect()
}

/// The users of something, the first few by name.
fn named(users: &[Placed]) -> String {
    let names: Vec<String> = users.iter().take(MOST_NAMED).map(Placed::full_name).collect();
    match users.len().saturating_sub(MOST_NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
