//! The workloads that a question is about: exported from a cluster, from files, or made up.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use idp_core::catalog::Catalog;
use idp_core::insight::fleet::{Workload, generate, place_all};
use serde_json::Value;

use super::input::origin;
use super::{CliError, input};

/// So many objects that are left out are told of, and the rest counted.
const MOST_TOLD: usize = 10;

/// Which workloads.
#[derive(Debug, Args)]
pub struct FleetArgs {
    /// A file with claims or composite resources, `-` for standard input: what
    /// `kubectl get … -A -o json` prints, or YAML. May be given again.
    #[arg(long, value_name = "FILE", required_unless_present = "generate")]
    fleet: Vec<PathBuf>,
    /// Make so many workloads up, over all products and tiers: the same ones every time.
    #[arg(long, value_name = "N", conflicts_with = "fleet", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    generate: Option<u32>,
}

impl FleetArgs {
    /// Reads or makes the workloads. What is none is left out, aloud; those without a place are
    /// given the one that they would get.
    pub(super) fn read(
        &self,
        catalog: &Catalog,
        err: &mut impl Write,
    ) -> Result<Vec<Workload>, CliError> {
        if let Some(count) = self.generate {
            return Ok(generate(catalog, count as usize));
        }
        let mut fleet = Vec::new();
        let mut left_out = Vec::new();
        for path in &self.fleet {
            for object in objects(path)? {
                match Workload::read(catalog, &object) {
                    Ok(Some(workload)) => fleet.push(workload),
                    Ok(None) => left_out
                        .push(format!("{}: of no product of this catalog", title(path, &object))),
                    Err(errors) => {
                        left_out.push(format!("{}: {}", title(path, &object), errors.join("; ")));
                    }
                }
            }
        }
        for line in left_out.iter().take(MOST_TOLD) {
            writeln!(err, "left out: {line}")?;
        }
        if left_out.len() > MOST_TOLD {
            writeln!(err, "left out: {} more objects", left_out.len() - MOST_TOLD)?;
        }
        if fleet.is_empty() {
            let message = "there is no workload: give claims or composite resources of this catalog's products, or --generate";
            return Err(CliError::Input(message.to_owned()));
        }
        let unplaced = fleet.iter().filter(|workload| workload.place.is_none()).count();
        let nowhere = place_all(catalog, &mut fleet);
        if unplaced > 0 {
            writeln!(
                err,
                "without a placement yet: {unplaced}; they count where they would be placed now ({nowhere} of them nowhere)"
            )?;
        }
        Ok(fleet)
    }
}

/// `file: Kind namespace/name`.
pub(super) fn title(path: &Path, object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = match text("/kind") {
        "" => "object without a kind",
        kind => kind,
    };
    let name = match text("/metadata/namespace") {
        "" => text("/metadata/name").to_owned(),
        namespace => format!("{namespace}/{}", text("/metadata/name")),
    };
    format!("{}: {kind} {name}", origin(path))
}

/// The objects of a file, of standard input, or of a folder.
pub(super) fn objects(path: &Path) -> Result<Vec<Value>, CliError> {
    Ok(input::read(path)?.into_iter().map(|document| document.object).collect())
}
