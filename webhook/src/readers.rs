//! The console's questions, asked of the API server: TokenReview, SubjectAccessReview, one workload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use idp_console::cluster::{Answer, Cluster, Unavailable};
use idp_crds::product::ProductApi;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::{Api, Client};

use crate::kept::{Kept, key};
use crate::placements::Placed;

/// How long an answer of the API server's counts: what is taken from somebody is taken within this.
const KEPT: Duration = Duration::from_secs(30);
/// More answers than these are not kept.
const MOST_KEPT: usize = 16 * 1024;

/// Asks the API server.
pub struct Readers {
    client: Client,
    tokens: Api<TokenReview>,
    rights: Api<SubjectAccessReview>,
    people: Kept<Option<UserInfo>>,
    answers: Kept<bool>,
}

impl Readers {
    /// Of the client's cluster.
    #[must_use]
    pub fn of_cluster(client: Client) -> Self {
        Readers {
            tokens: Api::all(client.clone()),
            rights: Api::all(client.clone()),
            people: Kept::new(KEPT, MOST_KEPT),
            answers: Kept::new(KEPT, MOST_KEPT),
            client,
        }
    }

    async fn whose(&self, token: &str) -> Result<Option<UserInfo>, kube::Error> {
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

    async fn may(
        &self,
        user: &UserInfo,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> Result<bool, kube::Error> {
        let who = (&user.username, &user.uid, &user.groups, &user.extra);
        let question = key(&(who, group, resource, namespace));
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

    async fn workload(
        &self,
        placed: &Placed,
        version: &str,
    ) -> Result<Option<Arc<DynamicObject>>, kube::Error> {
        let client = self.client.clone();
        let gvk = GroupVersionKind::gvk(&placed.group, version, &placed.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &ProductApi::plural(&placed.kind));
        let api: Api<DynamicObject> = if placed.namespace.is_empty() {
            Api::all_with(client, &resource)
        } else {
            Api::namespaced_with(client, &placed.namespace, &resource)
        };
        Ok(api.get_opt(&placed.name).await?.map(Arc::new))
    }
}

/// In the console's words.
fn unavailable<T>(answer: Result<T, kube::Error>) -> Result<T, Unavailable> {
    answer.map_err(|error| Unavailable(error.to_string()))
}

impl Cluster for Readers {
    fn user<'a>(&'a self, token: &'a str) -> Answer<'a, Option<UserInfo>> {
        self.whose(token).map(unavailable).boxed()
    }

    fn may_list<'a>(
        &'a self,
        user: &'a UserInfo,
        group: &'a str,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> Answer<'a, bool> {
        self.may(user, group, resource, namespace).map(unavailable).boxed()
    }

    fn read<'a>(
        &'a self,
        placed: &'a Placed,
        version: &'a str,
    ) -> Answer<'a, Option<Arc<DynamicObject>>> {
        self.workload(placed, version).map(unavailable).boxed()
    }
}
