//! What package/README.md and the chart tell people to apply, and what the dashboard asks for.

use std::collections::BTreeSet;

use idp_core::catalog::embedded;
use idp_tests::provider_schema;
use serde_json::Value;

use super::root;

/// The objects in a document's YAML blocks.
fn objects(document: &str) -> Vec<Value> {
    let blocks =
        document.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks
        .map(|block| serde_saphyr::from_str::<Value>(block).unwrap())
        .filter(|object| object["kind"].is_string())
        .collect()
}

/// Every ProviderConfig is one that its provider takes, and by a name that the catalog asks for.
#[test]
fn provider_configs_fit() {
    let Some(schemas) = provider_schema::open() else { return };
    let text = std::fs::read_to_string(root().join("package/README.md")).unwrap();
    let places: BTreeSet<String> = embedded()
        .unwrap()
        .candidates
        .iter()
        .map(|candidate| format!("{}-{}", candidate.spec.provider, candidate.spec.region))
        .collect();
    let objects = objects(&text);
    assert_eq!(objects.len(), 5);
    for object in objects {
        assert_eq!(schemas.check(&object), Vec::<String>::new(), "{object}");
        let name = object["metadata"]["name"].as_str().unwrap();
        assert!(places.contains(name), "{name} is no place of the catalog: {places:?}");
    }
}
