//! Lives that are worth telling one by one.

use idp_crds::names::RELEASE;
use idp_crds::status::Phase;
use idp_tests::sim::{Faults, Generation};

use crate::action::{Action, CandidateEdit, ProductEdit};
use crate::world::{Kind, World};

fn settled(kind: Kind) -> World {
    let mut world = World::new(kind, Generation::Two, true);
    world.calm_down();
    world
}

fn keys(world: &World, place: &str) -> usize {
    world
        .crossplane
        .objects
        .values()
        .filter(|object| object.place().as_deref() == Some(place))
        .count()
}

#[test]
fn an_app_moves_and_leaves_nothing() {
    let mut world = settled(Kind::App);
    assert_eq!(keys(&world, "aws-east"), 2);
    world.failover(Some("aws"));
    world.reconcile(Faults::default());
    assert_eq!(world.placement().unwrap().phase, Phase::Moving);
    assert_eq!(
        (keys(&world, "aws-east"), keys(&world, "gcp-central")),
        (2, 1),
        "the old place stays until the new one is ready"
    );
    world.calm_down();
    assert_eq!((keys(&world, "aws-east"), keys(&world, "gcp-central")), (0, 2));
}

#[test]
fn a_database_moves_and_keeps_its_data_until_it_is_released() {
    let mut world = settled(Kind::Database);
    world.failover(Some("aws"));
    world.calm_down();
    assert_eq!((keys(&world, "aws-east"), keys(&world, "gcp-central")), (3, 3));
    let retained = world.placement().unwrap().retained;
    assert_eq!(
        (retained.len(), retained[0].place.as_str(), retained[0].resources.len()),
        (1, "aws-east", 3)
    );
    world.release(0);
    let first = world.reconcile(Faults::default());
    assert_eq!(first.removed.len(), 3, "its deletion was harmless already");
    world.calm_down();
    assert_eq!(world.placement().unwrap().retained, []);
}

#[test]
fn data_in_an_app_is_kept_alone() {
    let mut world = settled(Kind::Site);
    world.failover(Some("aws"));
    world.calm_down();
    assert_eq!((keys(&world, "aws-east"), keys(&world, "gcp-central")), (1, 2));
    assert_eq!(world.placement().unwrap().retained[0].resources, ["aws-east/bucket"]);
}

#[test]
fn a_second_place_that_a_stale_cache_has_led_to_is_not_where_the_workload_is() {
    let mut world = World::new(Kind::Database, Generation::Two, false);
    world.reconcile(Faults::default());
    assert_eq!(world.placement().unwrap().provider, "aws");
    world.apply(Action::WipeStatus);
    world.apply(Action::Candidate(0, CandidateEdit::Delete));
    world.reconcile(Faults { stale_objects: 1, ..Faults::default() });
    // The next best place that has what the tier requires.
    assert_eq!(world.placement().unwrap().region, "west", "nothing of the first place was seen");
    world.calm_down();
    assert_eq!(world.placement().unwrap().region, "east");
}

#[test]
fn a_release_that_was_asked_for_before_a_move_lets_nothing_go_that_the_move_leaves() {
    let mut world = settled(Kind::Site);
    world.apply(Action::Product(ProductEdit::Rename("bucket", "files")));
    world.reconcile(Faults::default());
    assert_eq!(world.placement().unwrap().retained[0].resources, ["aws-east/bucket"]);
    // Nobody was there to refuse it.
    world.crossplane.annotate(RELEASE, Some("aws-east".to_owned()));
    world.reconcile(Faults::default());
    assert!(
        world.crossplane.objects.contains_key("aws-east/bucket"),
        "it is of where the workload is"
    );
    world.failover(Some("aws"));
    for _ in 0..8 {
        world.reconcile(Faults::default());
        world.apply(Action::Work);
    }
    let placement = world.placement().unwrap();
    assert_eq!((placement.phase, placement.provider.as_str()), (Phase::Steady, "gcp"));
    assert_eq!(placement.retained[0].resources, ["aws-east/bucket", "aws-east/files"]);
}

#[test]
fn what_a_stale_cache_brings_back_after_a_release_is_looked_at_only() {
    let mut world = settled(Kind::Site);
    world.failover(Some("aws"));
    world.calm_down();
    world.release(0);
    world.reconcile(Faults::default());
    assert_eq!(keys(&world, "aws-east"), 0);
    world.reconcile(Faults {
        stale_objects: 1,
        stale_composite: 1,
        missing: Some("candidates"),
        ..Faults::default()
    });
    assert!(!world.crossplane.objects["aws-east/bucket"].deletes());
}

#[test]
fn what_is_kept_of_an_earlier_product_goes_when_a_human_deletes_it() {
    let mut world = settled(Kind::Site);
    world.apply(Action::Product(ProductEdit::Rename("bucket", "files")));
    world.reconcile(Faults::default());
    let kept = world.crossplane.objects.remove("aws-east/bucket").unwrap();
    assert!(!kept.deletes(), "it stays at the provider");
    let next = world.reconcile(Faults::default());
    assert!(!next.desired.contains_key("aws-east/bucket"), "nor does it come back");
    assert_eq!(world.placement().unwrap().retained, []);
}

#[test]
fn what_runs_stays_when_its_provider_leaves_the_product() {
    let mut world = settled(Kind::App);
    let before = world.crossplane.objects.clone();
    world.apply(Action::Product(ProductEdit::Leave("aws")));
    let left = world.reconcile(Faults::default());
    assert_eq!(left.removed, []);
    assert!(
        left.answer.conditions.iter().any(|condition| condition.reason == "ProviderGone"),
        "{:?}",
        left.answer.conditions
    );
    assert_eq!(
        world.crossplane.objects.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
}
