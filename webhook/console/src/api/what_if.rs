//! Where something would go. Nothing is made, and nothing is kept.

use axum::Json;
use axum::http::StatusCode;
use idp_crds::record::Record;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ask::{Asker, Current, Problem, Sent};
use super::workloads::Explanation;
use crate::outlook::{Outlook, outlook};

/// What would be asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// The product.
    product: String,
    /// The workload's name, which decides its side of an experiment; `example` if not given.
    #[serde(default = "example")]
    #[schema(default = "example")]
    name: String,
    /// `spec.parameters` of the claim.
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Providers that are gone.
    #[serde(default)]
    without: Vec<String>,
}

fn example() -> String {
    "example".to_owned()
}

/// What the claim would be answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// `placed`; `refused`, for what is wrong with the claim; `nowhere`, where no place would take it.
    outcome: &'static str,
    /// Where it would go, `<provider>/<region>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// Why there. For those who may list candidates, as all that says what the other places are.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
    /// The record that would be stamped. For those who may list candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    decision: Option<Box<Record>>,
    /// Everything that is wrong with the claim, or why no place would take it.
    reasons: Vec<String>,
}

/// Where would it go, and why? No side effect.
#[utoipa::path(post, path = "/api/v1/what-if", tag = "workloads", request_body = WhatIf,
    responses((status = 200, body = Answer), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn decide(
    Asker(visible): Asker,
    Current(snapshot): Current,
    Sent(asked): Sent<WhatIf>,
) -> Result<Json<Answer>, Problem> {
    let WhatIf { product, name, parameters, without } = asked;
    let Some(product) = snapshot.catalog.product(&product) else {
        let known: Vec<&str> =
            snapshot.catalog.products().iter().map(|p| p.name.as_str()).collect();
        let detail = format!("there is no product {product:?}; there are {}", known.join(", "));
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    };
    let nothing = Answer {
        outcome: "refused",
        place: None,
        explanation: None,
        decision: None,
        reasons: Vec::new(),
    };
    Ok(Json(match outlook(&snapshot, product, &name, parameters, &without) {
        Outlook::Refused(errors) => {
            let reasons = errors.iter().map(ToString::to_string).collect();
            Answer { reasons, ..nothing }
        }
        Outlook::Nowhere(why, reasons) => {
            let of_each = reasons.into_iter().filter(|_| visible.configuration);
            let reasons = [why].into_iter().chain(of_each).collect();
            Answer { outcome: "nowhere", reasons, ..nothing }
        }
        Outlook::There(record) => Answer {
            outcome: "placed",
            place: Some(record.place().to_string()),
            explanation: visible.configuration.then(|| Explanation::of(&record)),
            decision: Some(record).filter(|_| visible.configuration),
            ..nothing
        },
    }))
}
