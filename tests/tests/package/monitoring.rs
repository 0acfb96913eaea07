//! What the chart says to Prometheus and Grafana: only metrics that there are, only runbooks that
//! there are.

use std::collections::BTreeSet;

use serde_json::Value;

use super::chart::{PROMETHEUS, rendered};
use super::root;

/// The names of metrics in an expression, without what Prometheus adds to a histogram's.
fn metrics(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("idp_") || word.starts_with("grpc_server_"));
    let plain = |word: &str| {
        let suffix = ["_bucket", "_count", "_sum"].into_iter().find(|end| word.ends_with(end));
        suffix.map_or(word, |end| word.trim_end_matches(end)).to_owned()
    };
    ours.map(plain).collect()
}

fn all_are_there(expressions: &BTreeSet<String>) {
    let reference = std::fs::read_to_string(root().join("docs/src/reference/metrics.md")).unwrap();
    assert!(expressions.len() >= 5, "{expressions:?}");
    for metric in expressions.iter().flat_map(|expression| metrics(expression)) {
        assert!(reference.contains(&format!("`{metric}`")), "{metric} is no metric of ours");
    }
}

#[test]
fn alerts_are_about_metrics_that_there_are_and_lead_to_runbooks() {
    let values = ["monitoring.prometheusRule=true", "monitoring.serviceMonitor=true", PROMETHEUS];
    let Some(objects) = rendered(&values) else { return };
    let rule = objects.iter().find(|object| object["kind"] == "PrometheusRule").unwrap();
    let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    all_are_there(&alerts.iter().map(|alert| alert["expr"].as_str().unwrap().to_owned()).collect());
    let runbooks = std::fs::read_to_string(root().join("docs/src/operations/runbooks.md")).unwrap();
    for alert in alerts {
        let (name, url) = (
            alert["alert"].as_str().unwrap(),
            alert["annotations"]["runbook_url"].as_str().unwrap(),
        );
        assert!(runbooks.contains(&format!("| `{name}` |")), "{name} is not in the table");
        let (_, anchor) = url.split_once('#').unwrap();
        let headings = runbooks.lines().filter_map(|line| line.strip_prefix("## "));
        let mut anchors = headings.map(|heading| {
            let kept = heading.to_lowercase().replace(' ', "-");
            kept.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>()
        });
        assert!(anchors.any(|known| known == anchor), "{name}: there is no runbook {anchor}");
    }
}

#[test]
fn the_dashboard_shows_metrics_that_there_are() {
    let text = std::fs::read_to_string(root().join("package/chart/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    all_are_there(&targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect());
}
