//! The workloads that a question is about.

use std::fmt;

use idp_crds::contract::ClaimRequest;
use idp_crds::names::{CLAIM_NAME, CLAIM_NAMESPACE, PLACEMENT_REASON};
use idp_crds::record::Record;
use idp_crds::status::{Place, PlacementStatus};
use serde::{Deserialize as _, Serialize, Serializer};
use serde_json::{Map, Value};

use super::Question;
use super::comparison::{Asked, given};
use crate::catalog::Catalog;

/// One workload: what it asks for, and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its namespace; empty for what has none.
    pub namespace: String,
    /// The product's name.
    pub product: String,
    /// The cell.
    pub cell: String,
    /// The environment.
    pub environment: String,
    /// What it asks for.
    pub question: Question,
    /// What its claim says beside cell, tier and `ha`, as [`given`] writes it; none for one that is
    /// made up, which asks for nothing but what it must.
    pub given: Option<Box<str>>,
    /// Where it is; none where it has not been placed.
    pub place: Option<Place>,
    /// Where else it has something: no move goes there.
    pub occupied: Vec<Place>,
    /// The decision that put it there, where that is known.
    pub record: Option<Box<Record>>,
    /// The text of that decision.
    pub reason: Option<String>,
}

impl Workload {
    /// Reads a claim or composite resource, placed or not; none for an object of another kind.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(catalog: &Catalog, object: &Value) -> Result<Option<Self>, Vec<String>> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let group = text("/apiVersion").and_then(|version| version.split_once('/'));
        let group = group.map_or("", |(group, _)| group);
        let kind = text("/kind").unwrap_or_default();
        let Some(product) = catalog.product_of(group, kind) else { return Ok(None) };
        let nothing = Map::new();
        let spec = object.get("spec").and_then(Value::as_object).unwrap_or(&nothing);
        let tiers = catalog.scheduler().tier_names();
        let request = ClaimRequest::read(&product.spec, spec, tiers)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;

        let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
        let label = |name: &str| labels.and_then(|labels| labels.get(name)?.as_str());
        // The experiment's side goes by the claim's name.
        let name = label(CLAIM_NAME).or(text("/metadata/name")).unwrap_or_default();
        let namespace = label(CLAIM_NAMESPACE).or(text("/metadata/namespace")).unwrap_or_default();
        let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
        let annotation = annotations
            .and_then(|annotations| annotations.get(PLACEMENT_REASON)?.as_str())
            .map(|text| Record::parse(text).map(|record| (record, text.to_owned())));
        let annotation = annotation
            .transpose()
            .map_err(|error| vec![format!("the annotation {PLACEMENT_REASON}: {error}")])?;
        let status = object
            .pointer("/status/placement")
            .map(PlacementStatus::deserialize)
            .transpose()
            .map_err(|error| vec![format!("status.placement: {error}")])?;
        // A decision that is not carried out yet has the higher number.
        let (place, record, reason) = match (status.as_ref(), annotation) {
            (Some(status), Some((record, _))) if status.sequence >= record.sequence => {
                let read = Record::parse(&status.reason).ok().map(Box::new);
                (Some(status.place()), read, Some(status.reason.clone()))
            }
            (Some(status), None) => {
                let read = Record::parse(&status.reason).ok().map(Box::new);
                (Some(status.place()), read, Some(status.reason.clone()))
            }
            (_, Some((record, text))) => (Some(record.place()), Some(Box::new(record)), Some(text)),
            (None, None) => (None, None, None),
        };
        let occupied = status.as_ref().map(PlacementStatus::occupied).unwrap_or_default();
        Ok(Some(Workload {
            namespace: namespace.to_owned(),
            product: product.name.clone(),
            cell: request.cell.clone(),
            environment: request.environment.clone(),
            question: Question::of(catalog, product, name, &request),
            given: Some(given(spec.get("parameters").unwrap_or(&Value::Null))),
            occupied: occupied.into_iter().map(|(p, r)| Place::new(p, r)).collect(),
            place,
            record,
            reason: reason.filter(|reason| !reason.is_empty()),
        }))
    }

    /// What it asks for, to be asked of any catalog.
    #[must_use]
    pub fn asked(&self) -> Asked<'_> {
        let Question { name, tier, ha, .. } = &self.question;
        let (product, given) = (self.product.as_str(), self.given.as_deref());
        Asked { product, name, tier, ha: *ha, given }
    }

    /// What it would ask when it is moved: as now, and not to where it is or has something.
    #[must_use]
    pub fn moving(&self) -> Question {
        let mut question = self.question.clone();
        question.not_to.extend(self.place.iter().chain(&self.occupied).cloned());
        question
    }
}

/// `<product> <namespace>/<name>`.
impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Workload { product, namespace, question, .. } = self;
        match namespace.as_str() {
            "" => write!(f, "{product} {}", question.name),
            namespace => write!(f, "{product} {namespace}/{}", question.name),
        }
    }
}

impl Serialize for Workload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Places every workload that is nowhere, as admission would.
///
/// Returns how many of them have no place.
pub fn place_all(catalog: &Catalog, fleet: &mut [Workload]) -> usize {
    let mut nowhere = 0;
    for workload in fleet.iter_mut().filter(|workload| workload.place.is_none()) {
        workload.place = workload.question.selects(catalog.scheduler());
        nowhere += usize::from(workload.place.is_none());
    }
    nowhere
}

/// `count` workloads over the catalog's products and tiers, placed as it places them: the same ones
/// every time.
#[must_use]
pub fn generate(catalog: &Catalog, count: usize) -> Vec<Workload> {
    let scheduler = catalog.scheduler();
    let tiers: Vec<&str> = scheduler.tier_names().collect();
    let products = catalog.products();
    let mut fleet = Vec::with_capacity(count);
    for number in 0..count {
        let pick = |of: usize, salt: u64| {
            let mixed = mixed(((number as u64) << 3) | salt);
            usize::try_from(mixed % of.max(1) as u64).unwrap_or(0)
        };
        let (Some(product), Some(tier)) =
            (products.get(pick(products.len(), 1)), tiers.get(pick(tiers.len(), 2)))
        else {
            break;
        };
        let cell = pick(20, 3);
        let name = format!("workload-{number}");
        let question = Question::plain(catalog, product, &name, tier, pick(3, 4) == 0);
        fleet.push(Workload {
            namespace: format!("team-{cell}"),
            product: product.name.clone(),
            cell: format!("cell-{cell}"),
            environment: "production".to_owned(),
            question,
            given: None,
            place: None,
            occupied: Vec::new(),
            record: None,
            reason: None,
        });
    }
    place_all(catalog, &mut fleet);
    fleet
}

/// SplitMix64: spread evenly, and the same everywhere.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
