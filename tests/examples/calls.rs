//! So many calls of the function in one process, for a profiler: `valgrind --tool=callgrind
//! calls mysql 200`. Two runs with different numbers of calls tell what one of them takes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::hint::black_box;

use bytes::Bytes;
use idp_function::run::Function;
use idp_function::wire::v1;
use prost::Message as _;

// What is used here of what the benches share.
#[allow(dead_code)]
#[path = "../benches/fleet/mod.rs"]
mod fleet;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, calls] = arguments.as_slice() else { panic!("calls <what> <how many>") };
    let mut request = match what.trim_end_matches("-narrow") {
        "mysql" => fleet::settled_mysql(),
        "fleet" => fleet::settled(),
        other => panic!("mysql or fleet, with -narrow or without, not {other}"),
    };
    if what.ends_with("-narrow") {
        fleet::narrow(&mut request, 7);
    }
    let function = Function::new();
    let bytes = Bytes::from(request.encode_to_vec());
    for _ in 0..calls.parse().unwrap() {
        let request = v1::RunFunctionRequest::decode(black_box(bytes.clone())).unwrap();
        black_box(function.answer(&request).encode_to_vec());
    }
}
