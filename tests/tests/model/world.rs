//! A workload, and everybody who does something to it.

use std::collections::{BTreeMap, BTreeSet};

use idp_core::schedule::Provenance;
use idp_crds::contract::ClaimRequest;
use idp_crds::names::{PLACEMENT_REASON, RELEASE};
use idp_crds::record::{DecidedBy, Previous, Record};
use idp_crds::status::{Phase, PlacementStatus};
use idp_function::wire::v1;
use idp_tests::sim::configuration::products;
use idp_tests::sim::{Cloud, Crossplane, Faults, Generation, PLACES, Reconciled};
use serde_json::{Value, json};

use crate::action::{Action, Annotation, CandidateEdit, ProductEdit};
use crate::laws::Laws;

/// Which product it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Holds data.
    Database,
    /// Holds none.
    App,
    /// Holds none, but one of its resources does.
    Site,
}

impl Kind {
    fn product(self) -> &'static str {
        match self {
            Kind::Database => "database",
            Kind::App => "app",
            Kind::Site => "site",
        }
    }

    fn composite(self) -> &'static str {
        match self {
            Kind::Database => "XDatabase",
            Kind::App => "XApp",
            Kind::Site => "XSite",
        }
    }
}

/// A workload, and everything around it.
pub struct World {
    pub crossplane: Crossplane,
    clouds: BTreeMap<String, Cloud>,
    kind: Kind,
    /// What admission last decided.
    decided: Option<String>,
    laws: Laws,
}

impl World {
    /// Just made. With `admission` its place has been decided there; without, the function decides.
    pub fn new(kind: Kind, generation: Generation, admission: bool) -> Self {
        let crossplane = Crossplane::new(generation, kind.composite());
        let laws = Laws::new(kind == Kind::Database);
        let mut world = World { crossplane, clouds: BTreeMap::new(), kind, decided: None, laws };
        if admission {
            world.decide(&[], &[], Provenance::first(DecidedBy::Admission));
        }
        world
    }

    /// Lets it happen.
    pub fn apply(&mut self, action: Action) {
        match action {
            Action::Reconcile(faults) => {
                self.reconcile(faults);
            }
            Action::Work => self.crossplane.work(&self.clouds),
            Action::Cloud(provider, cloud) => {
                self.clouds.insert(provider.to_owned(), cloud);
            }
            Action::Failover(leave) => self.failover(leave),
            Action::Release(at) => self.release(at),
            Action::WipeStatus => self.crossplane.composite["status"] = json!({}),
            Action::Annotation(to) => self.annotate(to),
            Action::Candidate(at, edit) => {
                let (provider, region) = PLACES[at];
                let name = format!("{provider}-{region}");
                match edit {
                    CandidateEdit::Delete => {
                        self.crossplane.configuration.delete("Candidate", &name)
                    }
                    CandidateEdit::Unhealthy => {
                        self.crossplane
                            .configuration
                            .edit("Candidate", &name, |spec| spec["healthy"] = json!(false));
                    }
                }
            }
            Action::Product(edit) => self.edit(edit),
            Action::Replica(wanted) => {
                self.crossplane.composite["spec"]["parameters"]["replica"] = json!(wanted)
            }
            Action::Restore => self.crossplane.configuration.restore(),
        }
    }

    /// One reconcile, and the laws.
    pub fn reconcile(&mut self, faults: Faults) -> Reconciled {
        let reconciled = self.crossplane.reconcile(faults);
        self.laws.check(&self.crossplane, &reconciled);
        self.end_release();
        reconciled
    }

    /// Nothing goes wrong any more: it ends well.
    pub fn calm_down(&mut self) {
        self.crossplane.configuration.restore();
        self.clouds.clear();
        self.annotate(Annotation::Restored);
        for _ in 0..12 {
            self.reconcile(Faults::default());
            self.crossplane.work(&self.clouds);
        }
        let last = self.reconcile(Faults::default());
        let placement = self.placement().expect("it has a place");
        assert_eq!(placement.phase, Phase::Steady, "{:?}", self.composite_status());
        let ready = last.answer.desired.as_ref().unwrap().composite.as_ref().unwrap().ready();
        assert_eq!(ready, v1::Ready::True, "{:?}", self.composite_status());
        self.laws.check_rest(&self.crossplane, &placement);
        let again = self.reconcile(Faults::default());
        assert_eq!(again.desired, last.desired, "it goes on changing");
        assert!(again.answer.results.is_empty(), "it goes on talking: {:?}", again.answer.results);
    }

    /// `status.placement`.
    pub fn placement(&self) -> Option<PlacementStatus> {
        serde_json::from_value(self.composite_status().get("placement")?.clone()).ok()
    }

    fn composite_status(&self) -> &Value {
        &self.crossplane.composite["status"]
    }

    /// Admission of a failover: a place where the workload is not, and has left nothing.
    pub fn failover(&mut self, leave: Option<&str>) {
        let annotated = self.decided.as_deref().and_then(|text| Record::parse(text).ok());
        let status = self.placement();
        let mut occupied: BTreeSet<(String, String)> = BTreeSet::new();
        for (provider, region) in status.iter().flat_map(PlacementStatus::occupied) {
            occupied.insert((provider.to_owned(), region.to_owned()));
        }
        let mut here: Option<Previous> = status.map(|s| Previous {
            provider: s.provider,
            region: s.region,
            sequence: s.sequence,
        });
        if let Some(record) = annotated {
            let (provider, region) = (record.selected.provider, record.selected.region);
            occupied.insert((provider.clone(), region.clone()));
            if here.as_ref().is_none_or(|here| here.sequence < record.sequence) {
                here = Some(Previous { provider, region, sequence: record.sequence });
            }
        }
        let Some(here) = here else { return };
        let place = format!("{}-{}", here.provider, here.region);
        let occupied: Vec<(&str, &str)> =
            occupied.iter().map(|(p, r)| (p.as_str(), r.as_str())).collect();
        let leave: Vec<String> = leave.into_iter().map(str::to_owned).collect();
        let provenance = Provenance {
            sequence: here.sequence + 1,
            previous: Some(here),
            excluded_providers: leave.clone(),
            decided_by: DecidedBy::Admission,
        };
        if self.decide(&leave, &occupied, provenance)
            && self.crossplane.annotation(RELEASE) == Some(place.as_str())
        {
            // It was not meant for what this move leaves there.
            self.crossplane.annotate(RELEASE, None);
        }
    }

    /// Decides, and annotates the composite, if there is a place and a product; says whether there
    /// is.
    fn decide(
        &mut self,
        leave: &[String],
        occupied: &[(&str, &str)],
        provenance: Provenance,
    ) -> bool {
        let catalog = self.crossplane.configuration.catalog();
        let Some(product) = catalog.product(self.kind.product()) else { return false };
        let spec = self.crossplane.composite["spec"].as_object().unwrap();
        let request =
            ClaimRequest::read(&product.spec, spec, catalog.scheduler().tier_names()).unwrap();
        // As admission does.
        let decided = match provenance.previous {
            Some(_) => catalog.relocate(product, "orders", &request, leave, occupied),
            None => catalog.decide(product, "orders", &request, leave, occupied),
        };
        let Ok(decision) = decided else { return false };
        let text = decision.record(provenance).to_annotation();
        self.decided = Some(text.clone());
        self.crossplane.annotate(PLACEMENT_REASON, Some(text));
        true
    }

    /// Admission of a release: only of a place that is listed and that the workload has left; of
    /// all that is there.
    pub fn release(&mut self, at: usize) {
        let Some(placement) = self.placement() else { return };
        let Some(retained) = placement.retained.get(at) else { return };
        if (&retained.provider, &retained.region) == (&placement.provider, &placement.region) {
            return;
        }
        let there = self
            .crossplane
            .objects
            .values()
            .filter(|object| object.place().as_ref() == Some(&retained.place));
        self.laws.released(there);
        self.crossplane.annotate(RELEASE, Some(retained.place.clone()));
    }

    /// Admission ends a release when the place is not listed any more.
    fn end_release(&mut self) {
        let Some(released) = self.crossplane.annotation(RELEASE) else { return };
        let listed = self
            .placement()
            .is_none_or(|placement| placement.retained.iter().any(|r| r.place == released));
        if !listed {
            self.crossplane.annotate(RELEASE, None);
        }
    }

    fn annotate(&mut self, to: Annotation) {
        let present = self.decided.as_deref().map(|text| Record::parse(text).unwrap());
        let text = match (to, present) {
            (Annotation::Gone, _) => None,
            (Annotation::Garbage, _) => Some("{\"tier\": [[[".to_owned()),
            (Annotation::Restored, _) => self.decided.clone(),
            (Annotation::Old, Some(mut record)) => {
                (record.selected.provider, record.selected.region) =
                    ("oci".to_owned(), "ashburn".to_owned());
                record.sequence = record.sequence.saturating_sub(1);
                Some(record.to_annotation())
            }
            (Annotation::Nowhere, Some(mut record)) => {
                record.selected.region = "atlantis".to_owned();
                record.sequence += 7;
                Some(record.to_annotation())
            }
            (Annotation::Old | Annotation::Nowhere, None) => return,
        };
        self.crossplane.annotate(PLACEMENT_REASON, text);
    }

    fn edit(&mut self, edit: ProductEdit) {
        let name = self.kind.product();
        let configuration = &mut self.crossplane.configuration;
        match edit {
            ProductEdit::Delete => configuration.delete("Product", name),
            ProductEdit::Leave(provider) => configuration.edit("Product", name, |spec| {
                let providers = spec["providers"].as_object_mut().unwrap();
                // A product is offered somewhere.
                if providers.len() > 1 {
                    providers.remove(provider);
                }
            }),
            ProductEdit::Rename(from, to) => configuration.edit("Product", name, |spec| {
                *spec = serde_json::from_str(&spec.to_string().replace(from, to)).unwrap();
            }),
            ProductEdit::Without(resource) => configuration.edit("Product", name, |spec| {
                for templates in spec["providers"].as_object_mut().unwrap().values_mut() {
                    templates["resources"]
                        .as_array_mut()
                        .unwrap()
                        .retain(|template| template["name"] != resource);
                }
            }),
        }
        debug_assert!(products().iter().any(|product| product["metadata"]["name"] == name));
    }
}
