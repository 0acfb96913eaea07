//! `idp render`: from a claim to its placement and its resources, on a laptop.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::input;
use super::renderer::Renderer;
use super::summary;
use super::{CliError, catalog};

/// Show where a claim would go, why, and the resources it would be made of. Nothing is contacted or
/// changed.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// Files with claims or composite resources (XRs), `-` for standard input.
    #[arg(required = true, value_name = "CLAIM_OR_XR")]
    files: Vec<PathBuf>,
    /// A folder with Candidates, Tiers, CloudProviders and Products as YAML, instead of the
    /// built-in catalog.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
    /// Providers to leave out: where would it go if these were gone? For a placed XR this is a
    /// failover.
    #[arg(long, value_delimiter = ',', value_name = "PROVIDERS")]
    exclude: Vec<String>,
    /// Make a namespaced composite resource of a claim (Crossplane v2), with namespaced managed
    /// resources.
    #[arg(long)]
    namespaced: bool,
    /// A file with resources as they exist, each annotated
    /// `crossplane.io/composition-resource-name`; may be given again.
    #[arg(long, value_name = "FILE")]
    observed: Vec<PathBuf>,
    /// How resources are written to standard output.
    #[arg(long, short, value_enum, default_value_t = Output::Yaml)]
    output: Output,
    /// Whether the summary (why here, who lost and why) is written to standard error.
    #[arg(long, value_enum, default_value_t = When::Auto)]
    summary: When,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// YAML documents: first the XR with its status, then the resources.
    Yaml,
    /// One JSON object of kind List, with the same items.
    Json,
}

/// When something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

pub(super) fn run(
    args: RenderArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let RenderArgs { files, catalog, exclude, namespaced, observed, output, summary } = args;
    let catalog = catalog::load(catalog.as_deref())?;
    let observed =
        observed.iter().map(|path| input::read(path)).collect::<Result<Vec<_>, _>>()?.concat();
    let mut documents = Vec::new();
    for path in &files {
        documents.extend(input::read(path)?);
    }
    let renderer = Renderer::new(catalog);
    let mut items = Vec::new();
    let mut summaries = String::new();
    for document in &documents {
        let rendered = renderer.render(document, namespaced, &exclude, &observed)?;
        summaries.push_str(&summary::text(&rendered));
        items.push(rendered.composite);
        items.extend(rendered.resources);
    }
    match output {
        Output::Yaml => out.write_all(crate::generate::to_yaml(&items)?.as_bytes())?,
        Output::Json => {
            serde_json::to_writer_pretty(
                &mut *out,
                &json!({"apiVersion": "v1", "kind": "List", "items": items}),
            )?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    let show = match summary {
        When::Auto => std::io::stderr().is_terminal(),
        When::Always => true,
        When::Never => false,
    };
    if show {
        // After the resources, so that on a terminal it is what one sees.
        err.write_all(summaries.as_bytes())?;
    }
    Ok(())
}
