//! `idp impact`: who is hit when places are lost, and where each would go.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, ValueEnum};
use idp_core::insight::Loss;
use idp_core::insight::impact::{Impact, Pair, Tally, impact};

use super::catalog::CatalogArgs;
use super::workloads::FleetArgs;
use super::{CliError, table};

/// Show who is hit when places or providers are lost, and where each workload would go. Nothing is
/// changed, and nothing contacted but the cluster with --live.
#[derive(Debug, Args)]
pub struct ImpactArgs {
    /// What is lost, all of it at once: providers (`aws`) and places (`aws/us-east-1`).
    #[arg(required = true, value_name = "PLACE_OR_PROVIDER")]
    lost: Vec<String>,
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// How it is written to standard output.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people: the numbers, and the first workloads that have nowhere to go.
    Text,
    /// JSON, with every workload that is hit.
    Json,
}

/// So many rows are shown to people.
const MOST_SHOWN: usize = 20;

pub(super) fn run(
    args: &ImpactArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let opened = args.catalog.open(false, err)?;
    let catalog = &opened.catalog;
    let loss = Loss::named(&args.lost, catalog.scheduler())
        .map_err(|wrong| CliError::Input(wrong.join("\n  ")))?;
    let fleet = args.fleet.read(&opened, err)?;
    let impact = impact(catalog.scheduler(), &fleet, &loss);
    match args.output {
        Output::Text => text(out, &impact)?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut *out, &impact)?;
            writeln!(out)?;
        }
    }
    Ok(out.flush()?)
}

fn text(out: &mut impl Write, impact: &Impact) -> std::io::Result<()> {
    let Tally { hit, elsewhere, degraded, nowhere } = impact.total;
    writeln!(out, "losing {} hits {hit} of {} workloads", impact.lost, impact.workloads)?;
    writeln!(
        out,
        "  {elsewhere} would go elsewhere, {degraded} of them without something that their tier asks for"
    )?;
    writeln!(out, "  {nowhere} have nowhere to go")?;
    writeln!(out, "  {} others lose their failover target", impact.targets_lost)?;
    tallies(out, "tier", &impact.by_tier)?;
    tallies(out, "cell", &impact.by_cell)?;
    let load: Vec<[String; 4]> = impact
        .load
        .iter()
        .map(|(place, shift)| {
            let more = shift.after as i64 - shift.before as i64;
            [place.clone(), shift.before.to_string(), shift.after.to_string(), format!("{more:+}")]
        })
        .collect();
    writeln!(out)?;
    table::write(out, ["place", "before", "after", "more"], &load)?;
    writeln!(out)?;
    for (what, pair) in [("places", &impact.worst_places), ("providers", &impact.worst_providers)] {
        if let Some(Pair { lost, total }) = pair {
            let Tally { hit, nowhere, .. } = total;
            writeln!(out, "worst two {what}: {lost}: {hit} hit, {nowhere} with nowhere to go")?;
        }
    }
    let stuck: Vec<_> = impact.hit.iter().filter(|hit| hit.to.is_none()).collect();
    if !stuck.is_empty() {
        writeln!(out, "\nnowhere to go:")?;
    }
    for hit in stuck.iter().take(MOST_SHOWN) {
        let why = hit.why.as_deref().unwrap_or_default();
        writeln!(out, "  {} (tier {}) at {}: {why}", hit.workload, hit.tier, hit.from)?;
    }
    if stuck.len() > MOST_SHOWN {
        writeln!(out, "  and {} more: -o json has them all", stuck.len() - MOST_SHOWN)?;
    }
    Ok(())
}

/// The hardest hit first.
fn tallies(
    out: &mut impl Write,
    what: &str,
    tallies: &BTreeMap<String, Tally>,
) -> std::io::Result<()> {
    if tallies.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<(&String, &Tally)> = tallies.iter().collect();
    rows.sort_by_key(|(_, tally)| std::cmp::Reverse((tally.nowhere, tally.hit)));
    let row = |(name, tally): &(&String, &Tally)| {
        let Tally { hit, elsewhere, degraded, nowhere } = tally;
        let numbers = [hit, elsewhere, degraded, nowhere].map(ToString::to_string);
        let [hit, elsewhere, degraded, nowhere] = numbers;
        [(*name).clone(), hit, elsewhere, degraded, nowhere]
    };
    let shown: Vec<[String; 5]> = rows.iter().take(MOST_SHOWN).map(row).collect();
    writeln!(out)?;
    table::write(out, [what, "hit", "elsewhere", "degraded", "nowhere"], &shown)?;
    if rows.len() > MOST_SHOWN {
        writeln!(out, "  and {} more", rows.len() - MOST_SHOWN)?;
    }
    Ok(())
}
