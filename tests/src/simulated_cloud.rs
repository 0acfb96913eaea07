//! A cloud that makes whatever it is told to, at once, and reports what the real one would.
//!
//! It stands in for the providers only, which cannot run here; everything before them is the real
//! thing. What it reports is checked against the providers' schemas too, so that no template can
//! read a field that does not exist.

use std::collections::BTreeMap;

use idp_core::compose::credentials::RESOURCE_KEY;
use idp_core::compose::field_mask::FieldMask;
use idp_core::compose::product::Product;
use idp_core::compose::rendering::Observed;
use idp_core::structs::{from_struct_seed, to_struct};
use serde_json::{Value, json};

use crate::workload::{Rendering, Workload};

/// What exists, by composition-resource-name.
#[derive(Default)]
pub struct SimulatedCloud {
    objects: BTreeMap<String, Value>,
}

impl SimulatedCloud {
    /// A cloud where the workload's credentials have been made.
    pub fn with_credentials() -> Self {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"username": "ZGJhZG1pbg==", "password": "c2VjcmV0LVBhc3N3MHJk"}});
        SimulatedCloud { objects: BTreeMap::from([(RESOURCE_KEY.to_owned(), secret)]) }
    }

    /// Renders `workload` and makes what was rendered, until nothing new appears. The last
    /// rendering.
    pub fn settle(&mut self, workload: &Workload, product: &Product) -> Rendering {
        loop {
            let rendering = workload.render(product, self);
            let before = self.objects.len();
            for composed in &rendering.objects {
                self.objects.entry(composed.key.clone()).or_insert_with(|| made(&composed.object));
            }
            if self.objects.len() == before {
                return rendering;
            }
        }
    }

    /// The managed resources that exist.
    pub fn managed(&self) -> impl Iterator<Item = &Value> {
        self.objects.values().filter(|object| object.pointer("/spec/forProvider").is_some())
    }
}

impl Observed for SimulatedCloud {
    fn object(&self, key: &str, parts: &FieldMask) -> Option<Value> {
        Some(from_struct_seed(&to_struct(self.objects.get(key)?).unwrap(), parts).unwrap())
    }

    fn name(&self, key: &str) -> Option<&str> {
        self.objects.get(key)?.pointer("/metadata/name")?.as_str()
    }

    fn ready(&self, key: &str) -> bool {
        self.objects.contains_key(key)
    }
}

fn made(object: &Value) -> Value {
    let mut object = object.clone();
    if object.pointer("/spec/forProvider").is_some() {
        object["status"] = json!({"atProvider": reported(&object)});
    }
    object
}

/// What the provider reports of a kind: those fields that templates read.
fn reported(object: &Value) -> Value {
    let mut reported = made_up(object);
    // What deleting it would do is reported as it was asked for.
    let asked = &object["spec"]["forProvider"];
    for field in ["deletionProtection", "skipFinalSnapshot", "deletionPolicy"] {
        if let Some(value) = asked.get(field).filter(|value| !value.is_string()) {
            reported[field] = value.clone();
        }
    }
    for field in ["deletionProtectionEnabled", "finalBackupConfig"] {
        if let Some(value) = asked["settings"].get(field) {
            reported["settings"][field] = value.clone();
        }
    }
    reported
}

fn made_up(object: &Value) -> Value {
    match object["kind"].as_str().unwrap() {
        "Instance" if object["apiVersion"].as_str().unwrap().starts_with("rds.") => json!({
            "arn": "arn:aws:rds:us-east-1:123456789012:db:orders", "address": "orders.abc.us-east-1.rds.amazonaws.com", "port": if object["spec"]["forProvider"]["engine"] == "mysql" { 3306 } else { 5432 },
        }),
        "Instance" => json!({"host": "10.0.0.6", "port": 6378}),
        "ReplicationGroup" => {
            json!({"primaryEndpointAddress": "master.orders.abc.use1.cache.amazonaws.com", "port": 6379})
        }
        "DatabaseInstance" => {
            json!({"connectionName": "example:us-central1:orders", "privateIpAddress": "10.0.0.3"})
        }
        "MysqlDbSystem" => json!({"endpoints": [{"ipAddress": "10.0.0.4", "port": 3306}]}),
        "PsqlDbSystem" => json!({"networkDetails": [{"primaryDbEndpointPrivateIp": "10.0.0.5"}]}),
        "RedisCluster" => json!({"primaryFqdn": "orders.redis.us-ashburn-1.oci.oraclecloud.com"}),
        "LB" => {
            json!({"dnsName": "orders-123.us-east-1.elb.amazonaws.com", "zoneId": "Z35SXDOTRQ7X7K"})
        }
        "ServiceAccount" => {
            json!({"email": "orders@example-platform.iam.gserviceaccount.com"})
        }
        "V2Service" => json!({"uri": "https://orders-abc-uc.a.run.app"}),
        "LoadBalancer" => json!({"ipAddressDetails": [{"ipAddress": "192.0.2.7"}]}),
        "NetworkSecurityGroup" => json!({"id": "ocid1.networksecuritygroup.oc1.iad.orders"}),
        "ContainerInstance" => json!({"vnics": [{"privateIp": "10.0.0.8"}]}),
        _ => json!({}),
    }
}
