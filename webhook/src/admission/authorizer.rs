//! Whether a user holds one of the platform's verbs on a resource.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::review::AdmissionRequest;
use super::verdict::{Denial, Reason};
use crate::kept::{Kept, key};

/// Answers are kept this long: a claim's mutating and validating reviews ask the same.
const KEPT: Duration = Duration::from_secs(5);
/// More answers than this are not kept.
const MOST_KEPT: usize = 4096;

/// The group whose members may do anything in any cluster.
const MASTERS: &str = "system:masters";

/// Who knows what users may do.
#[derive(Debug)]
pub enum Authorizer {
    /// The cluster's authorizers.
    Cluster(Box<AccessReviews>),
    /// There is no cluster: members of `system:masters` may do anything, nobody else anything
    /// special.
    NoCluster,
}

impl Authorizer {
    /// Asks the cluster.
    #[must_use]
    pub fn of_cluster(client: Client) -> Self {
        let reviews = Api::all(client);
        Authorizer::Cluster(Box::new(AccessReviews { reviews, kept: Kept::new(KEPT, MOST_KEPT) }))
    }

    /// Whether the user of `request` may do `verb` to its object.
    ///
    /// # Errors
    /// When that cannot be found out now.
    pub async fn allow(
        &self,
        request: &AdmissionRequest<'_>,
        verb: &'static str,
    ) -> Result<bool, Denial> {
        self.holds(request, Right::OnTheObject { verb }).await
    }

    /// Whether the user of `request` has this right.
    ///
    /// # Errors
    /// When that cannot be found out now.
    pub async fn holds(
        &self,
        request: &AdmissionRequest<'_>,
        right: Right<'_>,
    ) -> Result<bool, Denial> {
        match self {
            Authorizer::NoCluster => {
                Ok(request.user_info.groups().iter().any(|group| group == MASTERS))
            }
            Authorizer::Cluster(reviews) => reviews.holds(request, right).await.map_err(|error| {
                let user = &*request.user_info.username;
                let what = format!("cannot find out whether {user:?} may {right}: {error}");
                Denial::new(Reason::Unavailable, what + "; try again")
            }),
        }
    }
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right<'a> {
    /// Something to the object of the request.
    OnTheObject {
        /// What.
        verb: &'static str,
    },
    /// Create Secrets.
    CreateSecrets {
        /// Where.
        namespace: &'a str,
    },
}

impl std::fmt::Display for Right<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Right::OnTheObject { verb } => write!(f, "{verb} this"),
            Right::CreateSecrets { namespace } => write!(f, "create Secrets in {namespace:?}"),
        }
    }
}

/// SubjectAccessReviews, with their answers kept for a moment.
pub struct AccessReviews {
    reviews: Api<SubjectAccessReview>,
    kept: Kept<bool>,
}

impl std::fmt::Debug for AccessReviews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessReviews").finish_non_exhaustive()
    }
}

impl AccessReviews {
    async fn holds(
        &self,
        request: &AdmissionRequest<'_>,
        right: Right<'_>,
    ) -> Result<bool, kube::Error> {
        let question = question(request, right);
        let key = key(&question);
        if let Some(answer) = self.kept.get(&key) {
            return Ok(answer);
        }
        let review = SubjectAccessReview { spec: question, ..SubjectAccessReview::default() };
        let answered = self.reviews.create(&PostParams::default(), &review).await?;
        let answer = answered.status.is_some_and(|status| status.allowed);
        self.kept.put(key, answer);
        Ok(answer)
    }
}

fn question(request: &AdmissionRequest<'_>, right: Right<'_>) -> SubjectAccessReviewSpec {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let attributes = match right {
        Right::OnTheObject { verb } => ResourceAttributes {
            group: some(&request.resource.group),
            version: some(&request.resource.version),
            resource: some(&request.resource.resource),
            namespace: some(&request.namespace),
            name: some(&request.name),
            verb: Some(verb.to_owned()),
            ..ResourceAttributes::default()
        },
        Right::CreateSecrets { namespace } => ResourceAttributes {
            resource: Some("secrets".to_owned()),
            namespace: some(namespace),
            verb: Some("create".to_owned()),
            ..ResourceAttributes::default()
        },
    };
    let user = &request.user_info;
    SubjectAccessReviewSpec {
        user: some(&user.username),
        uid: some(&user.uid),
        groups: Some(user.groups()),
        extra: user.extra.and_then(|raw| serde_json::from_str(raw.get()).ok()),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    }
}

/// How a message says that a right is missing.
#[must_use]
pub fn missing(request: &AdmissionRequest<'_>, verb: &str) -> String {
    format!(
        "user {:?} does not have the verb {verb:?} on {}.{} here",
        &*request.user_info.username, request.resource.resource, request.resource.group
    )
}
