//! What the default catalog makes, for people to read: one full rendering per product and cloud.
//!
//! After a change on purpose: `INSTA_UPDATE=always cargo test --workspace --test
//! catalog_snapshots`, and read the difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use idp_tests::simulated_cloud::SimulatedCloud;
use idp_tests::workload::{Workload, default_product};
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
fn rendering(
    #[values("mysql", "postgresql", "webapp")] product: &str,
    #[values("aws-us-east-1", "gcp-us-central1", "oci-us-ashburn-1")] place: &str,
) {
    let parameters = match product {
        "mysql" => json!({"size": "small", "storageGB": 10}),
        "postgresql" => json!({"size": "small", "storageGB": 10, "extensions": ["pgvector"]}),
        _ => json!({"image": "nginx:1.27", "cpu": "125m", "maxReplicas": 6}),
    };
    let workload =
        Workload::new(place, parameters).with(json!({"tier": "business_critical", "ha": true}));
    let product = default_product(product);
    let mut cloud = SimulatedCloud::with_credentials();
    let rendering = cloud.settle(&workload, &product);
    let objects: Vec<&Value> = rendering.objects.iter().map(|composed| &composed.object).collect();

    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots");
    settings.bind(|| {
        insta::assert_yaml_snapshot!(
            format!("{}-{place}", product.name),
            json!({
                "parameters": workload.parameters, "connection": rendering.connection, "effective": rendering.effective,
                "notices": rendering.notices, "objects": objects,
            })
        );
    });
}
