//! Nothing that the default catalog can make is refused by a provider: every product on every
//! cloud, in every size, tier, environment and flavour, before and after the cloud has made what
//! comes first.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use idp_core::compose::product::Product;
use idp_function::schemas::ProviderSchemas;
use idp_tests::provider_schema;
use idp_tests::rule_book::RuleBook;
use idp_tests::simulated_cloud::SimulatedCloud;
use idp_tests::workload::{Workload, default_product};
use serde_json::{Value, json};

const PLACES: [&str; 3] = ["aws-us-east-1", "gcp-us-central1", "oci-us-ashburn-1"];
const TIERS: [&str; 4] = ["low", "medium", "critical", "business_critical"];
const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "production"];

/// What the schemas allow but would do harm: Google's project is the ProviderConfig's; the others
/// came with one provider version, and earlier ones that are still in use refuse them.
const AVOID: [&str; 5] = [
    "/spec/forProvider/project",
    "/spec/forProvider/scaling/maxInstanceCount",
    "/spec/forProvider/template/containers/0/readinessProbe",
    "/spec/forProvider/databaseRoles",
    "/spec/forProvider/finalBackupDescription",
];

/// Checks what workloads are made of, each different object once.
struct Checker {
    product: Arc<Product>,
    schemas: Option<ProviderSchemas>,
    rules: RuleBook,
    seen: HashSet<String>,
    workloads: usize,
}

impl Checker {
    fn new(product: &str) -> Self {
        Checker {
            product: default_product(product),
            schemas: provider_schema::open(),
            rules: RuleBook::open(),
            seen: HashSet::new(),
            workloads: 0,
        }
    }

    fn check(&mut self, workload: &Workload) {
        for workload in [workload.clone(), workload.namespaced()] {
            let laptop = Workload { uid: None, ..workload.clone() }
                .render(&self.product, &SimulatedCloud::default());
            for pending in &laptop.pending {
                assert!(pending.waiting, "{workload:?}: {pending:?}");
            }
            laptop
                .objects
                .iter()
                .for_each(|made| self.check_object(&made.object, &laptop.notices, &workload));

            let mut cloud = SimulatedCloud::with_credentials();
            let settled = cloud.settle(&workload, &self.product);
            assert_eq!(settled.pending, [], "{workload:?}");
            for object in cloud.managed() {
                self.check_object(object, &settled.notices, &workload);
            }
            let keys: Vec<&str> = settled.connection.keys().map(String::as_str).collect();
            let mut wanted: Vec<&str> =
                self.product.spec.connection_keys.iter().map(String::as_str).collect();
            wanted.sort_unstable();
            assert_eq!(keys, wanted, "{workload:?}");
            self.workloads += 1;
        }
    }

    fn check_object(
        &mut self,
        object: &Value,
        notices: &BTreeMap<String, String>,
        workload: &Workload,
    ) {
        if object["apiVersion"] == "v1" || !self.seen.insert(object.to_string()) {
            return;
        }
        let mut errors = self.rules.check(object, notices);
        if let Some(schemas) = &self.schemas {
            errors.extend(schemas.check(object));
        }
        errors.extend(
            AVOID
                .iter()
                .filter(|field| object.pointer(field).is_some())
                .map(|field| format!("{field} is to be avoided")),
        );
        assert!(
            errors.is_empty(),
            "{workload:?}\n{}\n{errors:#?}",
            serde_json::to_string_pretty(object).unwrap()
        );
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        println!(
            "{}: {} workloads, {} different objects checked",
            self.product.name,
            self.workloads,
            self.seen.len()
        );
    }
}

fn common() -> impl Iterator<Item = Value> {
    TIERS.into_iter().flat_map(|tier| {
        ENVIRONMENTS.into_iter().flat_map(move |environment| {
            [false, true]
                .into_iter()
                .map(move |ha| json!({"tier": tier, "environment": environment, "ha": ha}))
        })
    })
}

#[test]
fn mysql() {
    let mut checker = Checker::new("mysql");
    for place in PLACES {
        for common in common() {
            for size in ["xsmall", "small", "medium", "large", "xlarge"] {
                for storage in [10, 399, 400, 65_536] {
                    checker.check(
                        &Workload::new(place, json!({"size": size, "storageGB": storage}))
                            .with(common.clone()),
                    );
                }
            }
        }
    }
}

#[test]
fn postgresql() {
    let mut checker = Checker::new("postgresql");
    for place in PLACES {
        for common in common() {
            for size in ["xsmall", "small", "medium", "large", "xlarge"] {
                for version in ["13", "14", "15", "16", "17"] {
                    let (extensions, storage) = match version {
                        "14" => (json!(["pg_cron"]), 400),
                        "16" => (json!(["pgvector", "pg_trgm", "pgaudit"]), 399),
                        _ => (json!([]), 10),
                    };
                    let parameters = json!({"size": size, "storageGB": storage, "version": version, "extensions": extensions});
                    checker.check(&Workload::new(place, parameters).with(common.clone()));
                }
            }
        }
    }
}

#[test]
fn webapp() {
    let mut checker = Checker::new("webapp");
    for place in PLACES {
        for common in common() {
            for cpu in ["125m", "250m", "500m", "1000m", "2000m", "4000m"] {
                for memory in ["256Mi", "512Mi", "1Gi", "2Gi", "4Gi", "8Gi"] {
                    checker.check(
                        &Workload::new(
                            place,
                            json!({"image": "nginx:1.27", "cpu": cpu, "memory": memory}),
                        )
                        .with(common.clone()),
                    );
                }
            }
        }
        for replicas in [1, 2, 20] {
            for more in [
                json!({}),
                json!({"maxReplicas": 20}),
                json!({"maxReplicas": 1}),
                json!({"public": false, "port": 65535}),
                json!({"env": ["PORT=1", "LEVEL=a=b", "EMPTY"], "healthPath": "/ready", "command": ["/app"], "args": ["-v"]}),
            ] {
                let parameters =
                    json!({"image": "registry.example.com/checkout:v2.1.0", "replicas": replicas});
                checker.check(&Workload::new(place, parameters).with(more));
            }
        }
    }
}
