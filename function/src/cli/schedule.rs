//! `idp schedule`: a stream of placement questions, one JSON object a line, and as many answers.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use idp_crds::json::to_vec;
use idp_crds::record::{DecidedBy, FailoverTarget, Record};
use indexmap::IndexMap;
use lru::LruCache;
use serde::Serialize;
use serde_json::Value;

use super::question::{CandidateInput, Input, Question};
use idp_core::schedule::{
    Candidate, Exclusion, PlacementQuery, Provenance, ScheduleError, Scheduler, State, Tier,
};

/// The longest line that is read, bytes. A longer one is answered with an error, unread.
const LONGEST_LINE: usize = 16 << 20;
/// How many states are kept with what decides by them, each with its rankings of all candidates: what
/// a cloud's failure brings along, and the experiments that run.
const MOST_STATES: NonZeroUsize = NonZeroUsize::new(64).expect("not 0");

/// The largest state that is kept, bytes as JSON. One larger decides for its own line only.
const LARGEST_KEPT: usize = 64 << 10;

/// Answers questions over one catalog.
#[derive(Debug)]
pub struct Answerer {
    candidates: Arc<[Candidate]>,
    tiers: BTreeMap<String, Tier>,
    /// For questions that bring nothing of their own: most of them.
    plain: Scheduler,
    /// For those that bring health, circuits, flags or experiments, by the state that these make up:
    /// the same ones come again and again.
    by_state: Mutex<LruCache<Vec<u8>, Arc<Scheduler>>>,
}

/// How many lines were answered, and how many of them with an error in the line itself (not in the
/// decision).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Lines answered.
    pub answered: u64,
    /// Lines that could not be read.
    pub bad: u64,
}

impl Answerer {
    /// Over these candidates, in their order, and tiers.
    #[must_use]
    pub fn new(candidates: Vec<Candidate>, tiers: BTreeMap<String, Tier>) -> Self {
        let candidates: Arc<[Candidate]> = candidates.into();
        let plain = Scheduler::new(Arc::clone(&candidates), tiers.clone(), State::default());
        Answerer { candidates, tiers, plain, by_state: Mutex::new(LruCache::new(MOST_STATES)) }
    }

    /// Over a scheduler's candidates and tiers, without its state: each question brings its own.
    #[must_use]
    pub fn of(scheduler: &Scheduler) -> Self {
        let tiers = scheduler
            .tier_names()
            .filter_map(|name| Some((name.to_owned(), scheduler.tier(name)?.clone())));
        Answerer::new(scheduler.candidates().to_vec(), tiers.collect())
    }

    /// Reads questions until the end of input and writes an answer to each, in order. What has been
    /// answered is flushed whenever the next question is not there yet, so that a program may ask
    /// one at a time.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn stream<R: Read>(
        &self,
        mut input: BufReader<R>,
        mut output: impl Write,
    ) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut line = Vec::new();
        let mut number = 0_u64;
        while let Some(within_limit) = read_line(&mut input, &mut line)? {
            number += 1;
            if line.iter().all(u8::is_ascii_whitespace) && within_limit {
                continue;
            }
            let answer = if within_limit {
                self.answer(number, &line)
            } else {
                Answer::unreadable(number, format!("is longer than {LONGEST_LINE} bytes"))
            };
            tally.answered += 1;
            tally.bad += u64::from(matches!(
                answer.outcome,
                Outcome::Error { error: Failure::InvalidInput { .. } }
            ));
            let mut serializer =
                serde_json::Serializer::with_formatter(&mut output, idp_crds::json::Ascii);
            answer.serialize(&mut serializer)?;
            output.write_all(b"\n")?;
            if input.buffer().is_empty() {
                // Whoever asks may be waiting for this answer before asking on.
                output.flush()?;
            }
        }
        output.flush()?;
        Ok(tally)
    }

    /// Answers one line.
    fn answer(&self, number: u64, line: &[u8]) -> Answer {
        let question: Question = match serde_json::from_slice(line) {
            Ok(question) => question,
            Err(error) => return Answer::unreadable(number, error.to_string()),
        };
        let id = question.id;
        if question.kind != "schedule" {
            return Answer::invalid(
                id,
                number,
                format!("kind: must be \"schedule\", not {:?}", question.kind),
            );
        }
        let input: Input = match serde_json::from_str(question.input.get()) {
            Ok(input) => input,
            Err(error) => return Answer::invalid(id, number, format!("input: {error}")),
        };
        let problems = input.problems();
        if !problems.is_empty() {
            return Answer::invalid(id, number, problems.join("; "));
        }
        Answer { id, outcome: self.decide(input) }
    }

    /// What decides by this state.
    fn of_state(&self, state: State) -> Arc<Scheduler> {
        let key = to_vec(&state);
        let make = || {
            let candidates = Arc::clone(&self.candidates);
            Arc::new(Scheduler::new(candidates, self.tiers.clone(), state))
        };
        if key.len() > LARGEST_KEPT {
            return make();
        }
        // Entries are whole or not there.
        let mut kept = self.by_state.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.get_or_insert(key, make))
    }

    fn decide(&self, input: Input) -> Outcome {
        let request = PlacementQuery {
            name: &input.request.name,
            tier: &input.request.tier,
            ha: input.request.ha.unwrap_or(false),
            exclude: Exclusion { providers: &input.exclude_providers, places: &[] },
            unfit: &[],
        };
        let own;
        let scheduler = match &input.candidates {
            None if input.state_is_empty() => &self.plain,
            None => {
                own = self.of_state(input.state());
                &*own
            }
            Some(candidates) => {
                let candidates: Vec<Candidate> =
                    candidates.iter().map(CandidateInput::read).collect();
                own = Arc::new(Scheduler::new(candidates, self.tiers.clone(), input.state()));
                &*own
            }
        };
        match scheduler.decide(&request) {
            Ok(decision) => {
                let reason = decision.record(Provenance::first(DecidedBy::Function));
                Outcome::Placed {
                    placement: Placement {
                        provider: reason.selected.provider.clone(),
                        region: reason.selected.region.clone(),
                        runtime_cluster: reason.selected.runtime_cluster.clone(),
                        network: reason.network.clone(),
                    },
                    failover: reason.failover.clone().map(Box::new),
                    reason: Box::new(reason),
                }
            }
            Err(error) => Outcome::Error { error: Failure::Schedule(error) },
        }
    }
}

/// Reads one line into `line`, without its end. `None` at the end of input; `Some(false)` for a
/// line above the limit, which is skipped.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let mut within_limit = true;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok((!line.is_empty() || !within_limit).then_some(within_limit));
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (part, used) = match end {
            Some(at) => (buffer.split_at(at).0, at + 1),
            None => (buffer, buffer.len()),
        };
        if line.len() + part.len() > LONGEST_LINE {
            within_limit = false;
            line.clear();
        }
        if within_limit {
            line.extend_from_slice(part);
        }
        input.consume(used);
        if end.is_some() {
            return Ok(Some(within_limit));
        }
    }
}

#[derive(Serialize)]
struct Answer {
    id: Value,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Placed { placement: Placement, reason: Box<Record>, failover: Option<Box<FailoverTarget>> },
    Error { error: Failure },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Failure {
    Schedule(ScheduleError),
    InvalidInput { kind: &'static str, message: String, line: u64 },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    provider: String,
    region: String,
    runtime_cluster: String,
    network: IndexMap<String, Value>,
}

impl Answer {
    fn invalid(id: Value, line: u64, message: String) -> Self {
        let failure = Failure::InvalidInput { kind: "invalid_input", message, line };
        Answer { id, outcome: Outcome::Error { error: failure } }
    }

    /// A line that is not a question at all, and so has no id.
    fn unreadable(line: u64, message: String) -> Self {
        Answer::invalid(Value::Null, line, format!("line {line}: {message}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use idp_core::catalog::{Catalog, embedded};

    fn answers(answerer: &Answerer, lines: &[Value]) -> Vec<String> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut output = Vec::new();
        answerer.stream(BufReader::new(text.as_bytes()), &mut output).unwrap();
        String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_was_asked_before_changes_no_answer() {
        let catalog = Catalog::strict(embedded().unwrap()).unwrap();
        let answerer = || Answerer::of(catalog.scheduler());
        let experiment = |share: f64| json!([{"id": "cheap", "tier": "*", "variant_weights": {"cost": 1.0}, "traffic_percentage": share, "enabled": true}]);
        let states = [
            json!({}),
            json!({"health": {"aws": false}}),
            json!({"health": {"aws": true}}),
            json!({"circuit": {"aws": {"failures": 9, "age_seconds": 1.0}}}),
            json!({"circuit": {"gcp": {"failures": 9, "age_seconds": 1.5}}}),
            json!({"circuit": {"aws": {"failures": 9, "age_seconds": 1e6}}, "health": {"oci": false}}),
            json!({"flags": {"cost_optimization": true}}),
            json!({"flags": {"other": true}}),
            json!({"experiments": experiment(1.0)}),
            json!({"experiments": experiment(0.5)}),
        ];
        let lines: Vec<Value> = (0..400)
            .map(|at| {
                let mut input = states[at % states.len()].clone();
                input["request"] = json!({"name": format!("w{}", at / 3), "tier": "medium"});
                // More states than are kept.
                if at % 7 == 0 {
                    input["flags"] = json!({format!("flag-{at}"): true});
                }
                json!({"id": at, "kind": "schedule", "input": input})
            })
            .collect();
        let one = answerer();
        let together = answers(&one, &lines);
        let apart: Vec<String> = lines
            .iter()
            .flat_map(|line| answers(&answerer(), std::slice::from_ref(line)))
            .collect();
        assert_eq!(together, apart);
        assert!(together.iter().all(|answer| answer.contains("placement")), "{together:?}");
        assert_eq!(one.by_state.lock().unwrap().len(), 64, "bounded");
    }
}
