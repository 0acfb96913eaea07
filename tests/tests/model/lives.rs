//! Lives that are worth telling one by one.

use idp_crds::status::Phase;
use idp_tests::sim::{Faults, Generation};

use crate::action::{Action, ProductEdit};
use crate::world::{Kind, World};

fn settled(kind: Kind) -> World {
    let mut world = World::new(kind, Generation::Two, true);
    world.calm_down();
    world
}

fn keys(world: &World, place: &str) -> usize {
    world.crossplane.objects.values().filter(|object| object.place().as_deref() == Some(place)).count()
}

#[test]
fn an_app_moves_and_leaves_nothing() {
    let mut world = settled(Kind::App);
    assert_eq!(keys(&world, "aws-east"), 2);
    world.failover(Some("aws"));
    world.reconcile(Faults::default());
    assert_eq!(world.placement().unwrap().phase, Phase::Moving);
    assert_eq!((keys(&world, "aws-east"), keys(&world, "gcp-central")), (2, 1), "the old place stays until the new one is ready");
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
    assert_eq!((retained.len(), retained[0].place.as_str(), retained[0].resources.len()), (1, "aws-east", 3));
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
fn what_runs_stays_when_its_provider_leaves_the_product() {
    let mut world = settled(Kind::App);
    let before = world.crossplane.objects.clone();
    world.apply(Action::Product(ProductEdit::Leave("aws")));
    let left = world.reconcile(Faults::default());
    assert_eq!(left.removed, []);
    assert!(left.answer.conditions.iter().any(|condition| condition.reason == "ProviderGone"), "{:?}", left.answer.conditions);
    assert_eq!(world.crossplane.objects.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}
