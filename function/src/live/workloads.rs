//! What runs in a cluster, as far as its user may see.

use idp_core::catalog::Named;
use idp_core::insight::running::is_called;
use idp_crds::ProductSpec;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use serde_json::Value;

use super::{Cluster, Listed, LiveError};

/// Workloads that are asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// Only this namespace's; all of them where there is none.
    pub namespace: Option<&'a str>,
    /// Only this product's.
    pub product: Option<&'a str>,
    /// A label selector.
    pub selector: Option<&'a str>,
}

/// Workloads that were found.
#[derive(Debug, Default)]
pub struct Fleet {
    /// Claims and composite resources as they are stored, composite resources behind claims too.
    pub objects: Vec<Value>,
    /// What could not be read, and why.
    pub unseen: Vec<String>,
}

/// Something that happened to a workload, as the cluster still knows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Happened {
    /// When last, RFC 3339.
    pub time: String,
    /// What, in one word.
    pub reason: String,
    /// The same in words.
    pub message: String,
}

impl Cluster {
    /// Lists the workloads of `products`. A kind that is not served has none; one that may not be
    /// read is told.
    ///
    /// # Errors
    /// When nothing at all may be read.
    pub fn workloads(
        &self,
        products: &[Named<ProductSpec>],
        asked: &Asked<'_>,
        seen: &dyn Fn(usize),
    ) -> Result<Fleet, LiveError> {
        let mut kinds = Vec::new();
        let wanted =
            |product: &&Named<ProductSpec>| asked.product.is_none_or(|name| name == product.name);
        for product in products.iter().filter(wanted) {
            let api = &product.spec.api;
            for (_, kind) in api.kinds() {
                // Cluster-scoped: of no namespace.
                if asked.namespace.is_some() && kind == api.composite_kind {
                    continue;
                }
                let mut listed = Listed::new(&api.group, &api.version, kind);
                listed.namespace = asked.namespace.map(str::to_owned);
                kinds.push(listed);
            }
        }
        let selected = match asked.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        };
        let mut fleet = Fleet::default();
        let mut read = 0;
        for (kind, list) in kinds.iter().zip(self.list(&kinds, &selected, seen)) {
            match list {
                Ok(objects) => {
                    read += 1;
                    fleet.objects.extend(objects);
                }
                // A Product may be there before its API is, and an API of one flavour only.
                Err(kube::Error::Api(status)) if status.code == 404 => read += 1,
                Err(source @ kube::Error::Api(_)) => {
                    let error = LiveError::Read { what: kind.name(), source };
                    fleet.unseen.push(error.to_string());
                }
                // It will be the same with the others.
                Err(other) => return Err(other.into()),
            }
        }
        if read == 0 && !fleet.unseen.is_empty() {
            return Err(LiveError::Nothing(fleet.unseen));
        }
        Ok(fleet)
    }

    /// One workload by what people call its kind, its namespace and name; none where no product has
    /// such a kind.
    ///
    /// # Errors
    /// When there is none of that name, or it may not be read.
    pub fn workload(
        &self,
        products: &[Named<ProductSpec>],
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, LiveError> {
        let apis = products.iter().map(|product| &product.spec.api);
        let mut kinds = apis.flat_map(|api| api.kinds().map(|(_, kind)| (api, kind)));
        let Some((api, kind)) = kinds.find(|(api, known)| is_called(api, known, kind)) else {
            return Ok(None);
        };
        let mut listed = Listed::new(&api.group, &api.version, kind);
        if kind != api.composite_kind {
            listed.namespace = Some(namespace.to_owned());
        }
        let objects: Api<DynamicObject> = listed.api(&self.client);
        let got = self.runtime.block_on(objects.get(name));
        let what = match &listed.namespace {
            Some(namespace) => format!("{} {namespace}/{name}", listed.name()),
            None => format!("{} {name}", listed.name()),
        };
        let object = got.map_err(|source| LiveError::Read { what, source })?;
        Ok(Some(idp_crds::json::to_value(&object)))
    }

    /// The events about an object that the cluster still has, the oldest first; nothing where they
    /// may not be read.
    #[must_use]
    pub fn happened(&self, object: &Value) -> Vec<Happened> {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let mut events = Listed::new("", "v1", "Event");
        events.resource.api_version = "v1".to_owned();
        let namespace = text("/metadata/namespace");
        // Those about cluster-scoped objects are kept there.
        let home = if namespace.is_empty() { "default" } else { namespace };
        events.namespace = Some(home.to_owned());
        let of_it = format!("involvedObject.uid={}", text("/metadata/uid"));
        let selected = ListParams::default().fields(&of_it);
        let mut lists = self.list(&[events], &selected, &|_| {});
        let found = lists.pop().and_then(Result::ok).unwrap_or_default();
        let mut all: Vec<Happened> = found.iter().map(happened).collect();
        all.sort_by(|a, b| a.time.cmp(&b.time));
        all
    }
}

fn happened(event: &Value) -> Happened {
    let text = |field: &str| event.get(field).and_then(Value::as_str);
    let created = || event.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
    let time = text("lastTimestamp").or_else(|| text("eventTime")).or_else(created);
    Happened {
        time: time.unwrap_or_default().to_owned(),
        reason: text("reason").unwrap_or_default().to_owned(),
        message: text("message").unwrap_or_default().to_owned(),
    }
}
