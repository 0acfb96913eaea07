//! The answer to a review: allowed, with a patch and warnings, or denied, with everything that is
//! wrong.

use std::fmt::Write as _;

use idp_core::schedule::ScheduleError;
use idp_crds::contract::FieldError;
use serde::Serialize;

use super::patch::Patch;
use super::review;

/// What is answered.
#[derive(Debug)]
pub enum Answer {
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

impl Answer {
    /// Allowed as it is.
    #[must_use]
    pub fn allowed() -> Self {
        Answer::Allowed { patch: Patch::default(), warnings: Vec::new() }
    }

    /// Allowed as it is, with something to be told.
    #[must_use]
    pub fn with_warnings(warnings: Vec<String>) -> Self {
        Answer::Allowed { patch: Patch::default(), warnings }
    }

    /// In one word.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self {
            Answer::Allowed { .. } => "Allowed",
            Answer::Denied(denial) => denial.reason.name(),
        }
    }
}

impl From<Denial> for Answer {
    fn from(denial: Denial) -> Self {
        Answer::Denied(denial)
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
    fn code(self) -> u16 {
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

impl From<FieldError> for Cause {
    fn from(error: FieldError) -> Self {
        Cause { reason: error.problem.reason(), message: error.message, field: error.path }
    }
}

impl Denial {
    /// A refusal with nothing more to say than its summary.
    pub fn new(reason: Reason, summary: impl Into<String>) -> Self {
        Denial { reason, summary: summary.into(), causes: Vec::new() }
    }

    /// Fields that are wrong.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let summary = match errors.len() {
            1 => "one field is wrong".to_owned(),
            many => format!("{many} fields are wrong"),
        };
        Denial {
            reason: Reason::Invalid,
            summary,
            causes: errors.into_iter().map(Cause::from).collect(),
        }
    }

    /// Nothing could be selected. `field` is what asked for it; every candidate is named with its
    /// reason.
    #[must_use]
    pub fn schedule(error: &ScheduleError, field: &str) -> Self {
        let reason = match error {
            ScheduleError::NoHealthyCandidates { .. } | ScheduleError::EmptyPool { .. } => {
                Reason::Unavailable
            }
            ScheduleError::UnknownTier { .. } | ScheduleError::NoCandidatePassesGates { .. } => {
                Reason::Invalid
            }
        };
        let causes = error
            .reasons()
            .into_iter()
            .map(|message| Cause { reason: "FieldValueInvalid", message, field: field.to_owned() })
            .collect();
        Denial { reason, summary: error.to_string(), causes }
    }

    /// With the summary put after `context`.
    #[must_use]
    pub fn during(mut self, context: &str) -> Self {
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

/// What the refusal is about, as `kubectl` names it: `The MySQLInstanceClaim "orders-db" is
/// invalid`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// API group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Name.
    pub name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

impl<'a> Review<'a> {
    fn of(response: Response<'a>) -> Self {
        Review { api_version: review::API_VERSION, kind: "AdmissionReview", response }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    status: &'static str,
    code: u16,
    reason: &'static str,
    message: String,
    details: Details<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    group: &'a str,
    kind: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    causes: &'a [Cause],
}

/// The AdmissionReview that answers the one with `uid`.
///
/// # Errors
/// Never for what this crate answers; the type cannot say so.
pub fn write(
    uid: &str,
    subject: Subject<'_>,
    answer: &Answer,
) -> Result<Vec<u8>, serde_json::Error> {
    let nothing = Response { uid, allowed: true, warnings: &[], status: None };
    let response = match answer {
        Answer::Allowed { patch, warnings } if patch.is_empty() => Response { warnings, ..nothing },
        Answer::Allowed { patch, warnings } => return patched(uid, patch, warnings),
        Answer::Denied(denial) => {
            let Subject { group, kind, name } = subject;
            let details = Details { group, kind, name, causes: &denial.causes };
            let Denial { reason, .. } = denial;
            let message = denial.message();
            let status = Status {
                status: "Failure",
                code: reason.code(),
                reason: reason.name(),
                message,
                details,
            };
            Response { allowed: false, status: Some(status), ..nothing }
        }
    };
    serde_json::to_string(&Review::of(response)).map(String::into_bytes)
}

/// The patch is most of the answer, and as Base64 needs no escapes: it is appended, not searched
/// for what to escape.
fn patched(uid: &str, patch: &Patch, warnings: &[String]) -> Result<Vec<u8>, serde_json::Error> {
    const END: &str = "}}";
    let mut text = serde_json::to_string(&Review::of(Response {
        uid,
        allowed: true,
        warnings,
        status: None,
    }))?;
    text.truncate(text.len() - END.len());
    text.push_str(r#","patchType":"JSONPatch","patch":""#);
    patch.push_base64(&mut text)?;
    text.push('"');
    text.push_str(END);
    Ok(text.into_bytes())
}
