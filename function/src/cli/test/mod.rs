//! `idp test`: what platform teams expect of their catalog, as YAML.

mod expect;
mod junit;
mod play;
mod spec;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use idp_core::catalog::{Objects, embedded};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use self::spec::{API_VERSION, Claim, KIND, PlacementTest};
use super::input::{self, Document};
use super::{CliError, workloads};

/// Run tests of a catalog (PlacementTest objects): a claim, and what is expected of it step by step.
/// Nothing is contacted or changed.
///
/// Unasked, every step is held to this: the same question has the same answer, a workload moves only
/// when that is asked for, and nothing that holds data is let go.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Files with tests, or folders of them, `-` for standard input; with --record, files with
    /// claims.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The catalog to test, whatever the tests name.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
    /// Write the outcome to this file too, as JUnit XML.
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    junit: Option<PathBuf>,
    /// Print a first test of each claim: what the catalog decides of it now.
    #[arg(long)]
    record: bool,
}

/// A case that was run.
struct Outcome {
    test: String,
    case: String,
    failures: Vec<String>,
}

pub(super) fn run(args: &TestArgs, out: &mut impl Write) -> Result<(), CliError> {
    let mut files = Vec::new();
    for path in &args.files {
        yaml_files(path, &mut files)?;
    }
    if args.record {
        return record(&files, args.catalog.as_deref(), out);
    }
    let mut outcomes = Vec::new();
    for path in &files {
        for object in workloads::objects(path)? {
            // Tests may stand beside the claims that they name.
            if object.get("kind").and_then(Value::as_str) == Some(KIND) {
                outcomes.extend(test(path, &object, args.catalog.as_deref())?);
            }
        }
    }
    if outcomes.is_empty() {
        return Err(CliError::Input(format!("there is no {KIND} ({API_VERSION}) in these files")));
    }
    let mut failed = 0;
    for Outcome { test, case, failures } in &outcomes {
        let case = if case.is_empty() { String::new() } else { format!(" [{case}]") };
        let word = if failures.is_empty() { "ok    " } else { "FAILED" };
        writeln!(out, "{word} {test}{case}")?;
        for failure in failures {
            writeln!(out, "         {failure}")?;
        }
        failed += usize::from(!failures.is_empty());
    }
    writeln!(out, "{} passed, {failed} failed", outcomes.len() - failed)?;
    out.flush()?;
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::report(&outcomes)).map_err(|error| {
            CliError::Input(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    if failed > 0 {
        let reason = format!("{failed} of {} cases", outcomes.len());
        return Err(CliError::refused("tests failed", vec![reason]));
    }
    Ok(())
}

/// A file, or the YAML files below a folder, in order of path.
fn yaml_files(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |error| CliError::Input(format!("cannot read {}: {error}", path.display()));
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut below = Vec::new();
    for entry in entries {
        below.push(entry.map_err(failed)?.path());
    }
    below.sort();
    for path in below {
        if path.is_dir() || path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            yaml_files(&path, files)?;
        }
    }
    Ok(())
}

fn objects(folder: Option<&Path>) -> Result<Objects, CliError> {
    let objects = match folder {
        Some(folder) => Objects::from_folder(folder),
        None => embedded(),
    };
    objects.map_err(|errors| CliError::catalog(&errors))
}

/// Runs every case of a test.
fn test(path: &Path, object: &Value, catalog: Option<&Path>) -> Result<Vec<Outcome>, CliError> {
    let title = workloads::title(path, object);
    let wrong = |error: String| CliError::Input(format!("{title}: {error}"));
    let test = PlacementTest::deserialize(object).map_err(|error| wrong(error.to_string()))?;
    if test.api_version != API_VERSION || test.kind != KIND {
        let found = format!("{} {}", test.api_version, test.kind);
        return Err(wrong(format!("must be {API_VERSION} {KIND}, not {found}")));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = test.spec.catalog.as_ref().map(|catalog| folder.join(catalog));
    let objects = objects(catalog.or(named.as_deref()))?;
    let claim = match &test.spec.claim {
        Claim::Object(claim) => Value::Object(claim.clone()),
        Claim::File(file) => {
            let mut found = workloads::objects(&folder.join(file))?;
            if found.len() != 1 {
                let count = found.len();
                return Err(wrong(format!(
                    "{} holds {count} objects: a test has one claim",
                    file.display()
                )));
            }
            found.pop().unwrap_or_default()
        }
    };
    let case = |parameters: &Map<String, Value>| {
        let values = parameters.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        });
        Ok(Outcome {
            test: format!("{}: {}", input::origin(path), test.metadata.name),
            case: values.collect::<Vec<_>>().join(" "),
            failures: play::play(&test, &objects, &claim, parameters)?,
        })
    };
    test.cases().map_err(wrong)?.iter().map(case).collect()
}

/// Prints what the catalog decides of claims now, as tests.
fn record(files: &[PathBuf], catalog: Option<&Path>, out: &mut impl Write) -> Result<(), CliError> {
    let objects = objects(catalog)?;
    let renderer = play::renderer(&objects, &[])?;
    let mut tests = Vec::new();
    for path in files {
        for object in workloads::objects(path)? {
            let document = Document { origin: input::origin(path), object: object.clone() };
            let expect = match renderer.render(&document, false, &[], &[]) {
                Ok(rendered) => {
                    let record = rendered.record.as_ref();
                    let target = record.and_then(|record| record.failover.as_ref());
                    let target = target.map_or("none".to_owned(), |target| {
                        format!("{}/{}", target.provider, target.region)
                    });
                    json!({"place": expect::place(&rendered), "failover": target})
                }
                Err(CliError::Refused { reasons, .. }) => json!({"refused": reasons}),
                Err(error) => return Err(error),
            };
            let name = object.pointer("/metadata/name").cloned().unwrap_or_default();
            tests.push(json!({
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {"name": name},
                "spec": {"claim": object, "steps": [{"expect": expect}]},
            }));
        }
    }
    out.write_all(crate::generate::to_yaml(&tests)?.as_bytes())?;
    Ok(out.flush()?)
}
