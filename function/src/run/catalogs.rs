//! CatalogCache made of required resources, made once for as long as their objects stay the same.
//!
//! An object's bytes are no key: Crossplane's encoder writes maps in random order. Its uid and
//! resourceVersion are. On a laptop objects have none worth trusting, and catalogs are made anew
//! each time.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use crate::wire::v1;
use idp_core::catalog::{self, Catalog, Objects, Rejected};
use idp_core::compose::product::Product;
use idp_core::structs::from_struct;

/// How many catalogs are kept: products have catalogs of their own when Compositions name them, and
/// a change must not evict what the previous state's requests still use.
const KEPT: usize = 16;

/// A catalog, and what was left out of it.
#[derive(Debug)]
pub(super) struct CatalogBuild {
    pub(super) catalog: Arc<Catalog>,
    pub(super) rejected: Vec<Rejected>,
}

/// Makes and keeps catalogs.
#[derive(Debug, Default)]
pub(super) struct CatalogCache {
    embedded: OnceLock<Arc<CatalogBuild>>,
    /// Most recently used last.
    kept: Mutex<Vec<(Key<'static>, Arc<CatalogBuild>)>>,
    products: Mutex<Vec<(Version<'static>, Arc<Product>)>>,
}

/// Which version of which object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version<'r> {
    #[serde(borrow, default)]
    uid: Cow<'r, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'r, str>,
    /// Only what is in a cluster has one: rendering tools make up the other two.
    #[serde(borrow, default)]
    creation_timestamp: Cow<'r, str>,
}

#[derive(Deserialize)]
struct Versioned<'r> {
    #[serde(borrow, default)]
    metadata: Option<Version<'r>>,
}

type Key<'r> = Vec<Version<'r>>;

impl Version<'_> {
    fn into_owned(self) -> Version<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Version {
            uid: owned(self.uid),
            resource_version: owned(self.resource_version),
            creation_timestamp: owned(self.creation_timestamp),
        }
    }
}

impl CatalogCache {
    /// The catalog that is built in.
    pub(super) fn embedded(&self) -> Result<Arc<CatalogBuild>, Failure> {
        if let Some(build) = self.embedded.get() {
            return Ok(Arc::clone(build));
        }
        let objects = catalog::embedded().map_err(|errors| Failure::invalid(join(&errors)))?;
        let catalog = Catalog::strict(objects).map_err(|errors| Failure::invalid(join(&errors)))?;
        Ok(Arc::clone(self.embedded.get_or_init(|| {
            Arc::new(CatalogBuild { catalog: Arc::new(catalog), rejected: Vec::new() })
        })))
    }

    /// A fixed catalog instead of the built-in one: what `idp render --catalog` uses.
    pub(super) fn with_embedded(catalog: Arc<Catalog>) -> Self {
        let catalogs = CatalogCache::default();
        let _ = catalogs.embedded.set(Arc::new(CatalogBuild { catalog, rejected: Vec::new() }));
        catalogs
    }

    /// The catalog of these objects, by kind.
    pub(super) fn of(
        &self,
        objects: &[(&'static str, &[v1::Resource])],
    ) -> Result<Arc<CatalogBuild>, Failure> {
        let key = key(objects)?;
        if let Some(key) = &key {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = kept.iter().rposition(|(other, _)| other == key) {
                let hit = kept.remove(at);
                let build = Arc::clone(&hit.1);
                kept.push(hit);
                return Ok(build);
            }
        }
        let build = Arc::new(self.load(objects)?);
        if let Some(key) = key {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT {
                kept.remove(0);
            }
            kept.push((key.into_iter().map(Version::into_owned).collect(), Arc::clone(&build)));
        }
        Ok(build)
    }

    fn load(&self, objects: &[(&'static str, &[v1::Resource])]) -> Result<CatalogBuild, Failure> {
        let mut read = Objects::default();
        let mut rejected = Vec::new();
        let mut products = Vec::new();
        for (kind, items) in objects {
            for item in *items {
                let Some(bytes) = &item.resource else { continue };
                let version = if *kind == "Product" { version(bytes)? } else { None };
                if let Some(product) = version.as_ref().and_then(|version| self.compiled(version)) {
                    products.push(product);
                    continue;
                }
                let object: Value = from_struct(bytes).map_err(|error| {
                    Failure::invalid(format!("a required {kind} cannot be read: {error}"))
                })?;
                let name = object
                    .pointer("/metadata/name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                if let Err(error) = read.add("required resource", object) {
                    rejected.push(Rejected { kind, name, errors: vec![error.to_string()] });
                    continue;
                }
                if let Some(product) = read.products.pop() {
                    match catalog::compile(&product) {
                        Ok(product) => products.push(self.keep(version, Arc::new(product))),
                        Err(error) => rejected.push(error),
                    }
                }
            }
        }
        products.sort_by(|a, b| a.name.cmp(&b.name));
        let (catalog, more) = Catalog::new(&read, products, &BTreeSet::new());
        rejected.extend(more);
        Ok(CatalogBuild { catalog: Arc::new(catalog), rejected })
    }

    fn compiled(&self, version: &Version<'_>) -> Option<Arc<Product>> {
        let products = self.products.lock().unwrap_or_else(PoisonError::into_inner);
        products.iter().find(|(other, _)| other == version).map(|(_, product)| Arc::clone(product))
    }

    fn keep(&self, version: Option<Version<'_>>, product: Arc<Product>) -> Arc<Product> {
        if let Some(version) = version {
            let mut products = self.products.lock().unwrap_or_else(PoisonError::into_inner);
            products.retain(|(other, _)| other.uid != version.uid);
            products.push((version.into_owned(), Arc::clone(&product)));
        }
        product
    }
}

/// The key of these objects; none where one of them is not in a cluster.
fn key<'r>(objects: &[(&'static str, &'r [v1::Resource])]) -> Result<Option<Key<'r>>, Failure> {
    let mut key = Vec::new();
    for (_, items) in objects {
        for item in *items {
            let Some(bytes) = &item.resource else { continue };
            match version(bytes)? {
                Some(version) => key.push(version),
                None => return Ok(None),
            }
        }
        // Between kinds: nothing that an object could have.
        key.push(Version {
            uid: "".into(),
            resource_version: "".into(),
            creation_timestamp: "".into(),
        });
    }
    Ok(Some(key))
}

fn version(bytes: &[u8]) -> Result<Option<Version<'_>>, Failure> {
    let Versioned { metadata } = from_struct(bytes).map_err(|error| {
        Failure::invalid(format!("a required resource cannot be read: {error}"))
    })?;
    let known = |v: &Version<'_>| {
        !(v.creation_timestamp.is_empty() || v.uid.is_empty() || v.resource_version.is_empty())
    };
    Ok(metadata.filter(known))
}

fn join<T: ToString>(errors: &[T]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
