//! Whether something still needs a configuration object. That nothing does is said only where all
//! that could is known.

use std::collections::BTreeSet;

use idp_core::catalog::{Named, Site};
use idp_crds::contract::{FieldError, Problem};
use idp_crds::names::{ADOPT_CANDIDATE, reference_name};
use idp_crds::product::ResourceTemplate;
use idp_crds::{CandidateSpec, ProductSpec};
use serde_json::Value;

use super::read;
use crate::admission::known::{self, kinds, some_of};
use crate::admission::review::AdmissionRequest;
use crate::admission::verdict::{Denial, Reason};
use crate::placements::{Placed, Placements};
use crate::snapshot::Snapshot;

/// What cannot be told where not everything is known.
const QUESTION: &str = "whether something still needs it";

/// Who uses what.
#[derive(Clone, Copy)]
pub(super) struct Guards<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) placements: &'a Placements,
}

impl Guards<'_> {
    /// Whether an object may go: what the user is to be told then.
    pub(super) fn deletion(self, request: &AdmissionRequest<'_>) -> Result<Vec<String>, Denial> {
        let name = &*request.name;
        match &*request.kind.kind {
            "Product" => {
                let users = self.placements.list(|placed| placed.product == name);
                needed_by(&users, "delete them first")?;
                let kinds = kinds(&self.product(request)?.spec.api);
                known::of_kinds(self.placements, kinds, Vec::new(), QUESTION)?;
            }
            "Tier" => {
                let tier = reference_name(name);
                let users = self.placements.list(|placed| placed.tier == tier);
                needed_by(&users, "give them another tier first")?;
                known::everything(self.snapshot, self.placements, QUESTION)?;
            }
            "Candidate" => {
                // What is not in the catalog is not decided by; something may run there all the same.
                let Some(place) = self.candidate(request).map(|spec| spec.place()) else {
                    return Ok(Vec::new());
                };
                let here = self.placements.list(|placed| placed.place() == place);
                let way_out = "move them first (spec.healthy: false keeps new ones away)";
                needed_by(&here, way_out)?;
                known::everything(self.snapshot, self.placements, QUESTION)?;
                let keeping = self.placements.list(|placed| placed.retained.contains(&place));
                if !keeping.is_empty() {
                    return Ok(vec![format!(
                        "{place} still holds data of {}: it stays there, and can be released later",
                        named(&keeping)
                    )]);
                }
            }
            "CloudProvider" => {
                let mut candidates = self.snapshot.objects.candidates.iter();
                if candidates.any(|candidate| candidate.spec.provider == name) {
                    return Ok(vec![format!(
                        "there are Candidates in {name:?}: without its CloudProvider it counts as healthy"
                    )]);
                }
            }
            _ => {}
        }
        Ok(Vec::new())
    }

    /// What to know of a Candidate that becomes another: what runs there is pinned.
    pub(super) fn candidate_change(
        self,
        old: &CandidateSpec,
        new: &CandidateSpec,
    ) -> Option<String> {
        let (before, now) = (Site::new(old), Site::new(new));
        if before == now {
            return None;
        }
        let place = new.place();
        let here = self.placements.list(|placed| placed.place() == place);
        (!here.is_empty()).then(|| {
            format!(
                "{} workloads run in {place}, and keep the network, the settings and the ProviderConfig that they were placed with; each takes this change over with the annotation {ADOPT_CANDIDATE}: {}",
                here.len(),
                now.digest()
            )
        })
    }

    /// What a changed Product would lose of the data that exists: what it no longer describes,
    /// nobody can find again.
    pub(super) fn product_change(
        self,
        old: &Named<ProductSpec>,
        new: &Named<ProductSpec>,
    ) -> Result<Vec<FieldError>, Denial> {
        let losses = losses(&old.spec, &new.spec);
        if losses.is_empty() {
            return Ok(Vec::new());
        }
        let users = self.placements.list(|placed| placed.product == new.name);
        let providers = providers_used(&users);
        let hits = |loss: &Loss| match &loss.provider {
            Some(provider) => providers.contains(provider),
            None => !users.is_empty(),
        };
        let hit: Vec<FieldError> = losses
            .into_iter()
            .filter(hits)
            .map(|Loss { path, message, .. }| {
                let message = format!("{message}; {} still use it", named(&users));
                FieldError::new(path, Problem::Forbidden, message)
            })
            .collect();
        if hit.is_empty() {
            known::of_kinds(self.placements, kinds(&old.spec.api), Vec::new(), QUESTION)?;
        }
        Ok(hit)
    }

    /// The Product that is to go.
    fn product(self, request: &AdmissionRequest<'_>) -> Result<Named<ProductSpec>, Denial> {
        let old = request.old_object.and_then(|raw| read(raw).ok());
        let mut known = self.snapshot.objects.products.iter();
        old.and_then(|mut old| old.products.pop())
            .or_else(|| known.find(|product| product.name == *request.name).cloned())
            .ok_or_else(|| {
                let summary = "the Product cannot be read, and so it is not known what has been made by it: correct it first";
                Denial::new(Reason::Unavailable, summary)
            })
    }

    /// The Candidate that is to go.
    fn candidate(self, request: &AdmissionRequest<'_>) -> Option<CandidateSpec> {
        let old = request.old_object.and_then(|raw| read(raw).ok());
        let mut known = self.snapshot.objects.candidates.iter();
        old.and_then(|mut old| old.candidates.pop())
            .or_else(|| known.find(|candidate| candidate.name == *request.name).cloned())
            .map(|candidate| candidate.spec)
    }
}

/// Refuses where something needs it.
fn needed_by(users: &[Placed], way_out: &str) -> Result<(), Denial> {
    if users.is_empty() {
        return Ok(());
    }
    Err(Denial::new(Reason::Conflict, format!("{} still need it: {way_out}", named(users))))
}

/// What a change of a Product takes away.
struct Loss {
    /// Where; everywhere where there is none.
    provider: Option<String>,
    path: String,
    message: &'static str,
}

fn losses(old: &ProductSpec, new: &ProductSpec) -> Vec<Loss> {
    let mut losses = Vec::new();
    if old.stateful && !new.stateful {
        losses.push(Loss {
            provider: None,
            path: "spec.stateful".to_owned(),
            message: "cannot become false: moved workloads would lose their data",
        });
    }
    for (provider, templates) in &old.providers {
        let now = new.providers.get(provider).map(|templates| &templates.resources);
        for before in &templates.resources {
            let mut now = now.into_iter().flatten();
            let same = now.find(|resource| resource.name == before.name);
            if let Some(message) = loss(before, same) {
                let path = format!("spec.providers.{provider}.resources({})", before.name);
                losses.push(Loss { provider: Some(provider.clone()), path, message });
            }
        }
    }
    losses
}

fn loss(before: &ResourceTemplate, now: Option<&ResourceTemplate>) -> Option<&'static str> {
    let kind =
        |template: &Value| (template.get("apiVersion").cloned(), template.get("kind").cloned());
    match now {
        None if before.stateful => Some("holds data and cannot be dropped or renamed"),
        Some(now) if before.stateful && !now.stateful => {
            Some("holds data, which stateful: true keeps: it cannot be taken away")
        }
        Some(now) if kind(&now.template) != kind(&before.template) => Some(
            "cannot become another kind of object under the same name, the old one would be lost: give the new one a new name",
        ),
        _ => None,
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
    some_of(&users.iter().map(Placed::full_name).collect::<Vec<_>>(), ", ")
}
