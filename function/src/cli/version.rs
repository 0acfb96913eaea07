//! `idp version`: which program this is, and what is built into it.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{CliError, catalog};

/// Print which program this is, and which catalog is built in.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// How.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: &'static str,
    /// As records carry it in `catalog`, where nothing is unhealthy and no experiment runs.
    catalog: String,
    candidates: usize,
    tiers: usize,
    products: Vec<String>,
}

/// Prints program, version, and the built-in catalog's digest in one line.
pub(super) fn line(output: &mut impl Write) -> Result<(), CliError> {
    let catalog = catalog::load(None)?;
    writeln!(output, "idp {}, catalog {}", idp_serving::VERSION, catalog.scheduler().digest())?;
    Ok(output.flush()?)
}

/// Prints it.
pub(super) fn run(args: &VersionArgs, output: &mut impl Write) -> Result<(), CliError> {
    let catalog = catalog::load(None)?;
    let scheduler = catalog.scheduler();
    let version = Version {
        version: idp_serving::VERSION,
        catalog: scheduler.digest().to_owned(),
        candidates: scheduler.candidates().len(),
        tiers: scheduler.tier_names().count(),
        products: catalog.products().iter().map(|product| product.name.clone()).collect(),
    };
    match args.output {
        Format::Json => writeln!(output, "{}", serde_json::to_string_pretty(&version)?)?,
        Format::Text => {
            let Version { version, catalog, candidates, tiers, products } = version;
            writeln!(output, "idp      {version}")?;
            writeln!(output, "catalog  {catalog}")?;
            let products = products.join(", ");
            writeln!(
                output,
                "built in {candidates} candidates, {tiers} tiers, products {products}"
            )?;
        }
    }
    Ok(())
}
