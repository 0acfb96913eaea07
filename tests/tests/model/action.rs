//! What can happen to a workload.

use idp_crds::kinds::KINDS;
use idp_tests::sim::{Cloud, Crash, Faults, PLACES};
use proptest::prelude::*;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// Crossplane reconciles, more or less well.
    Reconcile(Faults),
    /// The providers do what they have been told.
    Work,
    /// A provider begins to behave like that.
    Cloud(&'static str, Cloud),
    /// A human asks for a failover: away from a provider, or anywhere else.
    Failover(Option<&'static str>),
    /// A human releases one of the places that are listed as retained.
    Release(usize),
    /// Somebody wipes the composite's status.
    WipeStatus,
    /// Somebody sets the annotation with the decision to this.
    Annotation(Annotation),
    /// An operator changes a candidate, by position.
    Candidate(usize, CandidateEdit),
    /// An operator changes the product.
    Product(ProductEdit),
    /// The developer wants a replica, or none.
    Replica(bool),
    /// The operators put everything back as it was.
    Restore,
}

/// What somebody makes of the annotation.
#[derive(Debug, Clone, Copy)]
pub enum Annotation {
    /// Nothing.
    Gone,
    /// No record at all.
    Garbage,
    /// A decision, older than the present one, for another place.
    Old,
    /// A newer decision for a place that does not exist.
    Nowhere,
    /// What admission last decided.
    Restored,
}

/// What an operator does to a candidate.
#[derive(Debug, Clone, Copy)]
pub enum CandidateEdit {
    /// Deletes it.
    Delete,
    /// Switches it off.
    Unhealthy,
}

/// What an operator does to the product.
#[derive(Debug, Clone, Copy)]
pub enum ProductEdit {
    /// Deletes it.
    Delete,
    /// Takes it off a provider.
    Leave(&'static str),
    /// Gives a resource another name.
    Rename(&'static str, &'static str),
    /// Takes a resource out.
    Without(&'static str),
}

/// A life of about forty steps.
pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(action(), 20..60)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => Just(Action::Reconcile(Faults::default())),
        4 => faults().prop_map(Action::Reconcile),
        9 => Just(Action::Work),
        2 => (provider(), prop_oneof![Just(Cloud::Works), Just(Cloud::Fails), Just(Cloud::Stalls)])
            .prop_map(|(provider, cloud)| Action::Cloud(provider, cloud)),
        3 => prop::option::of(provider()).prop_map(Action::Failover),
        2 => (0_usize..3).prop_map(Action::Release),
        1 => Just(Action::WipeStatus),
        1 => annotation().prop_map(Action::Annotation),
        1 => (0..PLACES.len(), prop_oneof![Just(CandidateEdit::Delete), Just(CandidateEdit::Unhealthy)])
            .prop_map(|(place, edit)| Action::Candidate(place, edit)),
        2 => product().prop_map(Action::Product),
        2 => any::<bool>().prop_map(Action::Replica),
        2 => Just(Action::Restore),
    ]
}

fn provider() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("aws"), Just("gcp"), Just("oci")]
}

fn faults() -> impl Strategy<Value = Faults> {
    let missing =
        prop::option::weighted(0.3, (0..KINDS.len()).prop_map(|at| KINDS[at].requirement));
    let crash = prop_oneof![
        Just(Crash::AfterCollection),
        Just(Crash::DuringApply),
        Just(Crash::BeforeStatus)
    ];
    let crash = prop::option::weighted(0.4, crash);
    (0_usize..3, 0_usize..3, missing, crash).prop_map(
        |(stale_objects, stale_composite, missing, crash)| Faults {
            stale_objects,
            stale_composite,
            missing,
            crash,
        },
    )
}

fn annotation() -> impl Strategy<Value = Annotation> {
    use Annotation::{Garbage, Gone, Nowhere, Old, Restored};
    prop_oneof![Just(Gone), Just(Garbage), Just(Old), Just(Nowhere), Just(Restored)]
}

fn product() -> impl Strategy<Value = ProductEdit> {
    prop_oneof![
        Just(ProductEdit::Delete),
        provider().prop_map(ProductEdit::Leave),
        Just(ProductEdit::Rename("instance", "primary")),
        Just(ProductEdit::Rename("bucket", "files")),
        Just(ProductEdit::Rename("network", "mesh")),
        Just(ProductEdit::Without("user")),
        Just(ProductEdit::Without("replica")),
    ]
}
