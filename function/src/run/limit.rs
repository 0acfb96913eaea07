//! The largest answer that Crossplane takes. It has a gRPC client's default limit, and of a larger
//! answer it says only that it is too large.

use idp_crds::condition::RESOURCES_READY;
use idp_crds::reason::Reason;
use prost::Message as _;

use super::response::ResponseBuilder;
use crate::wire::v1;

/// What a gRPC client takes by default, bytes; Crossplane sets nothing else.
const LARGEST: usize = 4 << 20;

/// `answer`, or why it cannot be sent. That is fatal: nothing that exists is touched.
pub(super) fn within_limit(
    answer: v1::RunFunctionResponse,
    request: &v1::RunFunctionRequest,
) -> v1::RunFunctionResponse {
    let size = answer.encoded_len();
    if size <= LARGEST {
        return answer;
    }
    let message = explain(size, &answer);
    let mut response = ResponseBuilder::empty();
    // So that it stays the same from call to call.
    if let Some(requirements) = answer.requirements {
        response.require(requirements);
    }
    let finding = (v1::Status::ConditionFalse, Reason::AnswerTooLarge, message.clone());
    response.condition(RESOURCES_READY, finding);
    response.result(v1::Severity::Fatal, Reason::AnswerTooLarge, message);
    response.build(request)
}

fn explain(size: usize, answer: &v1::RunFunctionResponse) -> String {
    let resources = answer.desired.iter().flat_map(|desired| &desired.resources);
    let sizes: Vec<(usize, &str)> =
        resources.map(|(key, resource)| (resource.encoded_len(), key.as_str())).collect();
    let all: usize = sizes.iter().map(|(size, _)| size).sum();
    let largest = sizes.iter().max();
    let largest = largest
        .map(|(size, key)| format!(", the largest {key:.200} with {size}"))
        .unwrap_or_default();
    format!(
        "the answer has {size} bytes, and Crossplane takes {LARGEST} at most: nothing is changed. {} desired resources make up {all} of them{largest}. Compose fewer or smaller objects: look at the Product's `forEach`, and at what the Composition's steps before this one add",
        sizes.len()
    )
}
