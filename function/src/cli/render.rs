//! `idp render`: from a claim to its placement and its resources, on a laptop.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::input::{self, Document};
use super::progress::Progress;
use super::renderer::Renderer;
use super::summary;
use super::{CliError, catalog};

/// Show where a claim would go, why, and the resources it would be made of. Nothing is contacted or
/// changed.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// Files or folders with claims or composite resources (XRs), `-` for standard input.
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
    if documents.is_empty() {
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        return Err(CliError::Input(format!("{} holds no document", files.join(", "))));
    }
    let renderer = Renderer::new(catalog);
    let mut items = Vec::new();
    let mut summaries = String::new();
    let mut refused = Vec::new();
    // A folder has other things in it than claims; where there is nothing else, it is a mistake.
    let (ours, others): (Vec<&Document>, Vec<&Document>) =
        documents.iter().partition(|document| renderer.is_of_a_product(document));
    let (asked, skipped) = if ours.is_empty() { (others, Vec::new()) } else { (ours, others) };
    for document in skipped {
        writeln!(err, "{}: skipped, no product has this API", document.title())?;
    }
    let progress = Progress::new("claims");
    for document in &asked {
        progress.add(1);
        match renderer.render(document, namespaced, &exclude, &observed) {
            Ok(rendered) => {
                summaries.push_str(&summary::text(&rendered));
                items.push(rendered.composite);
                items.extend(rendered.resources);
            }
            // The others are rendered all the same.
            Err(CliError::Refused { subject, reasons }) => refused.push((subject, reasons)),
            Err(error) => return Err(error),
        }
    }
    drop(progress);
    let refusal = refusal(refused, asked.len());
    match output {
        // Nothing to show: the refusal says it all.
        _ if items.is_empty() => {}
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
    refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// Everything that was refused, as one error.
fn refusal(mut refused: Vec<(String, Vec<String>)>, asked: usize) -> Option<Refusal> {
    if refused.len() < 2 {
        return refused.pop().map(|(subject, reasons)| Refusal { subject, reasons });
    }
    let subject = format!("{} of {asked} are refused", refused.len());
    let reasons = refused.into_iter().flat_map(|(subject, reasons)| {
        std::iter::once(subject).chain(reasons.into_iter().map(|reason| format!("  {reason}")))
    });
    Some(Refusal { subject, reasons: reasons.collect() })
}

/// Who is refused, and why.
struct Refusal {
    subject: String,
    reasons: Vec<String>,
}

impl From<Refusal> for CliError {
    fn from(Refusal { subject, reasons }: Refusal) -> Self {
        CliError::Refused { subject, reasons }
    }
}
