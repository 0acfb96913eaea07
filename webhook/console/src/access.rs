//! Who may read what: a person sees the workloads that they may list in the cluster, and nothing of any other
//! namespace.
//!
//! Who they are the API server says of the token that they bring (TokenReview), and what they may
//! (SubjectAccessReview): no list of users, no passwords, no rights of our own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum_extra::extract::CookieJar;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use idp_crds::names::GROUP;
use idp_crds::product::ProductApi;
use k8s_openapi::api::authentication::v1::UserInfo;

use crate::cluster::{Cluster, Unavailable};
use crate::placements::{GroupKind, Placed, Placements};

/// The cookie that a browser's session is in.
pub const COOKIE_NAME: &str = "idp-token";

/// Of how many kinds, and of how many namespaces of each, is asked at once.
const AT_ONCE: usize = 16;
/// No token of a cluster's is longer.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Who decides what people see.
#[derive(Clone)]
pub enum Access {
    /// Nobody: everyone who reaches the port sees everything. For laptops.
    Open,
    /// The cluster.
    Cluster(Arc<dyn Cluster>),
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
    #[error("who may read this cannot be found out: {0}")]
    Unavailable(#[from] Unavailable),
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
        let Access::Cluster(cluster) = self else { return Ok(Viewer::Anyone) };
        let token = token(headers).ok_or(AccessError::Unauthenticated)?;
        let user = cluster.user(&token).await?.ok_or(AccessError::Unauthenticated)?;
        Ok(Viewer::Person(Box::new(user)))
    }

    /// Whether they may list the platform's configuration.
    ///
    /// # Errors
    /// When the API server does not say.
    pub async fn may_see_configuration(&self, viewer: &Viewer) -> Result<bool, AccessError> {
        let (Access::Cluster(cluster), Viewer::Person(user)) = (self, viewer) else {
            return Ok(true);
        };
        Ok(cluster.may_list(user, GROUP, "candidates", None).await?)
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
        let (Access::Cluster(cluster), Viewer::Person(user)) = (self, viewer) else {
            return Ok(Visible { kinds: None, configuration: true });
        };
        let configuration = self.may_see_configuration(viewer).await?;
        let all = placements.namespaces();
        let kinds = stream::iter(all)
            .map(|(kind, namespaces)| scope(&**cluster, user, kind, namespaces))
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

/// Where they may list a kind.
async fn scope(
    cluster: &dyn Cluster,
    user: &UserInfo,
    kind: GroupKind,
    namespaces: HashSet<String>,
) -> Result<(GroupKind, Scope), Unavailable> {
    let resource = ProductApi::plural(&kind.kind);
    if cluster.may_list(user, &kind.group, &resource, None).await? {
        return Ok((kind, Scope::All));
    }
    let (group, resource) = (kind.group.as_str(), resource.as_str());
    let theirs = stream::iter(namespaces)
        .map(|namespace| async move {
            let may = cluster.may_list(user, group, resource, Some(&namespace)).await?;
            Ok::<_, Unavailable>(may.then_some(namespace))
        })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|namespace| async { Ok(namespace) })
        .try_collect()
        .await?;
    Ok((kind, Scope::Namespaces(theirs)))
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
