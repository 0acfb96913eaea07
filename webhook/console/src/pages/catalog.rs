//! What is decided by: places, tiers, products, experiments, flags.

use axum::response::Response;
use idp_crds::names::reference_name;
use maud::{Markup, html};

use super::page::{Current, Reader, Tab, command, page};
use crate::snapshot::Snapshot;

/// The page.
pub async fn show(reader: Reader, Current(snapshot): Current) -> Response {
    let content = if reader.visible.configuration {
        html! {
            p { "The catalog as decisions carry it: " code { (snapshot.catalog.scheduler().digest()) } }
            (tiers(&snapshot)) (candidates(&snapshot)) (products(&snapshot))
            (experiments(&snapshot)) (flags(&snapshot))
        }
    } else {
        html! {
            (products(&snapshot))
            p { "Places, tiers and experiments are shown to those who may list candidates:" }
            (command("kubectl auth can-i list candidates.platform.example.org"))
        }
    };
    page(Tab::Catalog, "Catalog", Some(&reader.viewer), &content)
}

fn numbers<'n>(all: impl IntoIterator<Item = (&'n String, &'n f64)>) -> String {
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    all.join(", ")
}

fn tiers(snapshot: &Snapshot) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label="Tiers" { table {
            caption { "Tiers" }
            thead { tr {
                th scope="col" { "Tier" } th.number scope="col" { "RTO, minutes" } th.number scope="col" { "RPO, minutes" }
                th scope="col" { "Needs" } th scope="col" { "Weighs" } th scope="col" { "Failover target" }
            } }
            tbody { @for tier in &snapshot.objects.tiers {
                tr {
                    th scope="row" { (reference_name(&tier.name)) }
                    td.number { (tier.spec.rto_minutes) } td.number { (tier.spec.rpo_minutes) }
                    td { (tier.spec.required_capabilities.join(", ")) }
                    td { (numbers(&tier.spec.weights)) }
                    td { @if tier.spec.failover.enabled { "another provider" } @else { "none" } }
                }
            } }
        } }
    }
}

fn candidates(snapshot: &Snapshot) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label="Candidates" { table {
            caption { "Candidates" }
            thead { tr {
                th scope="col" { "Place" } th scope="col" { "Runtime cluster" } th scope="col" { "Health" }
                th scope="col" { "Capabilities" } th scope="col" { "Scores" }
            } }
            tbody { @for candidate in &snapshot.objects.candidates {
                tr {
                    th scope="row" { (candidate.spec.place()) }
                    td { (candidate.spec.runtime_cluster) }
                    td { @if candidate.spec.healthy { "on" } @else { span.bad { "switched off" } } }
                    td { (candidate.spec.capabilities.join(", ")) }
                    td { (numbers(&candidate.spec.scores)) }
                }
            } }
        } }
    }
}

fn products(snapshot: &Snapshot) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label="Products" { table {
            caption { "Products" }
            thead { tr {
                th scope="col" { "Product" } th scope="col" { "Claim" } th scope="col" { "Offered on" } th scope="col" { "Parameters" }
            } }
            tbody { @for product in snapshot.catalog.products() {
                @let parameters: Vec<&str> = product.spec.parameters.iter().map(|p| p.name.as_str()).collect();
                @let providers: Vec<&str> = product.providers().map(|(name, _)| name).collect();
                tr {
                    th scope="row" { (product.name) }
                    td { (product.spec.api.claim_kind) }
                    td { (providers.join(", ")) }
                    td { (parameters.join(", ")) }
                }
            } }
        } }
    }
}

fn experiments(snapshot: &Snapshot) -> Markup {
    html! {
        @if !snapshot.objects.experiments.is_empty() {
            div.wide tabindex="0" role="group" aria-label="Experiments" { table {
                caption { "Experiments" }
                thead { tr {
                    th scope="col" { "Experiment" } th scope="col" { "Tier" } th.number scope="col" { "Share" }
                    th scope="col" { "Variant weighs" } th scope="col" { "State" } th scope="col" { "About" }
                } }
                tbody { @for experiment in &snapshot.objects.experiments {
                    tr {
                        th scope="row" { (experiment.name) }
                        td { (experiment.spec.tier) }
                        td.number { (experiment.spec.traffic_share) }
                        td { (numbers(&experiment.spec.variant_weights)) }
                        td { @if experiment.spec.enabled { "running" } @else { "off" } }
                        td { (experiment.spec.description) }
                    }
                } }
            } }
        }
    }
}

fn flags(snapshot: &Snapshot) -> Markup {
    html! {
        @if !snapshot.objects.flags.is_empty() {
            div.wide tabindex="0" role="group" aria-label="Feature flags" { table {
                caption { "Feature flags" }
                thead { tr { th scope="col" { "Flag" } th scope="col" { "State" } th scope="col" { "About" } } }
                tbody { @for flag in &snapshot.objects.flags {
                    tr {
                        th scope="row" { (flag.name) }
                        td { @if flag.spec.enabled { "on" } @else { "off" } }
                        td { (flag.spec.description) }
                    }
                } }
            } }
        }
    }
}
