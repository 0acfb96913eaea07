//! A verdict as the AdmissionReview that the API server reads.

use idp_crds::json::to_vec;
use serde::{Serialize, Serializer};

use super::patch::Patch;
use super::review;
use super::verdict::{Cause, Denial, Verdict, bounded};

/// What a refusal is about, as `kubectl` names it: `The MySQLInstanceClaim "orders-db" is invalid`.
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "short")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "base64")]
    patch: Option<&'a Patch>,
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
#[must_use]
pub fn respond(uid: &str, subject: Subject<'_>, verdict: &Verdict) -> Vec<u8> {
    let allowed =
        Response { uid, allowed: true, warnings: &[], status: None, patch_type: None, patch: None };
    let response = match verdict {
        Verdict::Allowed { patch, warnings } if patch.is_empty() => {
            Response { warnings, ..allowed }
        }
        Verdict::Allowed { patch, warnings } => {
            Response { warnings, patch_type: Some("JSONPatch"), patch: Some(patch), ..allowed }
        }
        Verdict::Denied(denial) => {
            Response { allowed: false, status: Some(status(subject, denial)), ..allowed }
        }
    };
    let api_version = review::API_VERSION;
    to_vec(&Review { api_version, kind: "AdmissionReview", response })
}

fn status<'a>(Subject { group, kind, name }: Subject<'a>, denial: &'a Denial) -> Status<'a> {
    Status {
        status: "Failure",
        code: denial.reason.code(),
        reason: denial.reason.name(),
        message: denial.message(),
        details: Details { group, kind, name, causes: &denial.causes },
    }
}

/// The longest warning, bytes: the API server cuts what is longer together.
const LONGEST_WARNING: usize = 1024;

fn short<S: Serializer>(warnings: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(warnings.iter().map(|warning| bounded(warning, LONGEST_WARNING)))
}

fn base64<S: Serializer>(patch: &Option<&Patch>, serializer: S) -> Result<S::Ok, S::Error> {
    patch.map(Patch::to_base64).serialize(serializer)
}
