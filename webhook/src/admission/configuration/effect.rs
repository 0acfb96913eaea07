//! What an edit of the configuration would do to the workloads that there are, if each were placed
//! anew: `idp simulate`, told by whom it is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use idp_core::catalog::{Catalog, Named, Objects, compile};
use idp_core::compose::product::Product;
use idp_core::insight::comparison::{Asked, Comparison};
use idp_core::insight::simulate::Simulation;
use idp_crds::ProductSpec;

use crate::placements::{Placed, Placements};
use crate::snapshot::Snapshot;

/// So many different requests are decided for, while the API server and changes of the index wait.
pub(super) const MOST_REQUESTS: usize = 1000;

/// So many ways are told, those of the most workloads.
const MOST_WAYS: usize = 3;

/// What becomes of the workloads when `edit` has been made of the configuration's objects: what the
/// user is told of it, which is nothing where nothing changes.
pub(super) fn warnings(
    snapshot: &Snapshot,
    placements: &Placements,
    edit: impl FnOnce(&mut Objects),
) -> Vec<String> {
    let mut objects = snapshot.objects.clone();
    edit(&mut objects);
    let Some(then) = edited(snapshot, &objects) else { return Vec::new() };
    let mut simulation = Simulation::default();
    let mut computed = true;
    placements.visit(|all| {
        let mut comparison = Comparison::new(&snapshot.catalog, &then).at_most(MOST_REQUESTS);
        for placed in all {
            let Some((before, after)) = comparison.compare(asked(placed)) else {
                computed = false;
                return;
            };
            simulation.count(&placed.tier, before, after);
        }
    });
    if computed { told(&simulation) } else { vec![not_computed()] }
}

fn not_computed() -> String {
    format!(
        "what this does to the workloads is not computed here: they ask for more than {MOST_REQUESTS} different things; `idp simulate --live` tells"
    )
}

/// What a workload asks for.
fn asked(placed: &Placed) -> Asked<'_> {
    let Placed { product, name, tier, ha, given, .. } = placed;
    Asked { product, name, tier, ha: *ha, given: Some(given) }
}

/// The catalog after an edit; none where it decides as the present one.
fn edited(snapshot: &Snapshot, objects: &Objects) -> Option<Catalog> {
    let present = |name: &str| {
        let now = snapshot.objects.products.iter().find(|product| product.name == name)?;
        Some((now, snapshot.catalog.product(name)?))
    };
    let product = |product: &Named<ProductSpec>| -> Option<Arc<Product>> {
        let Named { name, spec, .. } = product;
        match present(name) {
            Some((now, compiled)) if now.spec == *spec => Some(Arc::clone(compiled)),
            _ => compile(product).ok().map(Arc::new),
        }
    };
    let products: Vec<Arc<Product>> = objects.products.iter().filter_map(product).collect();
    // What is wrong with it is told by others.
    let (then, _) = Catalog::new(objects, products, &BTreeSet::new());
    let now = &snapshot.catalog;
    let same_products = now.products().len() == then.products().len()
        && now.products().iter().zip(then.products()).all(|(a, b)| Arc::ptr_eq(a, b));
    let digest = now.scheduler().digest();
    let same_sites = snapshot.objects.candidates == objects.candidates;
    let same = same_products && same_sites && digest == then.scheduler().digest();
    (!same).then_some(then)
}

fn told(simulation: &Simulation) -> Vec<String> {
    let Simulation { workloads, changed, share, unplaceable, targets_lost, .. } = simulation;
    let mut told = Vec::new();
    if *changed > 0 {
        let mut ways: Vec<(&String, &usize)> = simulation.moves.iter().collect();
        ways.sort_by(|(_, a), (_, b)| b.cmp(a));
        let first = ways.iter().take(MOST_WAYS).map(|(way, count)| format!("{way}: {count}"));
        let mut ways_told: Vec<String> = first.collect();
        if ways.len() > MOST_WAYS {
            ways_told.push(format!("and {} other ways", ways.len() - MOST_WAYS));
        }
        told.push(format!(
            "{changed} of {workloads} workloads ({:.1}%) would be placed elsewhere or nowhere if they were placed anew; none moves by itself ({})",
            share * 100.0,
            ways_told.join(", ")
        ));
    }
    if *unplaceable > 0 {
        told.push(format!(
            "{unplaceable} of {workloads} workloads could not be placed any more if they were placed anew"
        ));
    }
    if *targets_lost > 0 {
        told.push(format!(
            "{targets_lost} of {workloads} workloads would name no failover target any more if they were placed anew"
        ));
    }
    told
}
