//! What a cluster decides by.

use std::collections::BTreeSet;
use std::sync::Arc;

use idp_core::catalog::{Catalog, Objects, ReadError, Rejected, compile};
use idp_crds::kinds::KINDS;
use idp_crds::names::{self, CATALOG, CATALOG_VALUE, GROUP, VERSION};
use kube::api::ListParams;
use serde_json::Value;

use super::{Cluster, Listed, LiveError};

/// The configuration as it is stored, and what of it is not decided by.
pub struct LiveCatalog {
    /// The objects.
    pub objects: Objects,
    /// Those that are left out, and why.
    pub rejected: Vec<Rejected>,
}

impl LiveCatalog {
    /// As admission and the function have it: one bad object does not take the others down.
    #[must_use]
    pub fn catalog(&self) -> (Catalog, Vec<Rejected>) {
        lenient(&self.objects)
    }
}

/// A catalog of whatever is good in `objects`, and the rest.
#[must_use]
pub fn lenient(objects: &Objects) -> (Catalog, Vec<Rejected>) {
    let (mut products, mut rejected) = (Vec::new(), Vec::new());
    for product in &objects.products {
        match compile(product) {
            Ok(compiled) => products.push(Arc::new(compiled)),
            Err(wrong) => rejected.push(wrong),
        }
    }
    let (catalog, wrong) = Catalog::new(objects, products, &BTreeSet::new());
    rejected.extend(wrong);
    (catalog, rejected)
}

impl Cluster {
    /// Reads all configuration objects.
    ///
    /// # Errors
    /// When a kind of them cannot be read: without any of them decisions are others.
    pub fn catalog(&self) -> Result<LiveCatalog, LiveError> {
        let listed = |name: &str| Listed::new(GROUP, VERSION, name);
        let kinds: Vec<Listed> = KINDS.iter().map(|kind| listed(kind.name)).collect();
        let lists = self.list(&kinds, &ListParams::default(), &|_| {});
        let mut catalog = LiveCatalog { objects: Objects::default(), rejected: Vec::new() };
        for ((kind, listed), list) in KINDS.iter().zip(&kinds).zip(lists) {
            let list = list.map_err(|source| LiveError::Read { what: listed.name(), source })?;
            for object in list {
                if let Err(wrong) = add(&mut catalog.objects, &object) {
                    let name = object.pointer("/metadata/name").and_then(Value::as_str);
                    let name = name.unwrap_or_default().to_owned();
                    catalog.rejected.push(Rejected { kind: kind.name, name, errors: vec![wrong] });
                }
            }
        }
        Ok(catalog)
    }
}

fn add(objects: &mut Objects, object: &Value) -> Result<(), String> {
    let labels = object.pointer("/metadata/labels");
    let label = labels.and_then(|labels| labels.get(CATALOG)?.as_str());
    if label != Some(CATALOG_VALUE) {
        return Err(names::unlabelled());
    }
    objects.add("the cluster", object.clone()).map_err(|error| match error {
        ReadError::Object { message, .. } => message,
        other => other.to_string(),
    })
}
