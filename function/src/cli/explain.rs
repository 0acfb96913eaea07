//! `idp explain`: why here, and what would have to change for another place.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use idp_core::catalog::Catalog;
use idp_core::insight::{Explanation, Question, Workload, explain, picture, replay};
use idp_core::schedule::Candidate;
use idp_crds::contract::did_you_mean;
use idp_crds::history::{self, History};
use idp_crds::json::float;
use idp_crds::names::HISTORY;
use idp_crds::record::{DecidedBy, Record};
use idp_crds::status::Place;
use serde::Serialize;
use serde_json::{Value, json};

use super::catalog::{CatalogArgs, Opened};
use super::{CliError, workloads};
use crate::live::workloads::Happened;

/// Explain a placement: why here, and for every other place what is missing and the smallest change
/// that would let it win. Nothing is changed, and nothing contacted but the cluster that is asked for.
///
/// `idp explain KIND NAMESPACE/NAME` asks the cluster, with your own rights: for the workload, for its
/// catalog, and for the events that it still has; the history that the workload carries is told with
/// them. KIND is what `kubectl get` takes.
///
/// Every change that is named was tried: with it alone the decision falls on that place. Scores and
/// weights are tried in steps of 0.001; when a weight changes, the others share the rest in
/// proportion.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Files with claims, composite resources or decision records, `-` for standard input; what
    /// `kubectl get … -o yaml` prints will do. Or KIND and NAMESPACE/NAME of a workload in the cluster.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The namespace of KIND NAME, instead of the context's.
    #[arg(long, short, value_name = "NAMESPACE", help_heading = "Cluster")]
    namespace: Option<String>,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// Tell of this place only: why not there?
    #[arg(long, value_name = "PROVIDER/REGION")]
    place: Option<String>,
    /// How it is written to standard output.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object, `items` of which explains one workload each.
    Json,
    /// A picture (SVG) of one workload: a row a place, bars of weighted scores.
    Svg,
}

/// What is explained: a question, and the decision that has been recorded.
struct Subject {
    title: String,
    question: Question,
    record: Option<Record>,
    history: Vec<Happened>,
}

/// A recorded decision beside what is decided now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    place: String,
    sequence: u64,
    decided_by: DecidedBy,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    catalog: String,
    /// Whether it was made from this catalog.
    same_catalog: bool,
    /// Whether the same place is selected now.
    same_place: bool,
}

/// So many of the latest events are told to people.
const MOST_EVENTS: usize = 10;

pub(super) fn run(
    args: &ExplainArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let wanted = in_cluster(&args.files);
    let opened = args.catalog.open(wanted.is_some(), err)?;
    let catalog = &opened.catalog;
    let only = args.place.as_deref().map(|place| known_place(catalog, place)).transpose()?;
    let mut subjects = Vec::new();
    if let Some((kind, name)) = wanted {
        subjects.push(live_subject(&opened, kind, args.namespace.as_deref(), name)?);
    } else {
        for path in &args.files {
            for object in workloads::objects(path)? {
                subjects.push(subject(catalog, &workloads::title(path, &object), &object)?);
            }
        }
    }
    if args.output == Output::Svg && subjects.len() != 1 {
        let message = format!("a picture shows one workload, and these are {}", subjects.len());
        return Err(CliError::Input(message));
    }
    let mut items = Vec::new();
    for subject in &subjects {
        let explanation = explain(catalog.scheduler(), &subject.question, only.as_ref());
        let recorded = subject.record.as_ref().map(|record| recorded(record, &explanation));
        match args.output {
            Output::Text => {
                text(out, &subject.title, recorded.as_ref(), &explanation)?;
                events(out, &subject.history)?;
            }
            Output::Svg => out.write_all(picture::svg(&explanation).as_bytes())?,
            Output::Json => items.push(json!({
                "workload": subject.title, "recorded": recorded, "explanation": explanation,
                "history": subject.history,
            })),
        }
    }
    if args.output == Output::Json {
        serde_json::to_writer_pretty(&mut *out, &json!({"items": items}))?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}

/// Kind and name, where that is what the arguments are: two, and the first is no file.
fn in_cluster(files: &[PathBuf]) -> Option<(&str, &str)> {
    let [kind, name] = files else { return None };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let is_file = |path: &PathBuf| {
        path.exists() || path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
    };
    let (kind_text, name_text) = (kind.to_str()?, name.to_str()?);
    let is_kind = kind_text.chars().all(is_word) && !is_file(kind) && !is_file(name);
    is_kind.then_some((kind_text, name_text))
}

/// A workload of the cluster, and what has happened to it.
fn live_subject(
    opened: &Opened,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
) -> Result<Subject, CliError> {
    let Some(cluster) = &opened.cluster else {
        return Err(CliError::Input("no cluster is asked".to_owned()));
    };
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (namespace, name),
        None => (namespace.unwrap_or(cluster.namespace()), name),
    };
    let products = &opened.objects.products;
    let Some(object) = cluster.workload(products, kind, namespace, name)? else {
        let kinds = products.iter().flat_map(|product| product.spec.api.kinds());
        let kinds: Vec<String> = kinds.map(|(_, kind)| kind.to_lowercase()).collect();
        let hint = did_you_mean(&kind.to_lowercase(), kinds.iter().map(String::as_str));
        return Err(CliError::Input(format!(
            "{kind:?} is neither a file nor a kind of the catalog's products{hint}; they are {}",
            kinds.join(", ")
        )));
    };
    let mut subject = subject(&opened.catalog, &workloads::name("the cluster", &object), &object)?;
    subject.history.extend(cluster.happened(&object));
    subject.history.sort_by(|a, b| a.time.cmp(&b.time));
    Ok(subject)
}

/// The history that a workload carries.
fn written(object: &Value) -> Vec<Happened> {
    let text = object.pointer("/metadata/annotations").and_then(|all| all.get(HISTORY)?.as_str());
    let history = text.and_then(History::parse).unwrap_or_default();
    let happened = |one: &history::Happened| Happened {
        time: one.at.clone().unwrap_or_default(),
        reason: one.event.name().to_owned(),
        message: one.words(),
    };
    history.all().iter().map(happened).collect()
}

fn known_place(catalog: &Catalog, place: &str) -> Result<Place, CliError> {
    let candidates = catalog.scheduler().candidates();
    let known: Vec<Place> = candidates.iter().map(Candidate::place).collect();
    if let Some(known) = known.iter().find(|known| known.to_string() == place) {
        return Ok(known.clone());
    }
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    let hint = did_you_mean(place, known.iter().map(String::as_str));
    let known = known.join(", ");
    Err(CliError::Input(format!("there is no place {place:?}{hint}; there are {known}")))
}

/// What an object asks for. A placed one is asked as its recorded decision was: without what that
/// was to leave.
fn subject(catalog: &Catalog, title: &str, object: &Value) -> Result<Subject, CliError> {
    let scheduler = catalog.scheduler();
    let refused = |reasons| CliError::refused(title, reasons);
    match Workload::read(catalog, object).map_err(refused)? {
        Some(workload) => {
            let (shown, mut question) = (workload.to_string(), workload.question);
            let record = workload.record.map(|record| *record);
            let asked = record.as_ref().and_then(|record| replay::question(scheduler, record));
            if let Some(asked) = asked {
                let not_offered = &question.not_offered;
                let is_offered = |provider: &String| !not_offered.contains(provider);
                let leave = asked.leave.into_iter().filter(is_offered).collect();
                let not_to =
                    asked.not_to.into_iter().filter(|place| is_offered(&place.provider)).collect();
                (question.leave, question.not_to) = (leave, not_to);
                question.unfit = asked.unfit;
            }
            Ok(Subject { title: shown, question, record, history: written(object) })
        }
        None => {
            // A record, or a line that `idp schedule` has answered.
            let record = object.get("reason").unwrap_or(object);
            if record.get("selected").is_none() {
                let kinds: Vec<&str> =
                    catalog.products().iter().map(|p| p.spec.api.claim_kind.as_str()).collect();
                let message = format!(
                    "is neither a workload of this catalog's products ({}) nor a decision record",
                    kinds.join(", ")
                );
                return Err(refused(vec![message]));
            }
            let record = Record::parse(&record.to_string())
                .map_err(|error| refused(vec![format!("is no decision record: {error}")]))?;
            let question = replay::question(scheduler, &record).ok_or_else(|| {
                let message = "no workload is on its side of the experiment in force now";
                refused(vec![message.to_owned()])
            })?;
            let title = "a recorded decision".to_owned();
            Ok(Subject { title, question, record: Some(record), history: Vec::new() })
        }
    }
}

fn recorded(record: &Record, explanation: &Explanation) -> Recorded {
    let place = record.place();
    Recorded {
        sequence: record.sequence,
        decided_by: record.decided_by,
        previous: record
            .previous
            .as_ref()
            .map(|from| format!("{}/{} (decision {})", from.provider, from.region, from.sequence)),
        same_catalog: record.catalog == explanation.catalog,
        same_place: explanation.selected.as_ref() == Some(&place),
        catalog: record.catalog.clone(),
        place: place.to_string(),
    }
}

fn text(
    out: &mut impl Write,
    title: &str,
    recorded: Option<&Recorded>,
    explanation: &Explanation,
) -> std::io::Result<()> {
    let Explanation { tier, ha, gates, weights, .. } = explanation;
    writeln!(out, "{title} (tier {tier}{})", if *ha { ", ha" } else { "" })?;
    if let Some(recorded) = recorded {
        history(out, recorded)?;
    }
    match (&explanation.selected, &explanation.refused) {
        (Some(place), _) => writeln!(out, "  goes to {place}")?,
        (None, why) => writeln!(out, "  has no place: {}", why.as_deref().unwrap_or_default())?,
    }
    margin(out, explanation)?;
    let target = explanation.failover.as_ref().map(ToString::to_string);
    writeln!(out, "  would fail over to {}", target.as_deref().unwrap_or("no place"))?;
    let weights: Vec<String> =
        weights.iter().map(|(name, weight)| format!("{name} {}", short(*weight))).collect();
    writeln!(out, "  needs {}; weighs {}", listed(gates), weights.join(", "))?;
    if let Some(experiment) = &explanation.experiment {
        writeln!(out, "  experiment {}: {:?}", experiment.experiment_id, experiment.group)?;
    }
    for row in &explanation.places {
        let rank = row.rank.map_or_else(|| "-".to_owned(), |rank| format!("{rank}."));
        let parts: Vec<String> = row
            .parts
            .iter()
            .map(|part| format!("{} {}", part.dimension, short(part.weighted)))
            .collect();
        let place = row.place.to_string();
        writeln!(out, "  {rank:<3} {place:<24} {:<7} = {}", float(row.total), parts.join(" + "))?;
        let behind = match row.behind {
            behind if behind > 0.0 => format!("{} behind", float(behind)),
            behind if behind < 0.0 => format!("{} ahead", float(-behind)),
            _ => "as good".to_owned(),
        };
        match &row.rejected {
            Some(why) if explanation.selected.is_some() => {
                writeln!(out, "      {}: {}; by its scores {behind}", why.token, why.words)?;
            }
            Some(why) => writeln!(out, "      {}: {}", why.token, why.words)?,
            None if row.rank == Some(1) => {}
            None => writeln!(out, "      {behind}")?,
        }
        if row.rank == Some(1) {
            continue;
        }
        for change in &row.changes {
            writeln!(out, "      would win if: {change}")?;
        }
        if row.changes.is_empty() {
            writeln!(out, "      no single change lets it win")?;
        }
    }
    Ok(())
}

fn history(out: &mut impl Write, recorded: &Recorded) -> std::io::Result<()> {
    let by = match recorded.decided_by {
        DecidedBy::Admission => "admission",
        DecidedBy::Function => "the function",
    };
    let from = recorded.previous.as_ref().map(|from| format!(", from {from}"));
    writeln!(
        out,
        "  is at {} by decision {} of {by}{}",
        recorded.place,
        recorded.sequence.max(1),
        from.unwrap_or_default()
    )?;
    let catalog = if recorded.same_catalog { "this catalog" } else { "another catalog" };
    let now = if recorded.same_place { "the same place" } else { "another place" };
    writeln!(out, "  decided by {catalog}; decided anew, without moving it, it is {now}:")
}

/// What it carries, and what the cluster still knows of it, the latest at the end.
fn events(out: &mut impl Write, history: &[Happened]) -> std::io::Result<()> {
    if history.is_empty() {
        return Ok(());
    }
    writeln!(out, "  what has happened to it:")?;
    let first = history.len().saturating_sub(MOST_EVENTS);
    for Happened { time, reason, message } in history.iter().skip(first) {
        let time = if time.is_empty() { "(no time)" } else { time };
        writeln!(out, "      {time} {reason}: {}", message.trim())?;
    }
    Ok(())
}

fn margin(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    let Some(margin) = &explanation.margin else { return Ok(()) };
    match &margin.runner_up {
        None => writeln!(out, "  the only place that passes")?,
        Some(place) if margin.by == 0.0 => {
            writeln!(out, "  ties with {place}: only their order decides")?;
        }
        Some(place) => writeln!(out, "  wins by {} over {place}", float(margin.by))?,
    }
    for flip in &margin.flips {
        let winner = flip.winner.as_ref().map_or("no place".to_owned(), ToString::to_string);
        writeln!(out, "      unseated if: {}; then {winner}", flip.change)?;
    }
    Ok(())
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn short(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
