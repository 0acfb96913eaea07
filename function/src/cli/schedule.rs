//! `idp schedule`: a stream of placement questions, one JSON object a line, and as many answers.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};

use idp_crds::record::{DecidedBy, FailoverTarget, Record};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use super::question::{CandidateInput, Input, Question};
use idp_core::schedule::{
    Candidate, Exclusion, PlacementQuery, Provenance, ScheduleError, Scheduler, State, Tier,
};

/// The longest line that is read, bytes. A longer one is answered with an error, unread.
const LONGEST_LINE: usize = 16 << 20;

/// Answers questions over one catalog.
#[derive(Debug)]
pub struct Answerer {
    candidates: Vec<Candidate>,
    tiers: BTreeMap<String, Tier>,
    /// For questions that bring nothing of their own: most of them.
    plain: Scheduler,
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
        let plain = Scheduler::new(candidates.clone(), tiers.clone(), State::default());
        Answerer { candidates, tiers, plain }
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

    fn decide(&self, input: Input) -> Outcome {
        let request = PlacementQuery {
            name: &input.request.name,
            tier: &input.request.tier,
            ha: input.request.ha.unwrap_or(false),
            exclude: Exclusion { providers: &input.exclude_providers, places: &[] },
            unfit: &[],
        };
        let own;
        let scheduler = if input.candidates.is_none() && input.state_is_empty() {
            &self.plain
        } else {
            let state = input.state();
            let candidates = input.candidates.as_ref().map_or_else(
                || self.candidates.clone(),
                |all| all.iter().map(CandidateInput::read).collect(),
            );
            own = Scheduler::new(candidates, self.tiers.clone(), state);
            &own
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
