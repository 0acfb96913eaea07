//! What the function keeps of catalogs is bounded: places once, however many products share them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use idp_function::run::Function;
use idp_tests::usage;

// What is used here of what the benches share.
#[allow(dead_code)]
#[path = "../benches/fleet/mod.rs"]
mod fleet;

#[test]
fn sixteen_products_at_five_thousand_candidates_take_less_than_100_mib() {
    let requests = fleet::of_products(16, 5_000);
    let resident = || usage::memory(std::process::id(), "VmRSS");
    let (function, before) = (Function::new(), resident());
    for _ in 0..2 {
        for request in &requests {
            let answer = function.answer(request);
            assert_eq!(answer.desired.unwrap().resources.len(), 30, "{:?}", answer.results);
        }
    }
    let kept = resident() - before;
    println!("{kept:.0} MiB");
    assert!(kept < 100.0, "{kept} MiB");
}
