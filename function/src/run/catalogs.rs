//! Catalogs made of required resources: places and products, each made once for as long as its
//! objects stay the same, in whatever order they come.
//!
//! An object's bytes are no key: Crossplane's encoder writes maps in random order. Its uid and
//! resourceVersion are. On a laptop objects have none worth trusting, and catalogs are made anew
//! each time.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lru::LruCache;
use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use super::requirements::{ByKind, Extent};
use idp_core::catalog::{self, Catalog, Objects, Places, Rejected};
use idp_core::compose::product::Product;
use idp_core::structs::from_struct;

/// How many sets of places are kept that workloads need by name: one or two Candidates and a Tier
/// each, about 10 KB.
const MOST_OWN: NonZeroUsize = NonZeroUsize::new(2_048).expect("not 0");
/// How many whole ones, about 5 KB a Candidate: what decides, what describes, and one that is just
/// replaced.
const MOST_WHOLE: NonZeroUsize = NonZeroUsize::new(3).expect("not 0");
/// How many compiled products are kept.
const MOST_PRODUCTS: NonZeroUsize = NonZeroUsize::new(256).expect("not 0");

/// A catalog, how much of the configuration it is, and what was left out of it.
#[derive(Debug)]
pub(super) struct CatalogBuild {
    pub(super) catalog: Arc<Catalog>,
    pub(super) extent: Extent,
    pub(super) rejected: Vec<Rejected>,
}

/// Makes and keeps catalogs: places apart from products, since many products share them.
#[derive(Debug)]
pub(super) struct CatalogCache {
    embedded: OnceLock<Arc<CatalogBuild>>,
    /// Apart, so that a fleet's many small sets never push out the few large ones.
    own: Mutex<LruCache<Vec<u8>, PlacesBuild>>,
    whole: Mutex<LruCache<Vec<u8>, PlacesBuild>>,
    products: Mutex<LruCache<Vec<u8>, ProductBuild>>,
}

impl Default for CatalogCache {
    fn default() -> Self {
        CatalogCache {
            embedded: OnceLock::new(),
            own: Mutex::new(LruCache::new(MOST_OWN)),
            whole: Mutex::new(LruCache::new(MOST_WHOLE)),
            products: Mutex::new(LruCache::new(MOST_PRODUCTS)),
        }
    }
}

/// Places, and what was left out of them.
#[derive(Debug, Clone)]
struct PlacesBuild {
    places: Arc<Places>,
    rejected: Arc<[Rejected]>,
}

/// A product, or what is wrong with it.
type ProductBuild = Result<Arc<Product>, Rejected>;

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

impl Version<'_> {
    /// Neither part has a NUL where an API server has made it.
    fn write(&self, key: &mut Vec<u8>) {
        for part in [&self.uid, &self.resource_version] {
            key.extend_from_slice(part.as_bytes());
            key.push(0);
        }
    }

    fn to_key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        self.write(&mut key);
        key
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
        Ok(Arc::clone(
            self.embedded.get_or_init(|| Arc::new(CatalogBuild::whole(Arc::new(catalog)))),
        ))
    }

    /// A fixed catalog instead of the built-in one: what `idp render --catalog` uses.
    pub(super) fn with_embedded(catalog: Arc<Catalog>) -> Self {
        let catalogs = CatalogCache::default();
        let _ = catalogs.embedded.set(Arc::new(CatalogBuild::whole(catalog)));
        catalogs
    }

    /// The catalog of these objects, which are so much of the configuration.
    pub(super) fn of(
        &self,
        objects: &ByKind<'_>,
        extent: Extent,
    ) -> Result<Arc<CatalogBuild>, Failure> {
        let PlacesBuild { places, rejected } = self.places(objects, extent)?;
        let mut rejected = rejected.to_vec();
        let mut products = Vec::new();
        for item in objects.iter().filter(|(kind, _)| *kind == PRODUCT).flat_map(|(_, all)| all) {
            let Some(bytes) = &item.resource else { continue };
            match self.product(bytes)? {
                Ok(product) => products.push(product),
                Err(wrong) => rejected.push(wrong),
            }
        }
        products.sort_by(|a, b| a.name.cmp(&b.name));
        let (catalog, more) = Catalog::of(places, products);
        rejected.extend(more);
        Ok(Arc::new(CatalogBuild { catalog: Arc::new(catalog), extent, rejected }))
    }

    fn places(&self, objects: &ByKind<'_>, extent: Extent) -> Result<PlacesBuild, Failure> {
        let kept = if extent == Extent::Own { &self.own } else { &self.whole };
        let key = key(objects)?;
        if let Some(found) = key.as_ref().and_then(|key| locked(kept).get(key).cloned()) {
            return Ok(found);
        }
        let mut read = Objects::default();
        let mut rejected = Vec::new();
        for (kind, items) in objects.iter().filter(|(kind, _)| *kind != PRODUCT) {
            for bytes in items.iter().filter_map(|item| item.resource.as_ref()) {
                let (name, object) = object(kind, bytes)?;
                if let Err(error) = read.add("required resource", object) {
                    rejected.push(Rejected { kind, name, errors: vec![error.to_string()] });
                }
            }
        }
        let (places, more) = Places::new(&read, &BTreeSet::new());
        rejected.extend(more);
        let build = PlacesBuild { places: Arc::new(places), rejected: rejected.into() };
        if let Some(key) = key {
            locked(kept).put(key, build.clone());
        }
        Ok(build)
    }

    fn product(&self, bytes: &[u8]) -> Result<ProductBuild, Failure> {
        let key = version(bytes)?.map(|version| version.to_key());
        if let Some(found) = key.as_ref().and_then(|key| locked(&self.products).get(key).cloned()) {
            return Ok(found);
        }
        let (name, object) = object(PRODUCT, bytes)?;
        let mut read = Objects::default();
        let build = match read.add("required resource", object) {
            Err(error) => Err(Rejected { kind: PRODUCT, name, errors: vec![error.to_string()] }),
            Ok(()) => match read.products.pop() {
                Some(product) => catalog::compile(&product).map(Arc::new),
                // Something else that came under its name.
                None => {
                    let errors = vec!["is not a Product".to_owned()];
                    Err(Rejected { kind: PRODUCT, name, errors })
                }
            },
        };
        if let Some(key) = key {
            locked(&self.products).put(key, build.clone());
        }
        Ok(build)
    }
}

impl CatalogBuild {
    fn whole(catalog: Arc<Catalog>) -> Self {
        CatalogBuild { catalog, extent: Extent::Everything, rejected: Vec::new() }
    }
}

const PRODUCT: &str = "Product";

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Entries are whole or not there.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A required object, and its name.
fn object(kind: &str, bytes: &[u8]) -> Result<(String, Value), Failure> {
    let object: Value = from_struct(bytes)
        .map_err(|error| Failure::invalid(format!("a required {kind} cannot be read: {error}")))?;
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    Ok((name.to_owned(), object))
}

/// The key of all but the products, in whatever order they came; none where one of them is not in a
/// cluster.
fn key(objects: &ByKind<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let mut versions = Vec::new();
    let others = objects.iter().filter(|(kind, _)| *kind != PRODUCT);
    for bytes in others.flat_map(|(_, items)| items).filter_map(|item| item.resource.as_ref()) {
        match version(bytes)? {
            Some(version) => versions.push(version),
            None => return Ok(None),
        }
    }
    versions.sort_unstable_by(|a, b| a.uid.cmp(&b.uid));
    let mut key = Vec::with_capacity(versions.len() * 64);
    versions.iter().for_each(|version| version.write(&mut key));
    Ok(Some(key))
}

fn version(bytes: &[u8]) -> Result<Option<Version<'_>>, Failure> {
    let Versioned { metadata } = from_struct(bytes).map_err(|error| {
        Failure::invalid(format!("a required resource cannot be read: {error}"))
    })?;
    let known = |v: &Version<'_>| {
        let parts = [&v.creation_timestamp, &v.uid, &v.resource_version];
        parts.iter().all(|part| !part.is_empty() && !part.contains('\0'))
    };
    Ok(metadata.filter(known))
}

fn join<T: ToString>(errors: &[T]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use idp_core::structs::to_struct;
    use serde_json::json;

    use super::*;
    use crate::wire::v1;

    fn candidates(names: std::ops::Range<usize>) -> Vec<v1::Resource> {
        let candidate = |at: usize| {
            let object = json!({
                "apiVersion": "platform.example.org/v1alpha1", "kind": "Candidate",
                "metadata": {
                    "name": format!("aws-r{at}"), "uid": format!("u{at}"), "resourceVersion": "1",
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                },
                "spec": {
                    "provider": "aws", "region": format!("r{at}"), "runtimeCluster": "c",
                    "network": {}, "capabilities": [], "scores": {"latency": 0.5},
                },
            });
            v1::Resource { resource: Some(to_struct(&object).unwrap()), ..v1::Resource::default() }
        };
        names.map(candidate).collect()
    }

    #[test]
    fn a_fleets_own_places_never_push_out_what_decides() {
        let cache = CatalogCache::default();
        let whole = candidates(0..50);
        let places = |items: &[v1::Resource], extent| {
            let objects = vec![("Candidate", items.iter().collect())];
            cache.places(&objects, extent).unwrap().places
        };
        let first = places(&whole, Extent::Everything);
        assert_eq!(first.len(), 50);
        for at in 0..MOST_OWN.get() + 10 {
            places(&candidates(at..at + 1), Extent::Own);
        }
        assert!(Arc::ptr_eq(&first, &places(&whole, Extent::Everything)));
        assert_eq!(locked(&cache.own).len(), MOST_OWN.get(), "bounded");
        // A changed catalog: the one before is there for those who still use it.
        places(&candidates(0..49), Extent::Everything);
        assert!(Arc::ptr_eq(&first, &places(&whole, Extent::Everything)));
    }

    #[test]
    fn in_another_order_they_are_the_same_and_a_changed_one_is_another() {
        let cache = CatalogCache::default();
        let places = |items: &[v1::Resource]| {
            let objects = vec![("Candidate", items.iter().collect())];
            cache.places(&objects, Extent::Everything).unwrap().places
        };
        let mut items = candidates(0..20);
        let first = places(&items);
        items.reverse();
        assert!(Arc::ptr_eq(&first, &places(&items)));
        items.swap(3, 11);
        assert!(Arc::ptr_eq(&first, &places(&items)));
        items.pop();
        assert!(!Arc::ptr_eq(&first, &places(&items)));
        items.extend(candidates(0..1));
        assert!(Arc::ptr_eq(&first, &places(&items)));
    }
}
