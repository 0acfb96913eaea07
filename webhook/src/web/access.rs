//! Who may read what: a person sees the workloads that they may list in the cluster, and nothing of any other
//! namespace.
//!
//! Who they are the API server says of the token that they bring (TokenReview), and what they may
//! (SubjectAccessReview): no list of users, no passwords, no rights of our own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum_extra::extract::CookieJar;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use idp_crds::names::GROUP;
use idp_crds::product::ProductApi;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use crate::kept::{Kept, key};
use crate::placements::{GroupKind, Placed, Placements};

/// The cookie that a browser's session is in.
pub const COOKIE_NAME: &str = "idp-token";

/// How long an answer of the API server's counts: what is taken from somebody is taken within this.
const KEPT: Duration = Duration::from_secs(30);
/// More answers than these are not kept.
const MOST_KEPT: usize = 16 * 1024;
/// How many questions are asked at once.
const AT_ONCE: usize = 16;
/// No token of a cluster's is longer.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Who decides what people see.
pub enum Access {
    /// Nobody: everyone who reaches the port sees everything. For laptops.
    Open,
    /// The cluster.
    Cluster(Box<Reviews>),
}

/// Asks the API server.
pub struct Reviews {
    tokens: Api<TokenReview>,
    rights: Api<SubjectAccessReview>,
    people: Kept<Option<UserInfo>>,
    answers: Kept<bool>,
}

/// Who reads.
#[derive(Debug, Clone)]
pub enum Viewer {
    /// Somebody on their own laptop.
    Anyone,
    /// A user of the cluster.
    Person(Box<UserInfo>),
}

impl Viewer {
    /// How the page calls them.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Viewer::Anyone => None,
            Viewer::Person(user) => user.username.as_deref(),
        }
    }
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Nobody has said who they are, or not so that the cluster knows them.
    #[error("a token of the cluster's is needed")]
    Unauthenticated,
    /// The API server does not say.
    #[error("the API server cannot be asked who may read this: {0}")]
    Unavailable(#[from] kube::Error),
}

/// What a viewer sees.
#[derive(Debug, Default)]
pub struct Visible {
    /// None: everything.
    kinds: Option<HashMap<GroupKind, Scope>>,
    /// Whether they may list the platform's configuration.
    pub configuration: bool,
}

#[derive(Debug)]
enum Scope {
    All,
    Namespaces(HashSet<String>),
}

impl Visible {
    /// Whether a workload is theirs to see.
    #[must_use]
    pub fn shows(&self, placed: &Placed) -> bool {
        let Some(kinds) = &self.kinds else { return true };
        match kinds.get(&placed.group_kind()) {
            Some(Scope::All) => true,
            Some(Scope::Namespaces(namespaces)) => namespaces.contains(&placed.namespace),
            None => false,
        }
    }
}

impl Access {
    /// The cluster's own rules.
    #[must_use]
    pub fn of_cluster(client: &Client) -> Self {
        Access::Cluster(Box::new(Reviews {
            tokens: Api::all(client.clone()),
            rights: Api::all(client.clone()),
            people: Kept::new(KEPT, MOST_KEPT),
            answers: Kept::new(KEPT, MOST_KEPT),
        }))
    }

    /// Whether people have to say who they are.
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(self, Access::Cluster(_))
    }

    /// Who asks.
    ///
    /// # Errors
    /// When nobody is known by what the request brings, or the API server does not say.
    pub async fn viewer(&self, headers: &HeaderMap) -> Result<Viewer, AccessError> {
        let Access::Cluster(reviews) = self else { return Ok(Viewer::Anyone) };
        let token = token(headers).ok_or(AccessError::Unauthenticated)?;
        let user = reviews.user(&token).await?.ok_or(AccessError::Unauthenticated)?;
        Ok(Viewer::Person(Box::new(user)))
    }

    /// What they see of what runs.
    ///
    /// # Errors
    /// When the API server does not say.
    pub async fn visible(
        &self,
        viewer: &Viewer,
        placements: &Placements,
    ) -> Result<Visible, AccessError> {
        let (Access::Cluster(reviews), Viewer::Person(user)) = (self, viewer) else {
            return Ok(Visible { kinds: None, configuration: true });
        };
        let configuration = reviews.may_list(user, GROUP, "candidates", None).await?;
        let all = placements.namespaces();
        let kinds = stream::iter(all)
            .map(|(kind, namespaces)| reviews.scope(user, kind, namespaces))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Visible { kinds: Some(kinds), configuration })
    }
}

/// The token that a request brings: as tools do, or as a browser does.
fn token(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let cookie = || Some(CookieJar::from_headers(headers).get(COOKIE_NAME)?.value().to_owned());
    let token = bearer.map(|(_, token)| token.trim().to_owned()).or_else(cookie);
    token.filter(|token| !token.is_empty() && token.len() <= LONGEST_TOKEN)
}

impl Reviews {
    async fn user(&self, token: &str) -> Result<Option<UserInfo>, kube::Error> {
        let question = key(&token);
        if let Some(user) = self.people.get(&question) {
            return Ok(user);
        }
        let spec = TokenReviewSpec { token: Some(token.to_owned()), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let status = self.tokens.create(&PostParams::default(), &review).await?.status;
        let status = status.filter(|status| status.authenticated == Some(true));
        let user = status.and_then(|status| status.user);
        self.people.put(question, user.clone());
        Ok(user)
    }

    /// Where they may list a kind.
    async fn scope(
        &self,
        user: &UserInfo,
        kind: GroupKind,
        namespaces: HashSet<String>,
    ) -> Result<(GroupKind, Scope), AccessError> {
        let resource = ProductApi::plural(&kind.kind);
        if self.may_list(user, &kind.group, &resource, None).await? {
            return Ok((kind, Scope::All));
        }
        let (group, resource) = (kind.group.as_str(), resource.as_str());
        let theirs = stream::iter(namespaces)
            .map(|namespace| async move {
                let may = self.may_list(user, group, resource, Some(&namespace)).await?;
                Ok::<_, AccessError>(may.then_some(namespace))
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|namespace| async { Ok(namespace) })
            .try_collect()
            .await?;
        Ok((kind, Scope::Namespaces(theirs)))
    }

    async fn may_list(
        &self,
        user: &UserInfo,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> Result<bool, kube::Error> {
        let question = key(&(&user.username, &user.uid, &user.groups, group, resource, namespace));
        if let Some(answer) = self.answers.get(&question) {
            return Ok(answer);
        }
        let extra = user.extra.clone().map(BTreeMap::from_iter);
        let spec = SubjectAccessReviewSpec {
            user: user.username.clone(),
            uid: user.uid.clone(),
            groups: user.groups.clone(),
            extra,
            resource_attributes: Some(ResourceAttributes {
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                namespace: namespace.map(str::to_owned),
                verb: Some("list".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let answered = self.rights.create(&PostParams::default(), &review).await?;
        let answer = answered.status.is_some_and(|status| status.allowed);
        self.answers.put(question, answer);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::COOKIE;

    use super::*;

    fn headers(all: &[(axum::http::HeaderName, &str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_token_is_brought_as_tools_do_or_as_browsers_do() {
        for scheme in ["Bearer", "bearer"] {
            let header = format!("{scheme} abc");
            assert_eq!(token(&headers(&[(AUTHORIZATION, &header)])).as_deref(), Some("abc"));
        }
        assert_eq!(token(&headers(&[(COOKIE, "a=b; idp-token=abc")])).as_deref(), Some("abc"));
        assert_eq!(token(&headers(&[(AUTHORIZATION, "Basic abc"), (COOKIE, "a=b")])), None);
        assert_eq!(token(&headers(&[(COOKIE, "idp-token=")])), None);
        let long = format!("Bearer {}", "a".repeat(LONGEST_TOKEN + 1));
        assert_eq!(token(&headers(&[(AUTHORIZATION, &long)])), None);
    }
}
