//! A decision for people: why here, who lost and why.

use std::fmt::Write as _;

use idp_crds::json::float;
use idp_crds::record::{Group, Record};
use serde_json::Value;

use super::renderer::Rendered;

/// The summary of a rendered workload.
#[must_use]
pub fn text(rendered: &Rendered) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(rendered, &mut text);
    text
}

fn write(rendered: &Rendered, text: &mut String) -> std::fmt::Result {
    let at = |pointer: &str| {
        rendered.composite.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    };
    writeln!(text, "\n{} {}", at("/kind"), at("/metadata/name"))?;
    let place = format!("{}/{}", at("/status/placement/provider"), at("/status/placement/region"));
    match &rendered.record {
        Some(record) => decision(record, &place, text)?,
        None => writeln!(text, "  runs on {place}; no record says why")?,
    }
    resources(rendered, text)?;
    for result in &rendered.results {
        writeln!(text, "  {result}")?;
    }
    Ok(())
}

fn decision(record: &Record, place: &str, text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "  goes to {place} ({}), score {}",
        record.selected.runtime_cluster,
        float(record.selected.total_score)
    )?;
    if let Some(previous) = &record.previous {
        writeln!(text, "  moves from {}/{}", previous.provider, previous.region)?;
    }
    if !record.degraded.is_empty() {
        writeln!(text, "  goes without {}", record.degraded.join(", "))?;
    }
    let weights: Vec<String> =
        record.weights.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
    writeln!(
        text,
        "  tier {}: needs {}; weighs {}",
        record.tier,
        record.gates.join(", "),
        weights.join(", ")
    )?;
    if let Some(experiment) = &record.experiment {
        let group = if experiment.group == Group::Variant { "variant" } else { "control" };
        writeln!(text, "  experiment {}: {group}", experiment.experiment_id)?;
    }
    match &record.failover {
        Some(target) => writeln!(
            text,
            "  would fail over to {}/{}, score {}",
            target.provider,
            target.region,
            float(target.total_score)
        )?,
        None => writeln!(text, "  names no failover target")?,
    }
    writeln!(
        text,
        "  {} candidates, {} healthy, {} pass",
        record.candidates_evaluated, record.candidates_healthy, record.candidates_passed_gates
    )?;
    for ranked in &record.top_3_candidates {
        let scored = &ranked.scored;
        let scores: Vec<String> =
            scored.subscores.iter().map(|(name, score)| format!("{name} {score}")).collect();
        writeln!(
            text,
            "    {}. {:<24} {:<7} {}",
            ranked.rank,
            format!("{}/{}", scored.provider, scored.region),
            float(scored.total_score),
            scores.join("  ")
        )?;
    }
    for (place, why) in &record.rejected {
        writeln!(text, "    -  {place:<24} {why}")?;
    }
    Ok(())
}

fn resources(rendered: &Rendered, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  {} resources", rendered.resources.len())?;
    for resource in &rendered.resources {
        let at =
            |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        writeln!(text, "    {:<28} {}", at("/kind"), at("/metadata/name"))?;
    }
    let conditions = rendered
        .composite
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for condition in conditions.filter(|c| c.get("type").is_some_and(|t| t == "ResourcesReady")) {
        for waiting in condition
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .split("; ")
            .filter(|m| m.contains(" waits "))
        {
            writeln!(text, "    later: {waiting}")?;
        }
    }
    Ok(())
}
