//! What one call of the function costs, from the request's bytes to the answer's: a product of 30
//! managed resources, each 8 KB as a provider leaves it, and the default catalog as required
//! resources.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use idp_core::structs::from_struct;
use idp_function::run::Function;
use idp_function::wire::v1;
use prost::Message as _;
use serde_json::{Value, json};

mod fleet;
use fleet::{composite, narrow, request, settled, settled_mysql, wrap};

/// As the programs have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// Placed, everything there and ready: what nearly every call is.
#[divan::bench]
fn placed(bencher: Bencher) {
    bench(bencher, &settled());
}

/// The default catalog's MySQL, placed and ready: nine resources and a Secret, with what it asks for.
#[divan::bench]
fn mysql(bencher: Bencher) {
    let mut request = settled_mysql();
    narrow(&mut request, 7);
    bench(bencher, &request);
}

/// The same with only what a placed workload asks for, out of catalogs of these sizes: it costs the
/// same.
#[divan::bench(args = [7, 1_000, 10_000])]
fn placed_by_what_it_asks_for(bencher: Bencher, candidates: usize) {
    let mut request = settled();
    narrow(&mut request, candidates);
    bench(bencher, &request);
}

/// Not placed: decides, and renders for the first time, beside 30 resources of another step.
#[divan::bench]
fn unplaced(bencher: Bencher) {
    let settled = settled();
    let mut request = request(&composite(None));
    let others = settled.observed.unwrap().resources.into_values().enumerate();
    let others = others.map(|(at, resource)| {
        let mut object: Value = from_struct(resource.resource.as_ref().unwrap()).unwrap();
        object["metadata"]["labels"] = json!({"app": "another-step"});
        (format!("other-{at}"), wrap(&object))
    });
    request.observed.as_mut().unwrap().resources = others.collect();
    bench(bencher, &request);
}

/// The first call of a reconcile without bootstrap requirements: nothing is known yet, everything
/// is kept.
#[divan::bench]
fn placed_without_the_required_resources(bencher: Bencher) {
    let mut request = settled();
    request.required_resources.clear();
    bench(bencher, &request);
}

/// 24 products in turn, none of whose workloads is placed: each call brings all of so many
/// Candidates, every time in another order.
#[divan::bench(args = [7, 1_000, 5_000])]
fn products_in_turn(bencher: Bencher, candidates: usize) {
    let function = Function::new();
    let requests: Vec<_> = fleet::of_products(24, candidates)
        .iter()
        .map(|request| Bytes::from(request.encode_to_vec()))
        .collect();
    let mut turn = requests.iter().cycle();
    let mut next = || {
        let bytes = turn.next().unwrap().clone();
        function.answer(&v1::RunFunctionRequest::decode(bytes).unwrap()).encode_to_vec()
    };
    requests.iter().for_each(|_| drop(next()));
    bencher.bench_local(next);
}

/// Decoding and encoding alone, for comparison.
#[divan::bench]
fn transport(bencher: Bencher) {
    let request = settled();
    let answer = Function::new().answer(&request);
    let bytes = Bytes::from(request.encode_to_vec());
    bencher.counter(BytesCount::new(bytes.len())).bench(|| {
        let _request = black_box(v1::RunFunctionRequest::decode(black_box(bytes.clone())).unwrap());
        answer.encode_to_vec()
    });
}

fn bench(bencher: Bencher, request: &v1::RunFunctionRequest) {
    let function = Function::new();
    let bytes = Bytes::from(request.encode_to_vec());
    bencher.counter(BytesCount::new(bytes.len())).bench(|| {
        let request = v1::RunFunctionRequest::decode(black_box(bytes.clone())).unwrap();
        function.answer(&request).encode_to_vec()
    });
}
