//! `idp replay`: whether records are what this catalog gives, byte for byte.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use idp_core::insight::replay::{Verdict, replay};
use idp_core::schedule::Scheduler;
use idp_crds::names::PLACEMENT_REASON;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::catalog::CatalogArgs;
use super::{CliError, input};

/// Decide anew what records say was decided, and compare the bytes: the same, or which input differs.
///
/// Each line is a decision record, a JSON string with one (the annotation's value), a workload that
/// carries one, or an answer of `idp schedule`. For each line that is not the same, a line of JSON is
/// written: `{"line":…,"id":…,"verdict":"differs","differences":[{"input":…,"path":…,"recorded":…,"now":…}]}`;
/// `undecided` and `unreadable` come with `why`. The last line counts.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Files of JSON lines, `-` for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    catalog: CatalogArgs,
}

/// The longest line that is read, bytes.
const LONGEST_LINE: u64 = 16 << 20;
/// So many verdicts are remembered: most workloads' records are the same bytes.
const MOST_REMEMBERED: usize = 4096;

/// How many lines there were of each verdict.
#[derive(Debug, Default)]
struct Tally {
    same: u64,
    others: u64,
    /// Answers of `idp schedule` without a decision.
    undecided_then: u64,
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(default)]
    id: Option<Value>,
    #[serde(borrow, default)]
    reason: Option<&'l RawValue>,
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    selected: Option<IgnoredAny>,
    #[serde(default)]
    metadata: Option<Value>,
}

pub(super) fn run(
    args: &ReplayArgs,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<(), CliError> {
    let catalog = args.catalog.load(err)?;
    let mut tally = Tally::default();
    for path in &args.files {
        if path == Path::new("-") {
            stream(catalog.scheduler(), path, io::stdin().lock(), out, &mut tally)?;
        } else {
            let file = std::fs::File::open(path).map_err(|error| {
                CliError::Input(format!("cannot read {}: {error}", path.display()))
            })?;
            stream(catalog.scheduler(), path, file, out, &mut tally)?;
        }
    }
    let Tally { same, others, undecided_then } = tally;
    writeln!(
        out,
        "{}",
        json!({"same": same, "others": others, "withoutDecision": undecided_then})
    )?;
    out.flush()?;
    if others > 0 {
        let reason = format!("{others} of {} are not what this catalog gives", same + others);
        return Err(CliError::refused("the records differ", vec![reason]));
    }
    Ok(())
}

fn stream(
    scheduler: &Scheduler,
    path: &Path,
    input: impl Read,
    out: &mut impl Write,
    tally: &mut Tally,
) -> Result<(), CliError> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut line = Vec::new();
    let mut remembered: HashMap<String, Verdict> = HashMap::new();
    for number in 1_u64.. {
        line.clear();
        let length = input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if length as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            let origin = input::origin(path);
            let message = format!("{origin}: line {number} is longer than {LONGEST_LINE} bytes");
            return Err(CliError::Input(message));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let (id, verdict) = match record(&line) {
            Ok((_, None)) => {
                tally.undecided_then += 1;
                continue;
            }
            Ok((id, Some(text))) => {
                let known = remembered.get(text.as_str()).cloned();
                let verdict = known.unwrap_or_else(|| {
                    let verdict = replay(scheduler, &text);
                    if remembered.len() < MOST_REMEMBERED {
                        remembered.insert(text, verdict.clone());
                    }
                    verdict
                });
                (id, verdict)
            }
            Err(why) => (None, Verdict::Unreadable { why }),
        };
        if verdict == Verdict::Same {
            tally.same += 1;
            continue;
        }
        tally.others += 1;
        let mut shown = json!({"line": number, "id": id});
        if let (Some(shown), Value::Object(verdict)) =
            (shown.as_object_mut(), serde_json::to_value(&verdict)?)
        {
            shown.extend(verdict);
        }
        writeln!(out, "{shown}")?;
    }
    Ok(())
}

/// A line's id, and the text of its record; none for an answer that is no decision.
fn record(line: &[u8]) -> Result<(Option<Value>, Option<String>), String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?.trim();
    if text.starts_with('"') {
        let record = serde_json::from_str(text).map_err(|error| error.to_string())?;
        return Ok((None, Some(record)));
    }
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(reason) = line.reason {
        return Ok((line.id, Some(reason.get().to_owned())));
    }
    if line.selected.is_some() {
        return Ok((line.id, Some(text.to_owned())));
    }
    let metadata = line.metadata.unwrap_or_default();
    if let Some(reason) = metadata.pointer("/annotations").and_then(|all| all.get(PLACEMENT_REASON))
    {
        let name = metadata.get("name").cloned();
        return Ok((name, reason.as_str().map(str::to_owned)));
    }
    if line.error.is_some() {
        return Ok((line.id, None));
    }
    Err("holds no decision record".to_owned())
}
