//! People of a cluster that is none: tokens, and what their bearers may list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use idp_console::access::Access;
use idp_console::cluster::{Answer, Cluster, Unavailable};
use idp_console::placements::Placed;
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::api::DynamicObject;

/// By token: the resources that its bearer may list, each in a namespace or (none) everywhere.
#[derive(Default, Clone)]
pub struct People(BTreeMap<String, BTreeSet<(String, Option<String>)>>);

impl People {
    /// One more, whose name and token are one.
    #[must_use]
    pub fn and(mut self, token: &str, may: &[(&str, Option<&str>)]) -> Self {
        let may =
            may.iter().map(|(what, namespace)| ((*what).to_owned(), namespace.map(str::to_owned)));
        self.0.insert(token.to_owned(), may.collect());
        self
    }

    /// As the console asks.
    #[must_use]
    pub fn access(self) -> Access {
        Access::Cluster(Arc::new(self))
    }
}

fn now<'a, T: Send + 'a>(answer: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(Ok::<_, Unavailable>(answer)))
}

impl Cluster for People {
    fn user<'a>(&'a self, token: &'a str) -> Answer<'a, Option<UserInfo>> {
        let user = UserInfo { username: Some(token.to_owned()), ..UserInfo::default() };
        now(self.0.contains_key(token).then_some(user))
    }

    fn may_list<'a>(
        &'a self,
        user: &'a UserInfo,
        _: &'a str,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> Answer<'a, bool> {
        let may = user.username.as_ref().and_then(|name| self.0.get(name));
        let asked = (resource.to_owned(), namespace.map(str::to_owned));
        now(may.is_some_and(|may| may.contains(&asked)))
    }

    fn read<'a>(&'a self, _: &'a Placed, _: &'a str) -> Answer<'a, Option<Arc<DynamicObject>>> {
        now(None)
    }
}
