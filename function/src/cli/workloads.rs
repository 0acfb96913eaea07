//! The workloads that a question is about: exported from a cluster, from files, or made up.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use idp_core::insight::Running;
use idp_core::insight::fleet::{Workload, generate, place_all};
use serde_json::Value;

use super::catalog::Opened;
use super::input::origin;
use super::{CliError, cluster, input};
use crate::live::workloads::Asked;

/// Which workloads.
#[derive(Debug, Args)]
pub struct FleetArgs {
    /// A file with claims or composite resources, `-` for standard input: what
    /// `kubectl get … -A -o json` prints, or YAML. May be given again.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["generate", "live"])]
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
        opened: &Opened,
        err: &mut dyn Write,
    ) -> Result<Vec<Workload>, CliError> {
        let catalog = &opened.catalog;
        if let Some(count) = self.generate {
            return Ok(generate(catalog, count as usize));
        }
        let mut found: Vec<(String, Value)> = Vec::new();
        for path in &self.fleet {
            let all = objects(path)?.into_iter();
            found.extend(all.map(|object| (title(path, &object), object)));
        }
        if let (true, Some(cluster)) = (self.fleet.is_empty(), &opened.cluster) {
            let products = &opened.objects.products;
            let all = cluster::workloads(cluster, products, &Asked::default(), err)?;
            // What a claim stands for is the claim's.
            let all = all.into_iter().filter(|object| Running::read(products, object).is_some());
            found.extend(all.map(|object| (name("the cluster", &object), object)));
        }
        let mut fleet = Vec::new();
        let mut left_out = Vec::new();
        for (title, object) in &found {
            match Workload::read(catalog, object) {
                Ok(Some(workload)) => fleet.push(workload),
                Ok(None) => left_out.push(format!("{title}: of no product of this catalog")),
                Err(errors) => left_out.push(format!("{title}: {}", errors.join("; "))),
            }
        }
        cluster::tell(err, "left out", &left_out.iter().collect::<Vec<_>>())?;
        if fleet.is_empty() {
            let message = match &opened.cluster {
                Some(_) if self.fleet.is_empty() => {
                    "there is no workload in the cluster that you may see"
                }
                _ => {
                    "there is no workload: give claims or composite resources of this catalog's products, or --generate"
                }
            };
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
    name(&origin(path), object)
}

/// `origin: Kind namespace/name`.
pub(super) fn name(origin: &str, object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = match text("/kind") {
        "" => "object without a kind",
        kind => kind,
    };
    let name = match text("/metadata/namespace") {
        "" => text("/metadata/name").to_owned(),
        namespace => format!("{namespace}/{}", text("/metadata/name")),
    };
    format!("{origin}: {kind} {name}")
}

/// The objects of a file, of standard input, or of a folder.
pub(super) fn objects(path: &Path) -> Result<Vec<Value>, CliError> {
    Ok(input::read(path)?.into_iter().map(|document| document.object).collect())
}
