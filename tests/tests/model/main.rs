//! Whatever happens, in whatever order: data stays, nothing is made twice, passwords stay, and in
//! the end all is well.
//!
//! [`action`] is what can happen, [`world`] lets it happen around the real function, [`laws`] are
//! checked after every step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod action;
mod laws;
mod lives;
mod world;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use action::{Action, actions};
use idp_tests::sim::Generation;
use world::{Kind, World};

fn live(kind: Kind, generation: Generation, admission: bool, actions: &[Action]) {
    let mut world = World::new(kind, generation, admission);
    for action in actions {
        world.apply(*action);
    }
    world.calm_down();
}

fn generations() -> impl Strategy<Value = Generation> {
    prop_oneof![Just(Generation::One), Just(Generation::Two)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        max_shrink_iters: 300,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_database(generation in generations(), admission: bool, actions in actions()) {
        live(Kind::Database, generation, admission, &actions);
    }

    #[test]
    fn an_app(generation in generations(), admission: bool, actions in actions()) {
        live(Kind::App, generation, admission, &actions);
    }

    #[test]
    fn an_app_with_data(generation in generations(), admission: bool, actions in actions()) {
        live(Kind::Site, generation, admission, &actions);
    }
}
