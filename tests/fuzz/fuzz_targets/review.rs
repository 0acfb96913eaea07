//! A user's write: one who holds none of the platform's verbs never changes a place, evidence, or
//! another's object. The bytes choose what is written; the law is `idp_tests::review_law`.
#![no_main]

use idp_tests::review_law::{Attempt, Choices, hold};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    hold(&Attempt::choose(&mut Choices::new(input)));
});
