//! One workload: where it is, why, what it waits for, and the commands to act.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use idp_crds::names::{FAILOVER, RELEASE};
use idp_crds::record::Record;
use kube::core::DynamicObject;
use maud::{Markup, html};
use serde_json::Value;

use super::bars::{bars, table};
use super::page::{Reader, Tab, command, not_found, page, sorry};
use crate::Sources;
use crate::api::workloads::{history, reason};
use crate::placements::Placed;

/// The page.
pub async fn show(
    State(sources): State<Sources>,
    reader: Reader,
    Path((group, kind, namespace, name)): Path<(String, String, String, String)>,
) -> Response {
    let found = sources.find(&reader.visible, [&group, &kind, &namespace, &name]);
    let Some(placed) = found else { return not_found().await };
    let object = match sources.read(&placed).await {
        Ok(object) => object,
        Err(error) => return sorry(StatusCode::SERVICE_UNAVAILABLE, &format!("{error}")),
    };
    let content = html! {
        (facts(&placed))
        @if let Some(object) = &object {
            (reasons(object))
            (conditions(&object.data))
            (past(object))
        }
        (actions(&placed))
    };
    page(Tab::Workloads, &placed.full_name(), Some(&reader.viewer), &content)
}

fn facts(placed: &Placed) -> Markup {
    let place = if placed.provider.is_empty() { "nowhere yet".to_owned() } else { placed.place() };
    let phase = if placed.phase.is_empty() { "decided" } else { &placed.phase };
    let rows = [
        ("Place", place),
        ("Phase", phase.to_owned()),
        ("Decision", placed.sequence.to_string()),
        ("Product", placed.product.clone()),
        ("Tier", placed.tier.clone()),
        ("Environment", placed.environment.clone()),
        ("Cell", placed.cell.clone()),
        ("Kept elsewhere", placed.retained.join(", ")),
    ];
    html! {
        dl.facts {
            @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

fn reasons(object: &DynamicObject) -> Markup {
    let record = reason(object).and_then(|text| Record::parse(text).ok());
    html! {
        section aria-labelledby="why" {
            h2 #why { "Why there" }
            @match &record {
                None => p { "No decision is recorded." },
                Some(record) => (why(record)),
            }
        }
    }
}

/// A record in words and pictures.
pub(super) fn why(record: &Record) -> Markup {
    html! {
        p {
            "Tier " strong { (record.tier) } " needs "
            @if record.gates.is_empty() { "nothing in particular" } @else { (record.gates.join(", ")) }
            "; " (record.candidates_evaluated) " places were looked at, " (record.candidates_healthy)
            " were healthy, " (record.candidates_passed_gates) " passed."
        }
        @if let Some(experiment) = &record.experiment {
            p { "Experiment " (experiment.experiment_id) ": " (format!("{:?}", experiment.group).to_lowercase()) "." }
        }
        (bars(record))
        (table(record))
        p {
            @match &record.failover {
                Some(target) => {
                    "When the place fails it goes to " strong { (target.provider) "/" (target.region) }
                    ", score " (target.total_score) "."
                }
                None => { "It has no failover target." }
            }
        }
    }
}

fn conditions(object: &Value) -> Markup {
    let all = object.pointer("/status/conditions").and_then(Value::as_array);
    let text = |condition: &Value, field: &str| {
        condition.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    html! {
        section aria-labelledby="conditions" {
            h2 #conditions { "What it says of itself" }
            div.wide tabindex="0" role="group" aria-label="Conditions" {
                table {
                    thead { tr {
                        th scope="col" { "Condition" } th scope="col" { "Status" }
                        th scope="col" { "Reason" } th scope="col" { "Message" } th scope="col" { "Since" }
                    } }
                    tbody {
                        @for condition in all.into_iter().flatten() {
                            tr {
                                th scope="row" { (text(condition, "type")) }
                                @for field in ["status", "reason", "message", "lastTransitionTime"] {
                                    td { (text(condition, field)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What has happened to it, the newest first.
fn past(object: &DynamicObject) -> Markup {
    let history = history(object);
    html! {
        @if !history.all().is_empty() {
            section aria-labelledby="history" {
                h2 #history { "What has happened to it" }
                div.wide tabindex="0" role="group" aria-label="History" {
                    table {
                        thead { tr {
                            th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Decision" }
                            th scope="col" { "From" } th scope="col" { "To" } th scope="col" { "By" }
                            th scope="col" { "Why" }
                        } }
                        tbody {
                            @for one in history.all().iter().rev() {
                                tr {
                                    td { (one.at.as_deref().unwrap_or("no time")) }
                                    th scope="row" { (one.event.name()) }
                                    td { (one.sequence) }
                                    @for text in [&one.from, &one.to] { td { (text.as_deref().unwrap_or_default()) } }
                                    td { (one.by) }
                                    td { (one.why.as_deref().unwrap_or_default()) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Acting is kubectl; these are the commands.
fn actions(placed: &Placed) -> Markup {
    let namespace = if placed.namespace.is_empty() {
        String::new()
    } else {
        format!(" --namespace {}", placed.namespace)
    };
    let object =
        format!("{}.{} {}{namespace}", placed.kind.to_lowercase(), placed.group, placed.name);
    let annotate =
        |annotation: &str, value: &str| format!("kubectl annotate {object} {annotation}={value}");
    html! {
        section aria-labelledby="act" {
            h2 #act { "To act" }
            p { "Look at it:" }
            (command(&format!("kubectl describe {object}")))
            @if !placed.provider.is_empty() {
                p { "Move it away from " (placed.provider) " (needs the verb failover; with --dry-run=server nothing moves):" }
                (command(&annotate(FAILOVER, &format!("{}@{}", placed.provider, placed.sequence))))
            }
            @for place in &placed.retained {
                p { "Let go of what is kept at " (place) " (needs the verb release; the data stays at the provider):" }
                (command(&annotate(RELEASE, &place.replacen('/', "-", 1))))
            }
        }
    }
}
