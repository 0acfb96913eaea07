//! The AdmissionReview as the API server sends it, borrowed from the request's body.
//!
//! Only what decides is read here; the objects stay text until somebody asks for them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The one version of the review that is spoken here, and by every API server since 1.16.
pub const API_VERSION: &str = "admission.k8s.io/v1";

/// What the API server asks.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionRequest<'a> {
    /// Names this round trip; the answer carries it back.
    #[serde(borrow)]
    pub uid: Text<'a>,
    /// The object's kind.
    #[serde(borrow)]
    pub kind: Kind<'a>,
    /// The resource that was written to.
    #[serde(borrow)]
    pub resource: Resource<'a>,
    /// `status` and the like; empty for the object itself.
    #[serde(borrow, default)]
    pub sub_resource: Text<'a>,
    /// The object's name; empty where the API server is to make one.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// The object's namespace; empty where there is none.
    #[serde(borrow, default)]
    pub namespace: Text<'a>,
    /// What is being done.
    pub operation: Operation,
    /// By whom.
    #[serde(borrow, default)]
    pub user_info: User<'a>,
    /// The object as it would become; none for a deletion.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// The object as it is; none for a creation.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    /// Whether nothing will be kept of it.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// A kind of object.
#[derive(Deserialize, Debug, Default)]
pub struct Kind<'a> {
    /// API group.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// API version.
    #[serde(borrow, default)]
    pub version: Text<'a>,
    /// The kind.
    #[serde(borrow, default)]
    pub kind: Text<'a>,
}

/// A resource, as paths and access rules name it.
#[derive(Deserialize, Debug, Default)]
pub struct Resource<'a> {
    /// API group.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// API version.
    #[serde(borrow, default)]
    pub version: Text<'a>,
    /// The plural.
    #[serde(borrow, default)]
    pub resource: Text<'a>,
}

/// Who asks.
#[derive(Deserialize, Debug, Default)]
pub struct User<'a> {
    /// The name.
    #[serde(borrow, default)]
    pub username: Text<'a>,
    /// The identity provider's name for the user.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// The groups, unread: only a question about rights needs them.
    #[serde(borrow, default)]
    pub groups: Option<&'a RawValue>,
    /// What else the authenticator knows, unread.
    #[serde(borrow, default)]
    pub extra: Option<&'a RawValue>,
}

impl User<'_> {
    /// The groups.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        self.groups.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

/// What is being done to an object.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// It is connected to.
    Connect,
}

impl AdmissionRequest<'_> {
    /// Whether nothing will be kept of it.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run.unwrap_or(false)
    }
}

/// A review that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Not JSON, or not of the shape.
    #[error("the body is not an AdmissionReview of {API_VERSION}: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another kind of object, or another version.
    #[error(
        "the body must be an AdmissionReview of {API_VERSION}, not {kind:?} of {api_version:?}"
    )]
    OtherKind {
        /// Its kind.
        kind: String,
        /// Its version.
        api_version: String,
    },
    /// A review that asks nothing.
    #[error("the AdmissionReview has no request")]
    NoRequest,
    /// A name that no object, kind or user has: answers and logs repeat it.
    #[error("request.{field} has {length} bytes, and at most {LONGEST_NAME} are read")]
    LongName {
        /// Where.
        field: &'static str,
        /// How many.
        length: usize,
    },
}

/// The longest name of an object, a kind or a user that is read, bytes.
pub const LONGEST_NAME: usize = 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, R> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    request: Option<R>,
}

impl<R> Envelope<'_, R> {
    fn is_ours(&self) -> bool {
        *self.api_version == *API_VERSION && *self.kind == *"AdmissionReview"
    }
}

/// Reads a body.
///
/// # Errors
/// When it is not a review, or not of the version that is spoken here.
pub fn read(body: &[u8]) -> Result<AdmissionRequest<'_>, ReviewError> {
    let request = match serde_json::from_slice::<Envelope<'_, AdmissionRequest<'_>>>(body) {
        Ok(envelope) if envelope.is_ours() => envelope.request.ok_or(ReviewError::NoRequest),
        _ => read_in_steps(body),
    }?;
    let names = [
        ("uid", &request.uid),
        ("kind.group", &request.kind.group),
        ("kind.kind", &request.kind.kind),
        ("resource.group", &request.resource.group),
        ("resource.version", &request.resource.version),
        ("resource.resource", &request.resource.resource),
        ("subResource", &request.sub_resource),
        ("name", &request.name),
        ("namespace", &request.namespace),
        ("userInfo.username", &request.user_info.username),
        ("userInfo.uid", &request.user_info.uid),
    ];
    if let Some((field, name)) = names.into_iter().find(|(_, name)| name.len() > LONGEST_NAME) {
        return Err(ReviewError::LongName { field, length: name.len() });
    }
    Ok(request)
}

/// A review of another version may have a request of another shape: its version is what is to be
/// said of it.
fn read_in_steps(body: &[u8]) -> Result<AdmissionRequest<'_>, ReviewError> {
    let envelope: Envelope<'_, &RawValue> = serde_json::from_slice(body)?;
    if !envelope.is_ours() {
        let Envelope { api_version, kind, .. } = envelope;
        return Err(ReviewError::OtherKind {
            kind: kind.to_string(),
            api_version: api_version.to_string(),
        });
    }
    let request = envelope.request.ok_or(ReviewError::NoRequest)?;
    Ok(serde_json::from_str(request.get())?)
}

/// Text that is borrowed from the body where it has no escapes.
///
/// `Cow<str>` is that only as a field; within a list or a map serde makes it owned.
#[derive(Deserialize, Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn text_is_borrowed_also_within_maps() {
        let map: std::collections::BTreeMap<Text<'_>, Text<'_>> =
            serde_json::from_str(r#"{"a": "b", "c\n": "d\n"}"#).unwrap();
        let borrowed: Vec<bool> =
            map.values().map(|text| matches!(text.0, Cow::Borrowed(_))).collect();
        assert_eq!(borrowed, [true, false]);
    }

    #[test]
    fn other_versions_are_named() {
        let error = read(br#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": 5}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the body must be an AdmissionReview of admission.k8s.io/v1, not "AdmissionReview" of "admission.k8s.io/v1beta1""#
        );
        let error = read(br#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#)
            .unwrap_err();
        assert_eq!(error.to_string(), "the AdmissionReview has no request");
    }
}
