//! What runs where, to search, filter and sort.

use std::collections::BTreeSet;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::overview::link;
use super::page::{Reader, Tab, page, sorry};
use crate::Sources;
use crate::placements::Placed;
use crate::query::{COLUMNS, Column, Question};

/// The phases that can be asked for beside Crossplane's own.
const PHASES: [(&str, &str); 4] = [
    ("Steady", "steady"),
    ("Moving", "moving"),
    ("unplaced", "without a place"),
    ("retained", "with something left behind"),
];

/// A filter: its name, its title, what is chosen, and what a workload has.
type Filter<'q> = (&'static str, &'static str, &'q str, fn(&Placed) -> &str);
/// The page.
pub async fn show(
    State(sources): State<Sources>,
    reader: Reader,
    question: Result<Query<Question>, QueryRejection>,
) -> Response {
    let question = match question {
        Ok(Query(question)) => question,
        Err(error) => return sorry(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let all = sources.placements.list(|placed| reader.visible.shows(placed));
    let found = question.find(&all);
    let (at, last) = (found.page, found.last);
    let content = html! {
        (filters(&question, &all))
        p role="status" {
            (found.total) " of " (all.len()) " workloads"
            @if last > 0 { ", page " (at + 1) " of " (last + 1) }
        }
        div.wide tabindex="0" role="group" aria-label="Workloads" {
            table {
                caption.hidden { "Workloads" }
                thead { tr { @for column in &COLUMNS { (heading(&question, column)) } th scope="col" { "Phase" } } }
                tbody { @for placed in &found.rows { (row(placed)) } }
            }
        }
        nav.pages aria-label="Pages of the table" {
            @if at > 0 { a rel="prev" href=(question.address("/workloads", &question.sort, at - 1)) { "Before" } }
            @if at < last { a rel="next" href=(question.address("/workloads", &question.sort, at + 1)) { "Next" } }
        }
    };
    page(Tab::Workloads, "Workloads", Some(&reader.viewer), &content)
}

fn heading(question: &Question, (name, title, _): &Column) -> Markup {
    let order = question.order().filter(|(column, _)| column.0 == *name).map(|(_, down)| down);
    let (sorted, next) = match order {
        None => ("none", (*name).to_owned()),
        Some(false) => ("ascending", format!("-{name}")),
        Some(true) => ("descending", (*name).to_owned()),
    };
    html! {
        th scope="col" aria-sort=(sorted) { a href=(question.address("/workloads", &next, 0)) { (title) } }
    }
}

fn row(placed: &Placed) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(link(placed)) { (placed.name) } }
            @for (_, _, read) in COLUMNS.iter().skip(1) { td { (read(placed)) } }
            td {
                @if placed.provider.is_empty() { span.bad { "no place" } } @else { (placed.phase) }
                @if !placed.retained.is_empty() { " · keeps " (placed.retained.join(", ")) }
            }
        }
    }
}

fn filters(question: &Question, all: &[Placed]) -> Markup {
    let choices: [Filter<'_>; 5] = [
        ("provider", "Provider", &question.provider, |placed| &placed.provider),
        ("region", "Region", &question.region, |placed| &placed.region),
        ("product", "Product", &question.product, |placed| &placed.product),
        ("tier", "Tier", &question.tier, |placed| &placed.tier),
        ("environment", "Environment", &question.environment, |placed| &placed.environment),
    ];
    html! {
        form.filters method="get" action="/workloads" role="search" {
            label { "Search" input type="search" name="q" value=(question.q); }
            @for (name, title, now, read) in choices {
                @let values: BTreeSet<&str> = all.iter().map(read).filter(|value| !value.is_empty()).collect();
                label {
                    (title)
                    select name=(name) {
                        option value="" { "any" }
                        @for value in values { option value=(value) selected[value == now] { (value) } }
                    }
                }
            }
            label {
                "Phase"
                select name="phase" {
                    option value="" { "any" }
                    @for (value, title) in PHASES {
                        option value=(value) selected[value == question.phase] { (title) }
                    }
                }
            }
            @if !question.sort.is_empty() { input type="hidden" name="sort" value=(question.sort); }
            button { "Show" }
        }
    }
}
