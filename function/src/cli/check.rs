//! `idp check`: whether a catalog recovers from any single loss, and what in it decides nothing.

use std::io::Write;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use idp_core::insight::check::{Finding, RULES, Severity, check};
use serde_json::json;

use super::catalog::CatalogArgs;
use super::{CliError, sarif};

/// Check that a catalog keeps its promises after the loss of any one provider or place: every tier,
/// product and `ha` keeps a place and a failover target. And tell what in it decides nothing.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    catalog: CatalogArgs,
    /// The least severity that makes the catalog fail (exit code 1).
    #[arg(long, value_enum, default_value_t = Least::Error)]
    fail_on: Least,
    /// A finding that is meant so, by its token; may be given again.
    #[arg(long, value_name = "TOKEN", value_parser = PossibleValuesParser::new(RULES.map(|(token, ..)| token)))]
    allow: Vec<String>,
    /// How it is written to standard output.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Least {
    /// Promises that cannot be kept.
    Error,
    /// And what may be meant so.
    Warning,
    /// And what is worth knowing.
    Note,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people: a line a finding.
    Text,
    /// JSON.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
}

pub(super) fn run(
    args: &CheckArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let catalog = args.catalog.load(err)?;
    let mut findings = check(&catalog);
    findings.retain(|finding| !args.allow.iter().any(|allowed| allowed == finding.token));
    match args.output {
        Output::Text => text(out, &findings)?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut *out, &json!({"findings": findings}))?;
            writeln!(out)?;
        }
        Output::Sarif => {
            let log = sarif::log(&findings, args.catalog.folder());
            serde_json::to_writer_pretty(&mut *out, &log)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    let least = match args.fail_on {
        Least::Error => Severity::Error,
        Least::Warning => Severity::Warning,
        Least::Note => Severity::Note,
    };
    match findings.iter().filter(|finding| finding.severity >= least).count() {
        0 => Ok(()),
        failing => {
            let reason = format!("{failing} findings of severity {} or above", least.word());
            Err(CliError::refused("the catalog does not pass", vec![reason]))
        }
    }
}

fn text(out: &mut impl Write, findings: &[Finding]) -> std::io::Result<()> {
    for Finding { token, severity, kind, name, message } in findings {
        writeln!(out, "{}: {token}: {kind} {name} {message}", severity.word())?;
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    writeln!(
        out,
        "{} errors, {} warnings, {} notes",
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note)
    )
}
