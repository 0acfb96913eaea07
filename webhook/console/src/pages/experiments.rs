//! Experiments: their sides, whether the split holds, and whether any difference means something.

use axum::extract::State;
use axum::response::Response;
use idp_core::catalog::Named;
use idp_core::experiment::interval::Interval;
use idp_core::experiment::{Estimate, FEWEST, Outcome, Report, Says, Split};
use idp_crds::ExperimentSpec;
use maud::{Markup, html};

use super::page::{Current, Reader, Tab, command, page};
use crate::Sources;
use crate::snapshot::Snapshot;
use crate::trial;

/// The page.
pub async fn show(
    State(sources): State<Sources>,
    reader: Reader,
    Current(snapshot): Current,
) -> Response {
    let content = if reader.visible.configuration {
        let all = sources
            .placements
            .list(|placed| placed.facts.experiment.is_some() && reader.visible.shows(placed));
        html! {
            @if snapshot.objects.experiments.is_empty() {
                p { "No experiment. One gives other weights to a share of a tier's new workloads:" }
                (command("kubectl explain experiment.spec"))
            }
            @for experiment in &snapshot.objects.experiments {
                (one(&snapshot, experiment, &trial::report(experiment, &all)))
            }
        }
    } else {
        html! {
            p { "Experiments are shown to those who may list candidates:" }
            (command("kubectl auth can-i list candidates.platform.example.org"))
        }
    };
    page(Tab::Experiments, "Experiments", Some(&reader.viewer), &content)
}

fn one(snapshot: &Snapshot, experiment: &Named<ExperimentSpec>, report: &Report) -> Markup {
    let spec = &experiment.spec;
    let id = format!("experiment-{}", experiment.name);
    let weights: Vec<String> =
        spec.variant_weights.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (experiment.name) }
            p { (spec.description) }
            dl.facts {
                div { dt { "State" } dd { @if spec.enabled { "running" } @else { "off" } } }
                div { dt { "Tier" } dd { @if spec.tier == "*" { "every" } @else { (spec.tier) } } }
                div { dt { "Share of the variant" } dd { (spec.traffic_share) } }
                div { dt { "Variant weighs" } dd { (weights.join(", ")) } }
                div { dt { "Control" } dd { (report.control) " workloads" } }
                div { dt { "Variant" } dd { (report.variant) " workloads" } }
            }
            @if trial::is_aa(snapshot, experiment) {
                p { "The variant weighs as the tier does: an A/A experiment. Whatever differs here differs by chance." }
            }
            (split(report.split))
            p { strong { (verdict(report)) } }
            (outcomes(report))
        }
    }
}

fn split(split: Split) -> Markup {
    html! {
        @match split {
            Split::TooFew => p { "There are too few workloads to tell whether they are split as was asked for." },
            Split::Good(_) => p.good { "Workloads are split as was asked for." },
            Split::Broken(chance) => div.problem role="alert" {
                p {
                    "The split is broken: so far from the share that it comes by chance once in "
                    (format!("{:.0}", 1.0 / chance.max(1e-12)))
                    ". Believe nothing else of this experiment. The share or the salt was changed on the way, or one side's workloads are deleted more often. A new experiment of another name starts afresh."
                }
            },
        }
    }
}

/// The whole in a sentence.
fn verdict(report: &Report) -> String {
    let named = |says: &[Says]| {
        let of = report.outcomes.iter().filter(|outcome| says.contains(&outcome.says));
        of.map(|outcome| outcome.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let differ = named(&[Says::Less, Says::More]);
    let told = named(&[Says::Less, Says::More, Says::NoDifference]);
    match (differ.as_str(), told.as_str()) {
        ("", "") => format!("Nothing can be told yet: it takes {FEWEST} workloads on each side."),
        ("", _) => "No difference can be told. That is not to say that there is none.".to_owned(),
        (differ, _) => format!("The sides differ in: {differ}."),
    }
}

fn outcomes(report: &Report) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label="Outcomes" { table {
            caption { "What became of them, each with its interval at 95 %; differences hold for all rows together" }
            thead { tr {
                th scope="col" { "Outcome" } th.number scope="col" { "Control" } th.number scope="col" { "Variant" }
                th.number scope="col" { "Difference" } th scope="col" { "Says" }
            } }
            tbody { @for outcome in &report.outcomes {
                tr {
                    th scope="row" { (outcome.name) }
                    td.number { (estimate(&outcome.control)) }
                    td.number { (estimate(&outcome.variant)) }
                    td.number { @if let Some(difference) = &outcome.difference { (interval(difference)) } }
                    td { (says(outcome)) }
                }
            } }
        } }
    }
}

fn estimate(estimate: &Estimate) -> Markup {
    html! {
        @if estimate.count == 0 { "unknown" } @else { (interval(&estimate.interval)) " of " (estimate.count) }
    }
}

fn interval(interval: &Interval) -> String {
    let Interval { value, low, high } = interval;
    if low.is_finite() && high.is_finite() {
        format!("{} ({} to {})", short(*value), short(*low), short(*high))
    } else {
        short(*value)
    }
}

/// Three decimals for shares and scores, none for seconds.
fn short(number: f64) -> String {
    let text = if number.abs() >= 10.0 { format!("{number:.0}") } else { format!("{number:.3}") };
    if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_owned() } else { text }
}

fn says(outcome: &Outcome) -> &'static str {
    match outcome.says {
        Says::TooFew => "too few workloads",
        Says::NoDifference => "no difference can be told",
        Says::Less => "the variant has less",
        Says::More => "the variant has more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        for (number, text) in [(0.0004, "0"), (-0.0001, "0"), (0.25, "0.250"), (311.4, "311")] {
            assert_eq!(short(number), text);
        }
        assert_eq!(short(-0.05), "-0.050");
    }
}
