//! Adding a product is one YAML file and no Rust: Redis, from a fixture, on all three clouds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use idp_core::catalog::{Objects, compile};
use idp_tests::provider_schema;
use idp_tests::simulated_cloud::SimulatedCloud;
use idp_tests::workload::Workload;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[case("aws-us-east-1", "ReplicationGroup", "6379")]
#[case("gcp-us-central1", "Instance", "6378")]
#[case("oci-us-ashburn-1", "RedisCluster", "6379")]
fn redis_runs_on_every_cloud(#[case] place: &str, #[case] kind: &str, #[case] port: &str) {
    let (mut objects, mut errors) = (Objects::default(), Vec::new());
    objects.add_yaml("redis.yaml", include_str!("../fixtures/redis.yaml"), &mut errors);
    assert!(errors.is_empty(), "{errors:?}");
    let product = compile(&objects.products[0]).unwrap();
    let schemas = provider_schema::open();
    for size in ["small", "medium", "large"] {
        for ha in [false, true] {
            let claimed = Workload::new(place, json!({"size": size, "ha": ha}));
            for workload in [claimed.namespaced(), claimed] {
                let mut cloud = SimulatedCloud::default();
                let rendering = cloud.settle(&workload, &product);
                assert_eq!(rendering.pending, []);
                assert!(rendering.objects.iter().any(|composed| composed.object["kind"] == kind));
                assert_eq!(rendering.connection["port"], port);
                for object in cloud.managed() {
                    let errors =
                        schemas.as_ref().map(|schemas| schemas.check(object)).unwrap_or_default();
                    assert!(errors.is_empty(), "{object:#}\n{errors:#?}");
                }
            }
        }
    }
}
