//! Whether a user holds one of the platform's verbs on a resource.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::answer::{Denial, Reason};
use super::review::Request;

/// Answers are kept this long: a claim's mutating and validating reviews ask the same.
const KEPT: Duration = Duration::from_secs(5);
/// More answers than this are not kept.
const MOST_KEPT: usize = 4096;

/// The group whose members may do anything in any cluster.
const MASTERS: &str = "system:masters";

/// Who knows what users may do.
#[derive(Debug)]
pub enum Rights {
    /// The cluster's authorizers.
    Cluster(Box<Authorizer>),
    /// There is no cluster: members of `system:masters` may do anything, nobody else anything
    /// special.
    NoCluster,
}

impl Rights {
    /// Asks the cluster.
    #[must_use]
    pub fn of_cluster(client: Client) -> Self {
        Rights::Cluster(Box::new(Authorizer { reviews: Api::all(client), kept: Mutex::default() }))
    }

    /// Whether the user of `request` may do `verb` to its object.
    ///
    /// # Errors
    /// When that cannot be found out now.
    pub async fn allow(&self, request: &Request<'_>, verb: &'static str) -> Result<bool, Denial> {
        match self {
            Rights::NoCluster => {
                Ok(request.user_info.groups().iter().any(|group| group == MASTERS))
            }
            Rights::Cluster(authorizer) => authorizer.allow(request, verb).await.map_err(|error| {
                let what = format!(
                    "cannot find out whether {:?} may {verb} this: {error}",
                    &*request.user_info.username
                );
                Denial::new(Reason::Unavailable, what + "; try again")
            }),
        }
    }
}

/// SubjectAccessReviews, with their answers kept for a moment.
pub struct Authorizer {
    reviews: Api<SubjectAccessReview>,
    kept: Mutex<HashMap<String, (Instant, bool)>>,
}

impl std::fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorizer").finish_non_exhaustive()
    }
}

impl Authorizer {
    async fn allow(&self, request: &Request<'_>, verb: &'static str) -> Result<bool, kube::Error> {
        let question = question(request, verb);
        let key = format!("{question:?}");
        if let Some(answer) = self.kept(&key) {
            return Ok(answer);
        }
        let review = SubjectAccessReview { spec: question, ..SubjectAccessReview::default() };
        let answer = self
            .reviews
            .create(&PostParams::default(), &review)
            .await?
            .status
            .is_some_and(|status| status.allowed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (at, _)| at.elapsed() < KEPT);
        if kept.len() < MOST_KEPT {
            kept.insert(key, (Instant::now(), answer));
        }
        Ok(answer)
    }

    fn kept(&self, key: &str) -> Option<bool> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(at, _)| at.elapsed() < KEPT).map(|(_, answer)| *answer)
    }
}

fn question(request: &Request<'_>, verb: &str) -> SubjectAccessReviewSpec {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let user = &request.user_info;
    SubjectAccessReviewSpec {
        user: some(&user.username),
        uid: some(&user.uid),
        groups: Some(user.groups()),
        extra: user.extra.and_then(|raw| serde_json::from_str(raw.get()).ok()),
        resource_attributes: Some(ResourceAttributes {
            group: some(&request.resource.group),
            version: some(&request.resource.version),
            resource: some(&request.resource.resource),
            namespace: some(&request.namespace),
            name: some(&request.name),
            verb: Some(verb.to_owned()),
            ..ResourceAttributes::default()
        }),
        ..SubjectAccessReviewSpec::default()
    }
}

/// How a message says that a right is missing.
#[must_use]
pub fn missing(request: &Request<'_>, verb: &str) -> String {
    format!(
        "user {:?} does not have the verb {verb:?} on {}.{} here",
        &*request.user_info.username, request.resource.resource, request.resource.group
    )
}
