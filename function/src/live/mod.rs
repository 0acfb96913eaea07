//! A cluster, read with the user's own rights: [`Cluster`] lists and gets, and has no way to write.
//!
//! [`catalog`] is what it decides by, [`workloads`] what runs there.

pub mod catalog;
pub mod workloads;

use std::path::Path;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use idp_crds::json::to_value;
use idp_crds::product::ProductApi;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config};
use serde_json::Value;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};

/// So many objects are asked for at once, as `kubectl` does.
const PAGE: u32 = 500;

/// So many kinds are asked for at the same time.
const AT_ONCE: usize = 8;

/// An API server that has said nothing for so long says nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Why a cluster cannot be read.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig cannot be used: {0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// There is none, and this is no pod.
    #[error("there is no cluster to ask: {0}; name one by --kubeconfig or KUBECONFIG")]
    NoCluster(#[from] InferConfigError),
    /// No thread to work in.
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// The client cannot be made, or the API server does not do what it is asked.
    #[error("the API server: {}", reason(.0))]
    Api(#[from] kube::Error),
    /// A kind may not be read, or the API server failed at it.
    #[error("cannot read {what}: {}", reason(source))]
    Read {
        /// Which kind, or object.
        what: String,
        /// Why.
        source: kube::Error,
    },
    /// Nothing that could tell may be read.
    #[error("nothing could be read:\n  {}", .0.join("\n  "))]
    Nothing(Vec<String>),
}

/// In the API server's own words where it has said something, in one line each cause otherwise.
fn reason(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A kind that is listed: all of it, or one namespace's.
#[derive(Debug, Clone)]
struct Listed {
    resource: ApiResource,
    namespace: Option<String>,
}

impl Listed {
    fn new(group: &str, version: &str, kind: &str) -> Self {
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &ProductApi::plural(kind));
        Listed { resource, namespace: None }
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }

    /// `<plural>.<group>`, as rights name it.
    fn name(&self) -> String {
        match self.resource.group.as_str() {
            "" => self.resource.plural.clone(),
            group => format!("{}.{group}", self.resource.plural),
        }
    }
}

/// A cluster.
pub struct Cluster {
    runtime: Runtime,
    client: Client,
    namespace: String,
}

impl Cluster {
    /// The cluster of a kubeconfig (that of `KUBECONFIG` or `~/.kube/config` where none is named, or
    /// else the pod's own), by one of its contexts. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When there is none, or what it says cannot be used.
    pub fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Self, LiveError> {
        // The one provider that is built in; an error means that it is set already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let options =
            KubeConfigOptions { context: context.map(str::to_owned), ..Default::default() };
        let mut config = runtime.block_on(async {
            Ok::<_, LiveError>(match (kubeconfig, context) {
                (Some(path), _) => {
                    Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?
                }
                (None, Some(_)) => Config::from_kubeconfig(&options).await?,
                (None, None) => Config::infer().await?,
            })
        })?;
        config.read_timeout = Some(SILENCE);
        let namespace = config.default_namespace.clone();
        let client = runtime.block_on(async { Client::try_from(config) })?;
        Ok(Cluster { runtime, client, namespace })
    }

    /// The namespace that the context names.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Lists several kinds, each as it came out, in their order.
    fn list(
        &self,
        kinds: &[Listed],
        selected: &ListParams,
        seen: &dyn Fn(usize),
    ) -> Vec<Result<Vec<Value>, kube::Error>> {
        let one = |kind: &Listed| {
            let api = kind.api(&self.client);
            let types = (kind.resource.api_version.clone(), kind.resource.kind.clone());
            async move { pages(&api, selected, &types, seen).await }
        };
        self.runtime
            .block_on(stream::iter(kinds.iter().map(one)).buffered(AT_ONCE).collect::<Vec<_>>())
    }
}

/// Everything that there is, page by page.
async fn pages(
    api: &Api<DynamicObject>,
    selected: &ListParams,
    (api_version, kind): &(String, String),
    seen: &dyn Fn(usize),
) -> Result<Vec<Value>, kube::Error> {
    let mut all = Vec::new();
    let mut params = selected.clone().limit(PAGE);
    loop {
        let page = match api.list(&params).await {
            Ok(page) => page,
            // It took longer than the API server remembers: once more, in one go.
            Err(kube::Error::Api(status)) if status.code == 410 && !all.is_empty() => {
                all.clear();
                params = selected.clone();
                continue;
            }
            Err(error) => return Err(error),
        };
        seen(page.items.len());
        all.extend(page.items.into_iter().map(|item| {
            let mut object = to_value(&item);
            // A list says it once, of all of its items.
            if let (Some(fields), None) = (object.as_object_mut(), &item.types) {
                fields.insert("apiVersion".to_owned(), api_version.as_str().into());
                fields.insert("kind".to_owned(), kind.as_str().into());
            }
            object
        }));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}
