//! The answer to a review: allowed, with a patch and warnings, or denied, with everything that is
//! wrong.

use std::borrow::Cow;
use std::fmt::Write as _;

use idp_core::schedule::ScheduleError;
use idp_crds::contract::FieldError;
use serde::Serialize;

use super::patch::Patch;

/// What is answered.
#[derive(Debug)]
pub enum Verdict {
    /// It may be, changed as the patch says.
    Allowed {
        /// What to change.
        patch: Patch,
        /// What the user is told; `kubectl` prints each on a line of its own.
        warnings: Vec<String>,
    },
    /// It may not be.
    Denied(Denial),
}

impl Verdict {
    /// Allowed as it is.
    #[must_use]
    pub fn allowed() -> Self {
        Verdict::Allowed { patch: Patch::default(), warnings: Vec::new() }
    }

    /// Allowed as it is, with something to be told.
    #[must_use]
    pub fn with_warnings(warnings: Vec<String>) -> Self {
        Verdict::Allowed { patch: Patch::default(), warnings }
    }

    /// In one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Allowed { .. } => "Allowed",
            Verdict::Denied(denial) => denial.reason.name(),
        }
    }
}

impl From<Denial> for Verdict {
    fn from(denial: Denial) -> Self {
        Verdict::Denied(denial)
    }
}

/// Why something may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The kind of refusal.
    pub reason: Reason,
    /// One line: what is refused, and why.
    pub summary: String,
    /// Everything that is wrong, each on its own line.
    pub causes: Vec<Cause>,
}

/// The kinds of refusal, as a Kubernetes `Status` knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The object is wrong, whoever asks.
    Invalid,
    /// The user may not.
    Forbidden,
    /// It contradicts what is there.
    Conflict,
    /// It might be possible later.
    Unavailable,
}

impl Reason {
    pub(super) fn code(self) -> u16 {
        match self {
            Reason::Invalid => 422,
            Reason::Forbidden => 403,
            Reason::Conflict => 409,
            Reason::Unavailable => 503,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Invalid => "Invalid",
            Reason::Forbidden => "Forbidden",
            Reason::Conflict => "Conflict",
            Reason::Unavailable => "ServiceUnavailable",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    field: String,
}

/// More causes than this are counted, not told: nobody reads them, and a caller must not choose how
/// large an answer is.
const MOST_CAUSES: usize = 20;
/// The longest text of a cause, and the longest path, in bytes: of what a caller has sent both
/// repeat a part.
const LONGEST_MESSAGE: usize = 1024;
const LONGEST_FIELD: usize = 256;
/// The longest summary, in bytes.
const LONGEST_SUMMARY: usize = 2048;

impl Cause {
    fn new(reason: &'static str, message: &str, field: &str) -> Self {
        let (message, field) = (bounded(message, LONGEST_MESSAGE), bounded(field, LONGEST_FIELD));
        Cause { reason, message: message.into_owned(), field: field.into_owned() }
    }
}

/// The first `longest` bytes of a text.
#[must_use]
pub fn bounded(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        return Cow::Borrowed(text);
    }
    Cow::Owned([text.split_at(text.floor_char_boundary(longest)).0, "…"].concat())
}

impl Denial {
    /// A refusal with nothing more to say than its summary.
    pub fn new(reason: Reason, summary: impl Into<String>) -> Self {
        let summary = bounded(&summary.into(), LONGEST_SUMMARY).into_owned();
        Denial { reason, summary, causes: Vec::new() }
    }

    /// Fields that are wrong.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let summary = match errors.len() {
            1 => "one field is wrong".to_owned(),
            many => format!("{many} fields are wrong"),
        };
        let causes = errors.iter().map(|e| Cause::new(e.problem.reason(), &e.message, &e.path));
        Denial::new(Reason::Invalid, summary).with_causes(causes)
    }

    /// Nothing could be selected. `field` is what asked for it; every candidate is named with its
    /// reason.
    #[must_use]
    pub fn schedule(error: &ScheduleError, field: &str) -> Self {
        let reason = match error {
            ScheduleError::NoHealthyCandidates { .. } | ScheduleError::EmptyPool => {
                Reason::Unavailable
            }
            ScheduleError::UnknownTier { .. } | ScheduleError::NoCandidatePassesGates { .. } => {
                Reason::Invalid
            }
        };
        let reasons = error.reasons();
        let causes = reasons.iter().map(|why| Cause::new("FieldValueInvalid", why, field));
        Denial::new(reason, error.to_string()).with_causes(causes)
    }

    /// With the first causes, and the number of the others.
    fn with_causes(mut self, mut causes: impl Iterator<Item = Cause>) -> Self {
        self.causes.extend(causes.by_ref().take(MOST_CAUSES));
        match causes.count() {
            0 => {}
            more => {
                self.causes.push(Cause::new("FieldValueInvalid", &format!("… and {more} more"), ""))
            }
        }
        self
    }

    /// With the summary put after `context`.
    #[must_use]
    pub fn with_context(mut self, context: &str) -> Self {
        self.summary = format!("{context}: {}", self.summary);
        self
    }

    /// The summary, then a line for everything that is wrong.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = self.summary.clone();
        for Cause { field, message: text, .. } in &self.causes {
            // Writing to a String cannot fail.
            let _ = if field.is_empty() {
                write!(message, "\n  {text}")
            } else {
                write!(message, "\n  {field}: {text}")
            };
        }
        message
    }
}

/// An object that is not there or cannot be read.
pub(super) fn unreadable(what: &str, why: impl std::fmt::Display) -> Denial {
    Denial::new(Reason::Invalid, format!("{what} cannot be read: {why}"))
}
