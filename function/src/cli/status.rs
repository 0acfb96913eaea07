//! `idp status`: which clouds are well, what is where, and what is on its way or stuck.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use clap::{Args, ValueEnum};
use idp_core::catalog::Objects;
use idp_core::insight::Running;
use idp_core::insight::running::State;
use idp_crds::cloud_provider::CircuitState;
use idp_crds::status::Place;
use serde::Serialize;

use super::CliError;
use super::catalog::CatalogArgs;
use super::get::{self, Found, ScopeArgs};
use super::table::{self, Cell};

/// Show the state of a cluster, read with your own rights: the clouds' health and circuits, the
/// places with their load, and every workload that moves, waits or fails. Nothing is changed.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// How it is written to standard output.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people: the first of what is on its way or stuck.
    Text,
    /// JSON, with all of it.
    Json,
    /// The same as YAML.
    Yaml,
}

/// So many workloads are shown to people.
const MOST_SHOWN: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    providers: Vec<Provider>,
    places: Vec<PlaceStatus>,
    /// How many workloads there are in which state.
    workloads: BTreeMap<&'static str, usize>,
    /// Those that are not ready.
    unsettled: Vec<Running>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    name: String,
    /// The operator's switch.
    healthy: bool,
    circuit: CircuitState,
    /// Workloads that fail there now by its fault.
    failing: u32,
    /// Who tries the cloud while the circuit is half open.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<String>,
    places: usize,
    workloads: usize,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct PlaceStatus {
    place: String,
    /// Whether new workloads may go there: the switches and the circuits of the place and of its
    /// provider.
    open: bool,
    workloads: usize,
    ready: usize,
    /// How many are on the way to it.
    arriving: usize,
    /// How many are on the way from it.
    leaving: usize,
    /// How many have left something there.
    kept: usize,
}

pub(super) fn run(
    args: &StatusArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let mut opened = args.catalog.open(args.scope.is_live(), err)?;
    if let (Some(cluster), Some(_)) = (&opened.cluster, args.catalog.folder()) {
        // The circuits are the cluster's, whatever catalog is looked at.
        opened.objects.statuses = cluster.catalog()?.objects.statuses;
    }
    let Found { workloads, .. } = args.scope.read(&opened, true, None, err)?;
    let running = workloads.into_iter().map(|(running, _)| running).collect();
    let status = status(&opened.objects, running);
    match args.output {
        Output::Text => text(out, &status)?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut *out, &status)?;
            writeln!(out)?;
        }
        Output::Yaml => {
            let status = serde_json::to_value(&status)?;
            out.write_all(crate::generate::to_yaml(&[status])?.as_bytes())?;
        }
    }
    Ok(out.flush()?)
}

fn status(objects: &Objects, running: Vec<Running>) -> Status {
    let mut places: BTreeMap<Place, PlaceStatus> = BTreeMap::new();
    let mut clouds: BTreeSet<&str> = objects.providers.iter().map(|p| p.name.as_str()).collect();
    clouds.extend(objects.candidates.iter().map(|candidate| candidate.spec.provider.as_str()));
    let at = |provider: &str| running.iter().filter(|r| is_at(r, provider)).count();
    let provider = |name: &&str| {
        let spec = objects.providers.iter().find(|provider| provider.name == *name);
        let seen = objects.statuses.get(*name).cloned().unwrap_or_default();
        Provider {
            name: (*name).to_owned(),
            healthy: spec.is_none_or(|provider| provider.spec.healthy),
            circuit: seen.circuit.state,
            failing: seen.circuit.failing,
            probe: seen.probe.map(|probe| probe.holder),
            places: objects.candidates.iter().filter(|c| c.spec.provider == *name).count(),
            workloads: at(name),
        }
    };
    let providers: Vec<Provider> = clouds.iter().map(provider).collect();
    for candidate in &objects.candidates {
        let spec = &candidate.spec;
        let cloud = providers.iter().find(|provider| provider.name == spec.provider);
        let circuits = objects.statuses.get(&spec.provider);
        let closed = circuits.is_none_or(|c| c.state_at(&spec.region) != CircuitState::Open);
        let open = spec.healthy && closed && cloud.is_none_or(|cloud| cloud.healthy);
        let place = Place::new(&spec.provider, &spec.region);
        places.insert(place, PlaceStatus { open, ..PlaceStatus::default() });
    }
    let mut workloads = BTreeMap::new();
    for workload in &running {
        *workloads.entry(workload.state.word()).or_default() += 1;
        for place in &workload.leaving {
            places.entry(place.clone()).or_default().leaving += 1;
        }
        for place in &workload.kept {
            places.entry(place.clone()).or_default().kept += 1;
        }
        if let Some(place) = &workload.place {
            let here = places.entry(place.clone()).or_default();
            here.workloads += 1;
            here.ready += usize::from(workload.ready);
            here.arriving += usize::from(workload.state == State::Moving);
        }
    }
    let named =
        |(place, status): (Place, PlaceStatus)| PlaceStatus { place: place.to_string(), ..status };
    let mut unsettled: Vec<Running> =
        running.into_iter().filter(|running| running.state != State::Ready).collect();
    unsettled.sort_by_key(|running| running.state);
    Status { providers, places: places.into_iter().map(named).collect(), workloads, unsettled }
}

fn is_at(running: &Running, provider: &str) -> bool {
    running.place.as_ref().is_some_and(|place| place.provider == provider)
}

fn text(out: &mut impl Write, status: &Status) -> std::io::Result<()> {
    let count = |count: usize| Cell::text(&count.to_string());
    let provider = |provider: &Provider| {
        let circuit = match (provider.circuit, &provider.probe) {
            (CircuitState::Closed, _) => Cell::text("closed"),
            (CircuitState::Open, _) => Cell::bad("open"),
            (CircuitState::HalfOpen, None) => Cell::odd("half-open"),
            (CircuitState::HalfOpen, Some(holder)) => {
                Cell::odd(&format!("half-open, tried by {holder}"))
            }
        };
        let healthy = if provider.healthy { Cell::text("yes") } else { Cell::bad("no") };
        let failing = Cell::text(&provider.failing.to_string());
        let name = Cell::text(&provider.name);
        vec![name, healthy, circuit, failing, count(provider.places), count(provider.workloads)]
    };
    let rows: Vec<Vec<Cell>> = status.providers.iter().map(provider).collect();
    let head = ["PROVIDER", "HEALTHY", "CIRCUIT", "FAILING", "PLACES", "WORKLOADS"];
    table::columns(out, Some(&head), &rows)?;
    writeln!(out)?;
    let place = |place: &PlaceStatus| {
        let open = if place.open { Cell::text("yes") } else { Cell::bad("no") };
        let mut row = vec![Cell::text(&place.place), open];
        let PlaceStatus { workloads, ready, arriving, leaving, kept, .. } = place;
        row.extend([workloads, ready, arriving, leaving, kept].map(|number| count(*number)));
        row
    };
    let rows: Vec<Vec<Cell>> = status.places.iter().map(place).collect();
    let head = ["PLACE", "OPEN", "WORKLOADS", "READY", "ARRIVING", "LEAVING", "KEPT"];
    table::columns(out, Some(&head), &rows)?;
    let of = |word: &str| status.workloads.get(word).copied().unwrap_or_default();
    let states = [State::Ready, State::Moving, State::Waiting, State::Unplaced, State::Failing];
    let counts: Vec<String> =
        states.iter().map(|state| format!("{} {}", of(state.word()), state.word())).collect();
    let all: usize = status.workloads.values().sum();
    writeln!(out, "\n{all} workloads: {}", counts.join(", "))?;
    if status.unsettled.is_empty() {
        return Ok(());
    }
    let unsettled = |running: &Running| {
        let place = running.place.as_ref().map(ToString::to_string).unwrap_or_default();
        let way = running.leaving.iter().map(|from| format!("{from} -> ")).collect::<String>();
        vec![
            get::state(running.state),
            Cell::text(&running.full_name()),
            Cell::text(&format!("{way}{place}")),
            Cell::text(&table::line(&running.message)),
        ]
    };
    let rows: Vec<Vec<Cell>> = status.unsettled.iter().take(MOST_SHOWN).map(unsettled).collect();
    writeln!(out)?;
    table::columns(out, Some(&["STATE", "WORKLOAD", "PLACE", "MESSAGE"]), &rows)?;
    let more = status.unsettled.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        writeln!(out, "and {more} more: -o json has them all")?;
    }
    Ok(())
}
