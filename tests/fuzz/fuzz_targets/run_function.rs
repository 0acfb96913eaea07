//! A whole request: whatever can be decoded is answered, twice the same, and other steps' desired
//! resources pass through.
#![no_main]

use idp_function::run::Function;
use idp_function::wire::v1::RunFunctionRequest;
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

fuzz_target!(|input: &[u8]| {
    let Ok(request) = RunFunctionRequest::decode(input) else { return };
    let function = Function::new();
    let answer = function.answer(&request);
    assert_eq!(answer.encode_to_vec(), function.answer(&request).encode_to_vec());
    let desired = answer.desired.unwrap_or_default().resources;
    assert!(
        request.desired.unwrap_or_default().resources.keys().all(|key| desired.contains_key(key))
    );
});
