//! Whether a record is what this catalog gives, byte for byte, and if not, which input differs.

use std::collections::BTreeSet;

use idp_crds::record::{Group, Record};
use idp_crds::status::Place;
use serde::Serialize;
use serde_json::Value;

use super::Question;
use super::question::name_on;
use crate::schedule::{Candidate, Lack, Provenance, Scheduler, gates};

/// The most differences that are told of one record.
const MOST_DIFFERENCES: usize = 20;
/// No input: the record was altered, or another version wrote it.
const OWN_TEXT: &str = "the record's own text";

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum Verdict {
    /// The same bytes.
    Same,
    /// Other bytes.
    Differs {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// Nothing can be decided by this catalog.
    Undecided {
        /// Why.
        why: String,
    },
    /// It is no record.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The input that it comes from.
    pub input: String,
    /// Where in the record.
    pub path: String,
    /// What the record says.
    pub recorded: Value,
    /// What would be recorded now.
    pub now: Value,
}

/// Decides anew what `text` records.
#[must_use]
pub fn replay(scheduler: &Scheduler, text: &str) -> Verdict {
    let record = match Record::parse(text) {
        Ok(record) => record,
        Err(error) => return Verdict::Unreadable { why: error.to_string() },
    };
    let Some(question) = question(scheduler, &record) else {
        let why = "no workload is on its side of the experiment in force now".to_owned();
        return Verdict::Undecided { why };
    };
    let decided = match record.previous {
        Some(_) => question.relocate(scheduler),
        None => question.decide(scheduler),
    };
    let decision = match decided {
        Ok(decision) => decision,
        Err(error) => return Verdict::Undecided { why: error.to_string() },
    };
    let now = decision.record(Provenance {
        sequence: record.sequence,
        previous: record.previous.clone(),
        excluded_providers: record.excluded_providers.clone(),
        decided_by: record.decided_by,
    });
    if now.to_annotation() == text {
        Verdict::Same
    } else {
        Verdict::Differs { differences: differences(&record, &now) }
    }
}

/// The question that a record answers. The record does not hold the name, but the side of the
/// experiment that it was on; of what was left out it tells by `excluded`.
#[must_use]
pub fn question(scheduler: &Scheduler, record: &Record) -> Option<Question> {
    let side = record.experiment.as_ref().map_or(Group::Control, |experiment| experiment.group);
    let name = name_on(scheduler, &record.tier, side)?;
    let mut question = Question::new(&name, &record.tier, record.ha_enforced);
    question.leave.clone_from(&record.excluded_providers);
    let is_excluded = |place: &Place| {
        record.rejected.get(&place.to_string()).is_some_and(|why| why == "excluded")
    };
    let mut left_out: BTreeSet<&str> = BTreeSet::new();
    let mut partly: BTreeSet<&str> = BTreeSet::new();
    let mut told = 0;
    for candidate in scheduler.candidates() {
        let place = candidate.place();
        told += usize::from(record.rejected.contains_key(&place.to_string()));
        question.unfit.extend(lack(record, candidate).map(|lack| (place.clone(), lack)));
        if is_excluded(&place) {
            left_out.insert(&candidate.provider);
            question.not_to.push(place);
        } else if told < Record::MOST_REJECTED {
            partly.insert(&candidate.provider);
        }
    }
    if record.rejected.len() >= Record::MOST_REJECTED {
        // The record tells of so many only: a provider that was left out as far as it tells was
        // left out as a whole.
        question.leave.extend(left_out.difference(&partly).map(|name| (*name).to_owned()));
    }
    Some(question)
}

/// What `candidate` lacked for the product then, although it has what the tier requires.
fn lack(record: &Record, candidate: &Candidate) -> Option<Lack> {
    let words = record.rejected.get(&candidate.place().to_string())?.strip_prefix("lacks ")?;
    let list = |words: &str| words.split(", ").map(str::to_owned).collect();
    if let Some((missing, product)) = words.rsplit_once(" for ") {
        return Some(Lack::Settings { product: product.to_owned(), missing: list(missing) });
    }
    gates::passes(candidate, &record.gates).then(|| Lack::Capabilities(list(words)))
}

fn differences(recorded: &Record, now: &Record) -> Vec<Difference> {
    let mut found = Vec::new();
    if let (Ok(recorded), Ok(now)) = (serde_json::to_value(recorded), serde_json::to_value(now)) {
        compare("", &recorded, &now, &mut found);
    }
    if found.is_empty() {
        // The same content in other bytes: keys in another order, or unknown ones.
        found.push((String::new(), Value::Null, Value::Null));
    }
    found.truncate(MOST_DIFFERENCES);
    // Made from the same inputs, it can differ by its own fault only.
    let same_catalog = recorded.catalog == now.catalog;
    let named = |(path, before, after): (String, Value, Value)| Difference {
        input: if same_catalog { OWN_TEXT.to_owned() } else { input(&path, recorded, now) },
        path,
        recorded: before,
        now: after,
    };
    found.into_iter().map(named).collect()
}

fn compare(path: &str, a: &Value, b: &Value, found: &mut Vec<(String, Value, Value)>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let added = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(added) {
                let nothing = Value::Null;
                let of = |from: &serde_json::Map<String, Value>| {
                    from.get(key).cloned().unwrap_or_else(|| nothing.clone())
                };
                compare(
                    &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                    &of(a),
                    &of(b),
                    found,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{at}"), a, b, found);
            }
        }
        (a, b) if a != b => found.push((path.to_owned(), a.clone(), b.clone())),
        _ => {}
    }
}

/// What a path in a record depends on.
fn input(path: &str, recorded: &Record, now: &Record) -> String {
    let mut parts = path.trim_start_matches('/').split('/');
    match parts.next().unwrap_or_default() {
        "tier" | "rto_minutes" | "rpo_minutes" | "gates" => format!("Tier {}", recorded.tier),
        "weights" => {
            format!("the weights of Tier {}, an Experiment or a FeatureFlag", recorded.tier)
        }
        "experiment" => "the Experiments".to_owned(),
        "selected" | "network" if recorded.place() == now.place() => {
            format!("Candidate {}", now.place())
        }
        "selected" | "network" | "failover" | "top_3_candidates" => "the outcome".to_owned(),
        "unhealthy_skipped" | "candidates_healthy" => {
            "the health of Candidates and CloudProviders".to_owned()
        }
        "rejected" => {
            let place = parts.next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
            format!("Candidate {place}")
        }
        "candidates_evaluated" | "candidates_passed_gates" => "the Candidates".to_owned(),
        "catalog" => "the catalog as a whole".to_owned(),
        _ => OWN_TEXT.to_owned(),
    }
}
