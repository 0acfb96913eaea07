//! The JSON lines of `idp schedule`: every line that is not blank gets one answer, which is JSON.
#![no_main]

use std::io::BufReader;
use std::sync::LazyLock;

use idp_core::catalog::{Catalog, embedded};
use idp_function::cli::schedule::Answerer;
use libfuzzer_sys::fuzz_target;

static ANSWERER: LazyLock<Answerer> =
    LazyLock::new(|| Answerer::of(Catalog::strict(embedded().unwrap()).unwrap().scheduler()));

fuzz_target!(|input: &[u8]| {
    let mut output = Vec::new();
    ANSWERER.stream(BufReader::new(input), &mut output).unwrap();
    let asked = input
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
        .count();
    let answers: Vec<&[u8]> =
        output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(asked, answers.len());
    for answer in answers {
        serde_json::from_slice::<serde_json::Value>(answer).unwrap();
    }
});
