//! What has happened to a workload: the annotation `platform.example.org/history`, compact JSON, the
//! newest last.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::json::to_value;

/// What has happened, bounded: the newest of it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Default)]
#[serde(transparent)]
pub struct History(Vec<Happened>);

/// One thing that happened.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// What.
    pub event: Event,
    /// When, RFC 3339 in UTC. None where nobody who has a clock saw it: the function decided, or it was
    /// before histories were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// By whom: a user of the cluster. Of what nobody saw who knows the time, the program that
    /// decided: `function` or `admission`.
    pub by: String,
    /// The decision that was in force after it.
    #[schemars(schema_with = "crate::schema::sequence")]
    pub sequence: u64,
    /// The place it was left from, or that was let go: `aws/us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The place it went to, or is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, in the words of whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What can happen to a workload.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It was placed for the first time.
    Placed,
    /// It moves to another place: a failover.
    Moved,
    /// What it had left at a place was let go.
    Released,
    /// It was made from a backup, where it was.
    Restored,
    /// A changed Candidate was taken over.
    Adopted,
    /// What deleting it leaves of its data was lowered in production.
    Unprotected,
}

impl Event {
    /// As it is spelled.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Event::Placed => "Placed",
            Event::Moved => "Moved",
            Event::Released => "Released",
            Event::Restored => "Restored",
            Event::Adopted => "Adopted",
            Event::Unprotected => "Unprotected",
        }
    }
}

impl Happened {
    /// Where from and to, by whom and why, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let place = |word: &str, place: &Option<String>| {
            place.as_ref().map(|place| format!("{word} {place} ")).unwrap_or_default()
        };
        let why = self.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{}{}by {}{why}", place("from", &self.from), place("to", &self.to), self.by)
    }

    /// Whether it is the same thing, whenever it is said to have happened and why.
    #[must_use]
    pub fn is(&self, other: &Happened) -> bool {
        let what = |one: &Happened| {
            (one.event, one.by.clone(), one.sequence, one.from.clone(), one.to.clone())
        };
        what(self) == what(other)
    }
}

/// As people read it: `2026-11-27T16:00:00Z Moved from aws/us-east-1 to gcp/us-central1 by alice (any)`.
impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_deref().unwrap_or("(no time)");
        write!(f, "{at} {} {}", self.event.name(), self.words())
    }
}

impl History {
    /// How many are kept.
    pub const MOST: usize = 16;
    /// The longest text of one, in bytes: of a user's name, of what he gave as a reason.
    pub const LONGEST: usize = 256;

    /// Reads the annotation. Of what is none, or too long to be one, nothing is known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let most = Self::MOST * (4 * Self::LONGEST + 256);
        let text = Some(text).filter(|text| text.len() <= most)?;
        serde_json::from_str(text).ok().filter(|History(all)| all.len() <= Self::MOST)
    }

    /// Everything that is kept, the oldest first.
    #[must_use]
    pub fn all(&self) -> &[Happened] {
        &self.0
    }

    /// With more, and without the oldest of what is too much.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = Happened>) -> Self {
        self.0.extend(more);
        let too_many = self.0.len().saturating_sub(Self::MOST);
        self.0.drain(..too_many);
        self
    }

    /// Whether it is `before` with `more`, which may say differently when and why.
    #[must_use]
    pub fn continues(&self, before: &History, more: &[Happened]) -> bool {
        let wanted = before.clone().with(more.iter().cloned());
        let kept = wanted.0.len().saturating_sub(more.len());
        let is_it = |(at, (told, wanted)): (usize, (&Happened, &Happened))| {
            if at < kept { told == wanted } else { told.is(wanted) }
        };
        self.0.len() == wanted.0.len() && self.0.iter().zip(&wanted.0).enumerate().all(is_it)
    }
}

/// As the annotation has it.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", to_value(self))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn moved(sequence: u64) -> Happened {
        Happened {
            event: Event::Moved,
            at: Some("2026-11-27T16:00:00Z".to_owned()),
            by: "alice".to_owned(),
            sequence,
            from: Some("aws/us-east-1".to_owned()),
            to: Some("gcp/us-central1".to_owned()),
            why: Some("aws".to_owned()),
        }
    }

    #[test]
    fn the_newest_are_kept_and_read_again() {
        let history = History::default().with((1..=40).map(moved));
        assert_eq!(history.all().len(), History::MOST);
        assert_eq!(history.all().last().unwrap().sequence, 40);
        assert_eq!(History::parse(&history.to_string()).as_ref(), Some(&history));
        let said =
            "2026-11-27T16:00:00Z Moved from aws/us-east-1 to gcp/us-central1 by alice (aws)";
        assert_eq!(moved(2).to_string(), said);
    }

    #[test]
    fn what_was_is_told_as_it_was() {
        let before = History::default().with((1..=16).map(moved));
        let later = Happened { at: None, why: None, ..moved(17) };
        let told = before.clone().with([moved(17)]);
        assert!(told.continues(&before, std::slice::from_ref(&later)));
        assert!(!told.continues(&before, &[]));
        let mut altered = told.clone();
        altered.0[3].at = None;
        assert!(!altered.continues(&before, &[later]), "what was is another's");
    }

    #[test]
    fn what_is_none_is_not_read() {
        let too_many = serde_json::to_string(&vec![moved(1); History::MOST + 1]).unwrap();
        for text in ["", "{}", "[1]", "[{\"event\":\"Eaten\"}]", &too_many, &" ".repeat(1 << 20)] {
            assert_eq!(History::parse(text), None, "{text}");
        }
    }
}
