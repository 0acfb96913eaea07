//! What runs where, to search, filter and sort.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::overview::link;
use super::page::{Reader, Tab, page};
use crate::Sources;
use crate::placements::Placed;

/// Rows of a page.
const ROWS: usize = 100;

/// What is asked for; empty stands for anything.
#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Question {
    q: String,
    provider: String,
    region: String,
    tier: String,
    product: String,
    environment: String,
    phase: String,
    sort: String,
    page: usize,
}

/// The phases that can be asked for beside Crossplane's own.
const PHASES: [(&str, &str); 4] = [
    ("Steady", "steady"),
    ("Moving", "moving"),
    ("unplaced", "without a place"),
    ("retained", "with something left behind"),
];

/// The columns that can be sorted by, and what they show.
type Column = (&'static str, &'static str, fn(&Placed) -> &str);
/// A filter: its name, its title, what is chosen, and what a workload has.
type Filter<'q> = (&'static str, &'static str, &'q str, fn(&Placed) -> &str);
const COLUMNS: [Column; 8] = [
    ("name", "Name", |placed| &placed.name),
    ("namespace", "Namespace", |placed| &placed.namespace),
    ("product", "Product", |placed| &placed.product),
    ("tier", "Tier", |placed| &placed.tier),
    ("environment", "Environment", |placed| &placed.environment),
    ("cell", "Cell", |placed| &placed.cell),
    ("provider", "Provider", |placed| &placed.provider),
    ("region", "Region", |placed| &placed.region),
];

impl Question {
    fn wants(&self, placed: &Placed) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let phase = match self.phase.as_str() {
            "" => true,
            "unplaced" => placed.provider.is_empty(),
            "retained" => !placed.retained.is_empty(),
            phase => placed.phase == phase,
        };
        let q = self.q.to_lowercase();
        let found = |text: &str| text.to_lowercase().contains(&q);
        phase
            && is(&self.provider, &placed.provider)
            && is(&self.region, &placed.region)
            && is(&self.tier, &placed.tier)
            && is(&self.product, &placed.product)
            && is(&self.environment, &placed.environment)
            && (q.is_empty()
                || [&placed.name, &placed.namespace, &placed.kind, &placed.cell]
                    .into_iter()
                    .any(|text| found(text)))
    }

    /// Column and whether it is turned round.
    fn order(&self) -> Option<(&'static Column, bool)> {
        let (name, down) = match self.sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (self.sort.as_str(), false),
        };
        COLUMNS.iter().find(|column| column.0 == name).map(|column| (column, down))
    }

    fn compare(&self, a: &Placed, b: &Placed) -> Ordering {
        let Some(((_, _, read), down)) = self.order() else { return Ordering::Equal };
        let order = read(a).cmp(read(b));
        if down { order.reverse() } else { order }
    }

    /// The address of the same question with another order or page.
    fn address(&self, sort: &str, page: usize) -> String {
        let page = if page == 0 { String::new() } else { page.to_string() };
        let fields = [
            ("q", self.q.as_str()),
            ("provider", &self.provider),
            ("region", &self.region),
            ("tier", &self.tier),
            ("product", &self.product),
            ("environment", &self.environment),
            ("phase", &self.phase),
            ("sort", sort),
            ("page", &page),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query = serde_urlencoded::to_string(given.collect::<Vec<_>>());
        // Texts can always be written.
        format!("/workloads?{}", query.unwrap_or_default())
    }
}

/// The page.
pub async fn show(
    State(sources): State<Sources>,
    reader: Reader,
    Query(question): Query<Question>,
) -> Response {
    let all = sources.placements.list(|placed| reader.visible.shows(placed));
    let mut found: Vec<&Placed> = all.iter().filter(|placed| question.wants(placed)).collect();
    found.sort_by(|a, b| question.compare(a, b));
    let last = found.len().saturating_sub(1) / ROWS;
    let at = question.page.min(last);
    let rows = found.iter().skip(at * ROWS).take(ROWS);
    let content = html! {
        (filters(&question, &all))
        p role="status" {
            (found.len()) " of " (all.len()) " workloads"
            @if last > 0 { ", page " (at + 1) " of " (last + 1) }
        }
        div.wide {
            table {
                caption.hidden { "Workloads" }
                thead { tr { @for column in &COLUMNS { (heading(&question, column)) } th scope="col" { "Phase" } } }
                tbody { @for placed in rows { (row(placed)) } }
            }
        }
        nav.pages aria-label="Pages of the table" {
            @if at > 0 { a rel="prev" href=(question.address(&question.sort, at - 1)) { "Before" } }
            @if at < last { a rel="next" href=(question.address(&question.sort, at + 1)) { "Next" } }
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
        th scope="col" aria-sort=(sorted) { a href=(question.address(&next, 0)) { (title) } }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_asks_the_same_question_again() {
        let question =
            Question { q: "a b&c".to_owned(), tier: "low".to_owned(), ..Question::default() };
        assert_eq!(question.address("-name", 2), "/workloads?q=a+b%26c&tier=low&sort=-name&page=2");
        assert_eq!(Question::default().address("", 0), "/workloads?");
    }
}
