//! `idp test`: what platform teams expect of their catalog, as YAML.

mod coverage;
mod expect;
mod junit;
mod play;
mod spec;
mod valid;
mod watch;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use clap::Args;
use idp_core::catalog::{Catalog, Objects};
use idp_core::compose::product::Product;
use idp_core::insight::mutation::mutants;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use self::coverage::Coverage;
use self::spec::{API_VERSION, Claim, KIND, PlacementTest};
use self::valid::Schemas;
use self::watch::Watched;
use super::catalog;
use super::input::{self, Document};
use super::progress::Progress;
use super::renderer::Rendered;
use super::{CliError, workloads};

/// Run tests of a catalog (PlacementTest objects): a claim, and what is expected of it step by step.
/// Nothing is contacted or changed.
///
/// Unasked, every step is held to this: the same question has the same answer, a workload moves only
/// when that is asked for, nothing that holds data is let go, and the API server takes what is
/// written.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Files with tests, or folders of them, `-` for standard input; with --record, files with
    /// claims.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The catalog to test, whatever the tests name.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
    /// A folder with the providers' CRDs: they must take whatever is made, with nothing in it that
    /// they do not know.
    #[arg(long, value_name = "DIR", env = "IDP_SCHEMAS", conflicts_with = "record")]
    schemas: Option<PathBuf>,
    /// Write the outcome to this file too, as JUnit XML.
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    junit: Option<PathBuf>,
    /// Print a first test of each claim: what the catalog decides of it now.
    #[arg(long)]
    record: bool,
    /// Name what no test has reached: gates, templates, conditions.
    #[arg(long, conflicts_with = "record")]
    coverage: bool,
    /// Make the catalog wrong in one thing after the other, a weight, a gate, a capability, and fail
    /// where no test notices.
    #[arg(long, conflicts_with = "record")]
    mutate: bool,
    /// Run again whenever a test, a claim or a catalog is another, until it is interrupted.
    #[arg(long, conflicts_with = "record")]
    watch: bool,
}

/// A case that was run.
struct Outcome {
    test: String,
    case: String,
    failures: Vec<String>,
}

/// A test with everything that it is about.
struct Loaded {
    title: String,
    test: PlacementTest,
    claim: Value,
    folder: Option<PathBuf>,
    catalog: Rc<Tested>,
    cases: Vec<Map<String, Value>>,
}

/// A catalog that is tested.
struct Tested {
    objects: Objects,
    products: Vec<Arc<Product>>,
    schemas: Schemas,
}

pub(super) fn run(
    args: &TestArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    if args.record {
        let mut files = Vec::new();
        for path in &args.files {
            yaml_files(path, &mut files)?;
        }
        return record(&files, args.catalog.as_deref(), out);
    }
    if !args.watch {
        return round(args, out, &mut Watched::default());
    }
    loop {
        let mut watched = Watched::default();
        if let Err(error) = round(args, out, &mut watched) {
            out.flush()?;
            writeln!(err, "error: {error}")?;
        }
        out.flush()?;
        writeln!(err, "waiting for a change")?;
        watched.wait();
    }
}

/// Runs all tests once; `watched` is told every file that they are made of.
fn round(args: &TestArgs, out: &mut impl Write, watched: &mut Watched) -> Result<(), CliError> {
    let tests = load(args, watched)?;
    let mut coverage = Coverage::default();
    let mut outcomes = Vec::new();
    let progress = Progress::new("cases");
    for loaded in &tests {
        if args.coverage {
            coverage.of(&loaded.catalog.objects);
        }
        outcomes.extend(loaded.run(&loaded.catalog.objects, &mut |rendered| {
            if args.coverage {
                coverage.reach(rendered);
            }
        })?);
        progress.add(loaded.cases.len());
    }
    drop(progress);
    let failed = tell(out, &outcomes)?;
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::report(&outcomes)).map_err(|error| {
            CliError::Input(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    if args.coverage {
        coverage.tell(out)?;
    }
    out.flush()?;
    if failed > 0 {
        let reason = format!("{failed} of {} cases", outcomes.len());
        return Err(CliError::refused("tests failed", vec![reason]));
    }
    if args.mutate { mutate(&tests, out) } else { Ok(()) }
}

/// Writes every outcome, and how many failed.
fn tell(out: &mut impl Write, outcomes: &[Outcome]) -> Result<usize, CliError> {
    let mut failed = 0;
    for Outcome { test, case, failures } in outcomes {
        let case = if case.is_empty() { String::new() } else { format!(" [{case}]") };
        let word = if failures.is_empty() { "ok    " } else { "FAILED" };
        writeln!(out, "{word} {test}{case}")?;
        for failure in failures {
            writeln!(out, "         {failure}")?;
        }
        failed += usize::from(!failures.is_empty());
    }
    writeln!(out, "{} passed, {failed} failed", outcomes.len() - failed)?;
    Ok(failed)
}

/// Runs the tests of each catalog against every wrong one, until one of them fails.
fn mutate(tests: &[Loaded], out: &mut impl Write) -> Result<(), CliError> {
    let mut catalogs: BTreeMap<Option<&Path>, Vec<&Loaded>> = BTreeMap::new();
    for loaded in tests {
        catalogs.entry(loaded.folder.as_deref()).or_default().push(loaded);
    }
    let (mut all, mut unnoticed) = (0, Vec::new());
    let progress = Progress::new("wrong catalogs");
    for tests in catalogs.into_values() {
        let Some(catalog) = tests.first().map(|loaded| &loaded.catalog) else { continue };
        for mutant in mutants(&catalog.objects, &catalog.products) {
            let mut noticed = false;
            for loaded in &tests {
                let ran = loaded.run(&mutant.objects, &mut |_| {})?;
                noticed = ran.iter().any(|outcome| !outcome.failures.is_empty());
                if noticed {
                    break;
                }
            }
            all += 1;
            progress.add(1);
            if !noticed {
                unnoticed.push(mutant.what);
            }
        }
    }
    drop(progress);
    writeln!(out, "{} of {all} wrong catalogs were noticed", all - unnoticed.len())?;
    out.flush()?;
    match unnoticed.is_empty() {
        true => Ok(()),
        false => Err(CliError::refused("no test notices that", unnoticed)),
    }
}

/// Reads every test of the files.
fn load(args: &TestArgs, watched: &mut Watched) -> Result<Vec<Loaded>, CliError> {
    args.files.iter().chain(&args.catalog).for_each(|path| watched.add(path));
    let mut files = Vec::new();
    for path in &args.files {
        yaml_files(path, &mut files)?;
    }
    let mut catalogs: BTreeMap<Option<PathBuf>, Rc<Tested>> = BTreeMap::new();
    let mut tests = Vec::new();
    for path in &files {
        for object in workloads::objects(path)? {
            // Tests may stand beside the claims that they name.
            if object.get("kind").and_then(Value::as_str) == Some(KIND) {
                tests.push(test(path, &object, args, &mut catalogs, watched)?);
            }
        }
    }
    if tests.is_empty() {
        return Err(CliError::Input(format!("there is no {KIND} ({API_VERSION}) in these files")));
    }
    Ok(tests)
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

/// Reads a test, its claim and its catalog.
fn test(
    path: &Path,
    object: &Value,
    args: &TestArgs,
    catalogs: &mut BTreeMap<Option<PathBuf>, Rc<Tested>>,
    watched: &mut Watched,
) -> Result<Loaded, CliError> {
    let title = workloads::title(path, object);
    let wrong = |error: String| CliError::Input(format!("{title}: {error}"));
    let test = PlacementTest::deserialize(object).map_err(|error| wrong(error.to_string()))?;
    if test.api_version != API_VERSION || test.kind != KIND {
        let found = format!("{} {}", test.api_version, test.kind);
        return Err(wrong(format!("must be {API_VERSION} {KIND}, not {found}")));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = || test.spec.catalog.as_ref().map(|catalog| folder.join(catalog));
    let catalog_folder = args.catalog.clone().or_else(named);
    catalog_folder.iter().for_each(|folder| watched.add(folder));
    let catalog = match catalogs.get(&catalog_folder) {
        Some(known) => Rc::clone(known),
        None => {
            let schemas = args.schemas.as_deref();
            let read = Rc::new(Tested::read(catalog_folder.as_deref(), schemas)?);
            catalogs.insert(catalog_folder.clone(), Rc::clone(&read));
            read
        }
    };
    let claim = match &test.spec.claim {
        Claim::Object(claim) => Value::Object(claim.clone()),
        Claim::File(file) => {
            watched.add(&folder.join(file));
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
    let cases = test.cases().map_err(wrong)?;
    let title = format!("{}: {}", input::origin(path), test.metadata.name);
    Ok(Loaded { title, test, claim, folder: catalog_folder, catalog, cases })
}

impl Tested {
    fn read(folder: Option<&Path>, schemas: Option<&Path>) -> Result<Self, CliError> {
        let objects = catalog::objects(folder)?;
        let catalog =
            Catalog::strict(objects.clone()).map_err(|errors| CliError::catalog(&errors))?;
        let products = catalog.products().to_vec();
        let schemas = Schemas::new(products.iter().map(Arc::as_ref), schemas)?;
        Ok(Tested { objects, products, schemas })
    }
}

impl Loaded {
    /// Runs every case by `objects`, and shows what each step came to.
    fn run(
        &self,
        objects: &Objects,
        seen: &mut dyn FnMut(&Rendered),
    ) -> Result<Vec<Outcome>, CliError> {
        let case = |parameters: &Map<String, Value>| {
            let values = parameters.iter().map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            });
            let Tested { products, schemas, .. } = &*self.catalog;
            let catalog = play::Played { objects, products, schemas };
            Ok(Outcome {
                test: self.title.clone(),
                case: values.collect::<Vec<_>>().join(" "),
                failures: play::play(&self.test, catalog, &self.claim, parameters, seen)?,
            })
        };
        self.cases.iter().map(case).collect()
    }
}

/// Prints what the catalog decides of claims now, as tests.
fn record(files: &[PathBuf], catalog: Option<&Path>, out: &mut impl Write) -> Result<(), CliError> {
    let Tested { objects, products, schemas } = &Tested::read(catalog, None)?;
    let renderer = play::Played { objects, products, schemas }.renderer(&[])?;
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
