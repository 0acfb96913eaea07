//! Places by provider and region, with their health and what they carry; and what needs attention.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use idp_crds::cloud_provider::CircuitState;
use maud::{Markup, html};

use super::page::{Current, Reader, Tab, escaped, page};
use crate::Sources;
use crate::placements::Placed;
use crate::snapshot::Snapshot;

/// How many of a kind of trouble are named.
const NAMED: usize = 5;

/// The first page.
pub async fn show(
    State(sources): State<Sources>,
    reader: Reader,
    Current(snapshot): Current,
) -> Response {
    let placed = sources.placements.list(|placed| reader.visible.shows(placed));
    let content = html! {
        (attention(&snapshot, &placed, reader.visible.configuration))
        (places(&snapshot, &placed, reader.visible.configuration))
    };
    page(Tab::Overview, "Overview", Some(&reader.viewer), &content)
}

fn attention(snapshot: &Snapshot, placed: &[Placed], configuration: bool) -> Markup {
    let moving: Vec<&Placed> = placed.iter().filter(|placed| placed.phase == "Moving").collect();
    let unplaced: Vec<&Placed> =
        placed.iter().filter(|placed| placed.provider.is_empty()).collect();
    let retaining: Vec<&Placed> =
        placed.iter().filter(|placed| !placed.retained.is_empty()).collect();
    let rejected = if configuration { snapshot.rejected.as_slice() } else { &[] };
    let off = troubled(snapshot);
    let nothing = moving.is_empty() && unplaced.is_empty() && retaining.is_empty();
    html! {
        section aria-labelledby="attention" {
            h2 #attention { "What needs attention" }
            @if nothing && rejected.is_empty() && off.is_empty() {
                p.good { "Nothing." }
            }
            ul {
                @for (provider, why) in &off {
                    li { strong { (provider) } " " (why) ": nothing new is placed there; what runs there stays." }
                }
                @for object in rejected {
                    li { strong { (object.kind) " " (object.name) } " is left out: " (object.errors.join("; ")) }
                }
                (some("without a place", "/workloads?phase=unplaced", &unplaced))
                (some("moving", "/workloads?phase=Moving", &moving))
                (some("with something left behind, kept until it is released", "/workloads?phase=retained", &retaining))
            }
        }
    }
}

fn some(what: &str, all: &str, workloads: &[&Placed]) -> Markup {
    html! {
        @if !workloads.is_empty() {
            li {
                a href=(all) { (workloads.len()) " " (what) } ": "
                @for (at, placed) in workloads.iter().take(NAMED).enumerate() {
                    @if at > 0 { ", " }
                    a href=(link(placed)) { (placed.full_name()) }
                }
                @if workloads.len() > NAMED { ", …" }
            }
        }
    }
}

/// The page of a workload.
pub(super) fn link(placed: &Placed) -> String {
    let namespace = if placed.namespace.is_empty() { "-" } else { &placed.namespace };
    let parts = [&placed.group, &placed.kind, namespace, &placed.name].map(escaped);
    format!("/workloads/{}", parts.join("/"))
}

/// Providers where nothing new is placed, or little, and why.
fn troubled(snapshot: &Snapshot) -> Vec<(String, &'static str)> {
    let switched = snapshot.objects.providers.iter().filter(|provider| !provider.spec.healthy);
    let mut all: Vec<(String, &str)> = switched
        .map(|provider| (provider.name.clone(), "is switched off by an operator"))
        .collect();
    for (name, status) in &snapshot.objects.statuses {
        let circuits = status
            .places
            .iter()
            .map(|place| (format!("{name}/{}", place.region), place.circuit.state));
        for (at, state) in [(name.clone(), status.circuit.state)].into_iter().chain(circuits) {
            match state {
                CircuitState::Closed => {}
                CircuitState::Open => all.push((at, "has an open circuit")),
                CircuitState::HalfOpen => {
                    all.push((at, "has a half-open circuit, which one workload may try"));
                }
            }
        }
    }
    all
}

/// All of them for those who may see the configuration; for others those where they have something.
fn places(snapshot: &Snapshot, placed: &[Placed], configuration: bool) -> Markup {
    let mut carries: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for placed in placed {
        *carries.entry((&placed.provider, &placed.region)).or_default() += 1;
    }
    let mut providers: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for candidate in &snapshot.objects.candidates {
        let spec = &candidate.spec;
        if configuration || carries.contains_key(&(spec.provider.as_str(), spec.region.as_str())) {
            providers.entry(&spec.provider).or_default().push(spec);
        }
    }
    let off = troubled(snapshot);
    html! {
        section aria-labelledby="places" {
            h2 #places { "Places" }
            div.places {
                @for (provider, candidates) in &providers {
                    @let trouble = off.iter().find(|(name, _)| name == provider);
                    section.provider aria-label=(provider) {
                        h3 { (provider) }
                        @match trouble {
                            Some((_, why)) => p.bad { (why) },
                            None => p.good { "healthy" },
                        }
                        ul {
                            @for candidate in candidates {
                                @let count = carries.get(&(*provider, candidate.region.as_str())).copied().unwrap_or(0);
                                li.place {
                                    a href=(format!("/workloads?provider={}&region={}", escaped(provider), escaped(&candidate.region))) {
                                        (candidate.region)
                                    }
                                    span.count { (count) " workload" @if count != 1 { "s" } }
                                    @if configuration {
                                        @if !candidate.healthy { span.bad { "switched off" } }
                                        small { (candidate.capabilities.join(", ")) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
