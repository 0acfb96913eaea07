//! `idp simulate`: what an edit of the catalog would do to a fleet.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use idp_core::catalog::{Catalog, Objects};
use idp_core::insight::edit;
use idp_core::insight::simulate::{Simulation, simulate};

use super::catalog::{CatalogArgs, Opened};
use super::workloads::{self, FleetArgs};
use super::{CliError, input, table};
use crate::live::catalog::lenient;

/// Show what an edit of the catalog would do to workloads if each were placed anew. None moves by an
/// edit: it is about what comes next, and about what a failover would find. Nothing is changed, and
/// nothing contacted but the cluster with --live.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// A file with configuration objects as they are to become, `-` for standard input: Tiers,
    /// Candidates, Products, CloudProviders, FeatureFlags, Experiments. May be given again.
    #[arg(long, value_name = "FILE", required_unless_present = "remove")]
    change: Vec<PathBuf>,
    /// An object that is to be deleted, as in `Candidate/aws-us-east-1`. May be given again.
    #[arg(long, value_name = "KIND/NAME")]
    remove: Vec<String>,
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// Refuse (exit code 1) an edit after which more workloads than this would be placed elsewhere
    /// or nowhere: a number, or a share such as `5%`.
    #[arg(long, value_name = "LIMIT", value_parser = limit)]
    max_changed: Option<Limit>,
    /// How it is written to standard output.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// JSON, with every workload that would be decided otherwise.
    Json,
}

/// How many workloads may change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// So many.
    Count(usize),
    /// Such a share, 0 to 1.
    Share(f64),
}

/// So many rows are shown to people.
const MOST_SHOWN: usize = 20;

fn limit(text: &str) -> Result<Limit, String> {
    let wrong =
        || format!("must be a number of workloads, or a share from 0% to 100%, not {text:?}");
    match text.strip_suffix('%') {
        None => text.parse().map(Limit::Count).map_err(|_| wrong()),
        Some(percent) => match percent.parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Limit::Share(percent / 100.0)),
            _ => Err(wrong()),
        },
    }
}

pub(super) fn run(
    args: &SimulateArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let opened = args.catalog.open(false, err)?;
    let then = edited(&opened, &args.change, &args.remove)?;
    let fleet = args.fleet.read(&opened, err)?;
    let simulation = simulate(&opened.catalog, &then, &fleet);
    match args.output {
        Output::Text => text(out, &simulation)?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut *out, &simulation)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    let (changed, of) = (simulation.changed, simulation.workloads);
    let too_many = match args.max_changed {
        None => false,
        Some(Limit::Count(most)) => changed > most,
        Some(Limit::Share(most)) => simulation.share > most,
    };
    if too_many {
        let reason = format!("{changed} of {of} workloads would be placed elsewhere or nowhere");
        return Err(CliError::refused(
            "the edit changes more than --max-changed allows",
            vec![reason],
        ));
    }
    Ok(())
}

/// The catalog as it would be.
fn edited(opened: &Opened, change: &[PathBuf], remove: &[String]) -> Result<Catalog, CliError> {
    let mut objects = opened.objects.clone();
    // A cluster goes on without what is wrong in it, and an edit does not make that worse.
    let (_, known) = lenient(&objects);
    let mut changed = Objects::default();
    let mut wrong = Vec::new();
    for path in change {
        for object in workloads::objects(path)? {
            if let Err(error) = changed.add(&input::origin(path), object) {
                wrong.push(error.to_string());
            }
        }
    }
    edit::apply(&mut objects, changed);
    wrong.extend(remove.iter().filter_map(|what| edit::remove(&mut objects, what).err()));
    if !wrong.is_empty() {
        return Err(CliError::Input(wrong.join("\n  ")));
    }
    let (then, mut wrong) = lenient(&objects);
    wrong.retain(|rejected| !known.contains(rejected));
    if !wrong.is_empty() {
        let reasons = wrong.iter().map(ToString::to_string).collect();
        return Err(CliError::refused("the catalog would be wrong after the edit", reasons));
    }
    Ok(then)
}

fn text(out: &mut impl Write, simulation: &Simulation) -> std::io::Result<()> {
    let Simulation { workloads, changed, share, .. } = simulation;
    writeln!(
        out,
        "{changed} of {workloads} workloads ({:.1}%) would be placed elsewhere or nowhere; none moves by itself",
        share * 100.0
    )?;
    writeln!(
        out,
        "  {} could not be placed any more, {} newly could",
        simulation.unplaceable, simulation.newly_placeable
    )?;
    writeln!(
        out,
        "  {} would name no failover target any more, {} newly would",
        simulation.targets_lost, simulation.targets_gained
    )?;
    if *changed > 0 {
        let rows = |all: &mut dyn Iterator<Item = (&String, &usize)>| -> Vec<[String; 2]> {
            let mut all: Vec<(&String, &usize)> = all.collect();
            all.sort_by(|(_, a), (_, b)| b.cmp(a));
            let rows = all.into_iter().take(MOST_SHOWN);
            rows.map(|(name, count)| [name.clone(), count.to_string()]).collect()
        };
        writeln!(out)?;
        table::write(out, ["tier", "changed"], &rows(&mut simulation.by_tier.iter()))?;
        writeln!(out)?;
        table::write(out, ["from -> to", "workloads"], &rows(&mut simulation.moves.iter()))?;
    }
    writeln!(out)?;
    let load: Vec<[String; 4]> = simulation
        .load
        .iter()
        .map(|(place, shift)| {
            let more = shift.after as i64 - shift.before as i64;
            [place.clone(), shift.before.to_string(), shift.after.to_string(), format!("{more:+}")]
        })
        .collect();
    table::write(out, ["place", "before", "after", "more"], &load)
}
