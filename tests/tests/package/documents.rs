//! What package/README.md and the chart tell people to apply, and what the dashboard asks for.

use std::collections::BTreeSet;

use idp_core::catalog::embedded;
use idp_tests::provider_schema::ProviderSchemas;
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
    let Some(schemas) = ProviderSchemas::open() else { return };
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

/// Every metric that the dashboard asks for is one that the webhook registers.
#[test]
fn the_dashboard_asks_for_what_there_is() {
    let registered = include_str!("../../../webhook/src/metrics.rs");
    let dashboard: Value = serde_json::from_str(
        &std::fs::read_to_string(root().join("package/chart/dashboard.json")).unwrap(),
    )
    .unwrap();
    let mut asked = BTreeSet::new();
    for target in dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
    {
        let expression = target["expr"].as_str().unwrap();
        for word in expression
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("idp_"))
        {
            // What the text format appends to counters and histograms.
            let name = ["_total", "_bucket"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .unwrap_or(word);
            assert!(
                registered.contains(&format!("\"{name}\"")),
                "the webhook has no metric {name}"
            );
            asked.insert(name);
        }
    }
    assert_eq!(asked.len(), 4, "{asked:?}");
}
