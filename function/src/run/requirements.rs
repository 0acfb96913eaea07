//! What the function needs to see, asked for in both of the protocol's generations: the least that
//! answers this call.
//!
//! Crossplane wakes a composite when anything that it has required is written. So a workload that is
//! placed asks for its Product, its Tier and the Candidate of its place, by name, and for nothing
//! that is written when a cloud fails. Who has to decide asks for everything, once.
//!
//! What is asked for follows from the workload and from what those names bring, never from what else
//! a request holds: so it is the same on every call of a reconcile, which Crossplane waits for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use idp_core::structs::from_struct;
use idp_crds::kinds::{KINDS, Kind, kind};
use idp_crds::names::{API_VERSION, CATALOG, CATALOG_VALUE, object_name};
use idp_crds::status::{Place, PlacementStatus};
use serde::Deserialize;

use super::input::Input;
use crate::wire::v1;
use crate::wire::v1::resource_selector::Match;

/// How much of the configuration a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What the workload's places and tier are, by name.
    Own,
    /// All that describe places and tiers: one of its own is not there by its name.
    Descriptions,
    /// Everything that decides.
    Everything,
}

/// Objects by kind.
pub(super) type ByKind<'r> = Vec<(&'static str, Vec<&'r v1::Resource>)>;

/// What a workload asks of the configuration.
#[derive(Debug)]
pub(super) struct Needs<'a> {
    product: Option<&'a str>,
    /// Its Tier, and the Candidates of where it is and of where a newer decision has it; nothing
    /// while it is nowhere.
    own: Vec<Own>,
    /// Whether there is no place yet.
    nowhere: bool,
    /// Whether all of those can be asked for by name.
    all_have_names: bool,
}

/// One object that is asked for by name.
#[derive(Debug)]
struct Own {
    /// The requirement's name. It says of what it is, so that what an earlier decision required is
    /// never taken for what this one does.
    key: String,
    kind: &'static str,
    name: String,
    /// The place that it has to describe.
    place: Option<Place>,
}

impl<'a> Needs<'a> {
    /// Of a workload at these places (none while it is nowhere).
    pub(super) fn new(
        input: &'a Input,
        tier: Option<&str>,
        places: Vec<Place>,
        status: Option<&PlacementStatus>,
    ) -> Self {
        let candidate = |place: Place| {
            let stated = status.filter(|status| status.place() == place);
            let stated = stated.and_then(|status| status.candidate.clone());
            Own {
                key: format!("candidate/{place}"),
                kind: "Candidate",
                name: stated.unwrap_or_else(|| place.id()),
                place: Some(place),
            }
        };
        let mut own: Vec<Own> = places.into_iter().map(candidate).collect();
        if !own.is_empty() {
            own.extend(tier.map(|tier| Own {
                key: format!("tier/{tier}"),
                kind: "Tier",
                name: object_name(tier),
                place: None,
            }));
        }
        let (before, nowhere) = (own.len(), own.is_empty());
        own.retain(|own| can_be_asked_for(&own.name));
        let all_have_names = own.len() == before && tier.is_some();
        Needs { product: input.product.as_deref(), own, nowhere, all_have_names }
    }

    /// What is needed at least, as far as what has arrived of its own tells.
    pub(super) fn extent(&self, own: Option<&ByKind<'_>>) -> Extent {
        if self.nowhere {
            return Extent::Everything;
        }
        match own {
            Some(arrived) if !self.are_described_by(arrived) => Extent::Descriptions,
            // The names first: what they bring tells what else is needed.
            _ => Extent::Own,
        }
    }

    /// The requirements of this extent.
    pub(super) fn requirements(
        &self,
        extent: Extent,
        meta: Option<&v1::RequestMeta>,
    ) -> v1::Requirements {
        let own = self
            .own
            .iter()
            .map(|own| (own.key.clone(), selector(own.kind, Match::MatchName(own.name.clone()))));
        let all = extent.kinds().map(|kind| {
            let by = match self.product {
                Some(product) if kind.name == "Product" => Match::MatchName(product.to_owned()),
                _ => labelled(),
            };
            (kind.requirement.to_owned(), selector(kind.name, by))
        });
        let selectors: BTreeMap<String, v1::ResourceSelector> = own.chain(all).collect();
        // Crossplane 2.2 and later say what they can do. Older ones say nothing, and 1.x knows only
        // `extra_resources`.
        let says_what_it_can = meta.is_some_and(|meta| !meta.capabilities.is_empty());
        v1::Requirements {
            extra_resources: if says_what_it_can { BTreeMap::new() } else { selectors.clone() },
            resources: selectors,
            ..v1::Requirements::default()
        }
    }

    /// What has arrived of this extent, by kind; none while something has not. `own` is what has of
    /// its own.
    pub(super) fn arrived<'r>(
        &self,
        extent: Extent,
        request: &'r v1::RunFunctionRequest,
        own: Option<&ByKind<'r>>,
    ) -> Option<ByKind<'r>> {
        let mut objects: ByKind<'r> = extent
            .kinds()
            .map(|kind| Some((kind.name, find(request, kind.requirement)?.iter().collect())))
            .collect::<Option<_>>()?;
        if extent == Extent::Own {
            objects.extend(own?.iter().cloned());
        }
        Some(objects)
    }

    /// What is asked for by name: as it was asked for, or among all where those are there.
    pub(super) fn arrived_own<'r>(
        &self,
        request: &'r v1::RunFunctionRequest,
    ) -> Option<ByKind<'r>> {
        let found = |own: &Own| {
            let items = match find(request, &own.key) {
                Some(items) => items.iter().collect(),
                None => {
                    let all = find(request, kind(own.kind)?.requirement)?.iter();
                    all.filter(|item| name(item) == own.name).collect()
                }
            };
            Some((own.kind, items))
        };
        self.own.iter().map(found).collect()
    }

    /// Whether these are all that was meant.
    fn are_described_by(&self, arrived: &ByKind<'_>) -> bool {
        let meant = |(own, (_, items)): (&Own, &(&str, Vec<&v1::Resource>))| match &own.place {
            None => !items.is_empty(),
            Some(place) => items.first().is_some_and(|item| {
                let Described { provider, region } = described(item);
                (provider.as_ref(), region.as_ref()) == place.parts()
            }),
        };
        self.all_have_names && self.own.iter().zip(arrived).all(meant)
    }
}

impl Extent {
    /// The kinds of which all objects are needed; of products only the one, where that is known.
    fn kinds(self) -> impl Iterator<Item = &'static Kind> {
        KINDS.iter().filter(move |kind| match self {
            Extent::Own => kind.name == "Product",
            Extent::Descriptions => ["Candidate", "Tier", "Product"].contains(&kind.name),
            Extent::Everything => true,
        })
    }
}

/// As much of a configuration object as tells what it is called.
#[derive(Debug, Default, Deserialize)]
struct Head<'r> {
    #[serde(default, borrow)]
    metadata: Named<'r>,
}

#[derive(Debug, Default, Deserialize)]
struct Named<'r> {
    #[serde(default, borrow)]
    name: Cow<'r, str>,
}

/// As much of a Candidate as tells of which place it is.
#[derive(Debug, Default, Deserialize)]
struct Body<'r> {
    #[serde(default, borrow)]
    spec: Described<'r>,
}

#[derive(Debug, Default, Deserialize)]
struct Described<'r> {
    #[serde(default, borrow)]
    provider: Cow<'r, str>,
    #[serde(default, borrow)]
    region: Cow<'r, str>,
}

/// What cannot be read is nothing that was asked for.
fn name(item: &v1::Resource) -> Cow<'_, str> {
    read::<Head<'_>>(item).metadata.name
}

fn described(item: &v1::Resource) -> Described<'_> {
    read::<Body<'_>>(item).spec
}

fn read<'r, T: Deserialize<'r> + Default>(item: &'r v1::Resource) -> T {
    item.resource.as_ref().and_then(|bytes| from_struct(bytes).ok()).unwrap_or_default()
}

/// Whether an object may have the name: others Crossplane would fail to look up.
fn can_be_asked_for(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    !name.is_empty() && name.len() <= 253 && name.chars().all(fits)
}

fn labelled() -> Match {
    let labels = [(CATALOG.to_owned(), CATALOG_VALUE.to_owned())].into_iter().collect();
    Match::MatchLabels(v1::MatchLabels { labels })
}

fn selector(kind: &str, by: Match) -> v1::ResourceSelector {
    v1::ResourceSelector {
        api_version: API_VERSION.to_owned(),
        kind: kind.to_owned(),
        r#match: Some(by),
        namespace: None,
    }
}

fn find<'r>(request: &'r v1::RunFunctionRequest, name: &str) -> Option<&'r [v1::Resource]> {
    let found =
        request.required_resources.get(name).or_else(|| request.extra_resources.get(name))?;
    Some(found.items.as_slice())
}
