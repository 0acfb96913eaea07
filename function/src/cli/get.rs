//! `idp get`: what runs where.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use idp_core::catalog::Named;
use idp_core::insight::Running;
use idp_core::insight::running::State;
use idp_crds::ProductSpec;
use idp_crds::contract::did_you_mean;
use idp_crds::status::Place;
use serde_json::{Value, json};

use super::catalog::{CatalogArgs, Opened};
use super::table::{self, Cell};
use super::{CliError, age, cluster, workloads};
use crate::live::workloads::Asked;

/// Show what runs where in a cluster, read with your own rights: of every workload its tier, its
/// place, where it would fail over to, and whether it is ready. Nothing is changed.
#[derive(Debug, Args)]
pub struct GetArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// How it is written to standard output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Leave the column names out.
    #[arg(long)]
    no_headers: bool,
}

/// Whose workloads.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// The namespace, instead of the context's.
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// All namespaces.
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// A label selector, as `kubectl` takes it.
    #[arg(long, short = 'l', value_name = "SELECTOR", conflicts_with = "fleet")]
    selector: Option<String>,
    /// Look at exported workloads instead of a cluster's: what `kubectl get … -A -o json` prints, `-`
    /// for standard input. May be given again.
    #[arg(long, value_name = "FILE")]
    fleet: Vec<PathBuf>,
}

/// Which of them. Each may be given again: any of the values will do.
#[derive(Debug, Args, Default)]
pub struct Filter {
    /// Only of this product.
    #[arg(long, value_name = "NAME")]
    product: Vec<String>,
    /// Only of this tier.
    #[arg(long, value_name = "NAME")]
    tier: Vec<String>,
    /// Only of this cell.
    #[arg(long, value_name = "NAME")]
    cell: Vec<String>,
    /// Only of this environment.
    #[arg(long, value_name = "NAME")]
    environment: Vec<String>,
    /// Only what is in this cloud.
    #[arg(long, value_name = "NAME")]
    provider: Vec<String>,
    /// Only what is in this region.
    #[arg(long, value_name = "NAME")]
    region: Vec<String>,
    /// Only what is in this state.
    #[arg(long, value_enum, value_name = "STATE")]
    state: Vec<StateArg>,
}

/// What is the matter with a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// Its provider does not take what it is asked.
    Failing,
    /// It is going from one place to another.
    Moving,
    /// It has no place.
    Unplaced,
    /// Something of it is not ready yet.
    Waiting,
    /// It can be used.
    Ready,
}

/// A form of output, by the names of `kubectl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// The same with more columns.
    Wide,
    /// The objects as they are stored, in one JSON list.
    Json,
    /// The same as YAML.
    Yaml,
    /// One `<kind>.<group>/<name>` a line.
    Name,
}

impl Filter {
    fn wants(&self, running: &Running) -> bool {
        let any = |wanted: &[String], value: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted == value)
        };
        let (provider, region) = running.place.as_ref().map(Place::parts).unwrap_or_default();
        any(&self.product, &running.product)
            && any(&self.tier, &running.tier)
            && any(&self.cell, &running.cell)
            && any(&self.environment, &running.environment)
            && any(&self.provider, provider)
            && any(&self.region, region)
            && (self.state.is_empty() || self.state.iter().any(|state| state.is(running.state)))
    }

    /// A product that there is not has no workloads, which is not what was meant.
    fn check(&self, products: &[Named<ProductSpec>]) -> Result<(), CliError> {
        let names: Vec<&str> = products.iter().map(|product| product.name.as_str()).collect();
        match self.product.iter().find(|product| !names.contains(&product.as_str())) {
            None => Ok(()),
            Some(product) => {
                let hint = did_you_mean(product, names.iter().copied());
                let names = names.join(", ");
                let message = format!("there is no product {product:?}{hint}; there are {names}");
                Err(CliError::Input(message))
            }
        }
    }
}

impl StateArg {
    fn is(self, state: State) -> bool {
        let same = match self {
            StateArg::Failing => State::Failing,
            StateArg::Moving => State::Moving,
            StateArg::Unplaced => State::Unplaced,
            StateArg::Waiting => State::Waiting,
            StateArg::Ready => State::Ready,
        };
        same == state
    }
}

/// The workloads within a scope, in order of namespace, kind and name.
pub(super) struct Found {
    pub(super) workloads: Vec<(Running, Value)>,
    /// The only namespace that was looked at.
    pub(super) namespace: Option<String>,
}

impl ScopeArgs {
    /// Whether a cluster is asked.
    pub(super) fn is_live(&self) -> bool {
        self.fleet.is_empty()
    }

    /// Reads them; all namespaces' where none is named and `all` is the rule.
    pub(super) fn read(
        &self,
        opened: &Opened,
        all: bool,
        product: Option<&str>,
        err: &mut dyn Write,
    ) -> Result<Found, CliError> {
        let products = &opened.objects.products;
        let everywhere = all || self.all_namespaces;
        let (objects, namespace) = match &opened.cluster {
            Some(connected) if self.is_live() => {
                let of_context = (!everywhere).then(|| connected.namespace().to_owned());
                let namespace = self.namespace.clone().or(of_context);
                let asked = Asked {
                    namespace: namespace.as_deref(),
                    product,
                    selector: self.selector.as_deref(),
                };
                (cluster::workloads(connected, products, &asked, err)?, namespace)
            }
            _ => {
                let mut objects = Vec::new();
                for path in &self.fleet {
                    objects.extend(workloads::objects(path)?);
                }
                (objects, self.namespace.clone())
            }
        };
        let read = |object: Value| Some((Running::read(products, &object)?, object));
        let mut workloads: Vec<(Running, Value)> = objects.into_iter().filter_map(read).collect();
        if let Some(namespace) = &namespace {
            workloads.retain(|(running, _)| running.namespace == *namespace);
        }
        workloads.sort_by(|(a, _), (b, _)| {
            (&a.namespace, &a.kind, &a.name).cmp(&(&b.namespace, &b.kind, &b.name))
        });
        Ok(Found { workloads, namespace })
    }
}

pub(super) fn run(
    args: &GetArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let opened = args.catalog.open(args.scope.is_live(), err)?;
    args.filter.check(&opened.objects.products)?;
    let product = match args.filter.product.as_slice() {
        [one] => Some(one.as_str()),
        _ => None,
    };
    let Found { mut workloads, namespace } = args.scope.read(&opened, false, product, err)?;
    workloads.retain(|(running, _)| args.filter.wants(running));
    match args.output {
        Output::Json | Output::Yaml => {
            let items: Vec<Value> = workloads.into_iter().map(|(_, object)| object).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            if args.output == Output::Json {
                serde_json::to_writer_pretty(&mut *out, &list)?;
                writeln!(out)?;
            } else {
                out.write_all(crate::generate::to_yaml(std::slice::from_ref(&list))?.as_bytes())?;
            }
        }
        Output::Name => {
            for (running, _) in &workloads {
                writeln!(out, "{}", running.resource_name())?;
            }
        }
        Output::Table | Output::Wide if workloads.is_empty() => match namespace {
            Some(namespace) => writeln!(err, "No workloads found in namespace {namespace}.")?,
            None => writeln!(err, "No workloads found.")?,
        },
        Output::Table | Output::Wide => {
            let wide = args.output == Output::Wide;
            rows(out, &workloads, namespace.is_none(), wide, !args.no_headers)?;
        }
    }
    Ok(out.flush()?)
}

fn rows(
    out: &mut impl Write,
    workloads: &[(Running, Value)],
    namespaces: bool,
    wide: bool,
    headed: bool,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    if namespaces {
        head.push("NAMESPACE");
    }
    head.extend(["PRODUCT", "NAME", "TIER", "CELL", "ENVIRONMENT", "PLACE", "FAILOVER", "STATE"]);
    head.extend(["READY", "AGE"]);
    if wide {
        head.extend(["KIND", "DECISION", "LEAVING", "KEPT", "MESSAGE"]);
    }
    let row = |(running, _): &(Running, Value)| {
        let mut cells = Vec::new();
        if namespaces {
            cells.push(Cell::text(&running.namespace));
        }
        let Running { product, name, tier, cell, environment, .. } = running;
        cells.extend([product, name, tier, cell, environment].map(|text| Cell::text(text)));
        cells.push(Cell::text(&shown(running.place.as_slice())));
        cells.push(Cell::text(&shown(running.failover.as_slice())));
        cells.push(state(running.state));
        cells.push(Cell::text(if running.ready { "True" } else { "False" }));
        cells.push(Cell::text(&age::since(&running.created)));
        if wide {
            cells.push(Cell::text(&running.kind));
            cells.push(Cell::text(&running.sequence.to_string()));
            cells.push(Cell::text(&shown(&running.leaving)));
            cells.push(Cell::text(&shown(&running.kept)));
            cells.push(Cell::text(&table::line(&running.message)));
        }
        cells
    };
    let rows: Vec<Vec<Cell>> = workloads.iter().map(row).collect();
    table::columns(out, headed.then_some(head.as_slice()), &rows)
}

/// The word of a state, in its colour.
pub(super) fn state(state: State) -> Cell {
    match state {
        State::Failing | State::Unplaced => Cell::bad(state.word()),
        State::Moving | State::Waiting => Cell::odd(state.word()),
        State::Ready => Cell::text(state.word()),
    }
}

fn shown(places: &[Place]) -> String {
    places.iter().map(Place::to_string).collect::<Vec<_>>().join(",")
}
