//! Generated files are what the code generates now.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::path::Path;

use idp_core::catalog::{Catalog, embedded};
use idp_function::generate::{ApiKind, composition, to_yaml, xrd};
use serde_json::Value;

#[test]
fn the_definitions_in_crds_yaml_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/yaml");
    let mut expected = BTreeMap::new();
    for crd in idp_crds::kinds::definitions() {
        let crd = serde_json::to_value(crd).unwrap();
        expected.insert(
            format!("{}.yaml", crd["spec"]["names"]["plural"].as_str().unwrap()),
            to_yaml(&[crd]).unwrap(),
        );
    }
    let found: BTreeMap<String, String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    assert!(
        found == expected,
        "crds/yaml is stale: cargo run --bin idp -- generate crds --output-dir crds/yaml\nfound {:?}, expected {:?}",
        found.keys(),
        expected.keys()
    );
}

/// What people and charts read: changes here are changes to the API.
#[test]
fn definitions_and_compositions() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let product = catalog.product("mysql").unwrap();
    let documents: Vec<Value> = [ApiKind::Claim, ApiKind::Namespaced]
        .into_iter()
        .flat_map(|style| {
            [xrd(product, style), composition(product, style, style == ApiKind::Namespaced)]
        })
        .collect();
    insta::assert_snapshot!(to_yaml(&documents).unwrap());
}
