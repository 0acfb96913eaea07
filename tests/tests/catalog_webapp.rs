//! What the web app product promises, on every cloud: sizes that are sold, replicas, scaling, TLS,
//! changes without a gap.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use idp_core::compose::product::Product;
use idp_tests::simulated_cloud::SimulatedCloud;
use idp_tests::workload::{Rendering, Workload, default_product, for_provider, made_of};
use rstest::rstest;
use serde_json::{Value, json};

const AWS: &str = "aws-us-east-1";
const GCP: &str = "gcp-us-central1";
const OCI: &str = "oci-us-ashburn-1";

fn settled(place: &str, parameters: Value) -> Rendering {
    let workload =
        Workload::new(place, json!({"image": "registry.example.com/checkout:v1"})).with(parameters);
    SimulatedCloud::default().settle(&workload, &default_product("webapp"))
}

const CPUS: [(&str, i64); 6] = [
    ("125m", 125),
    ("250m", 250),
    ("500m", 500),
    ("1000m", 1000),
    ("2000m", 2000),
    ("4000m", 4000),
];
const MEMORIES: [(&str, i64); 6] =
    [("256Mi", 256), ("512Mi", 512), ("1Gi", 1024), ("2Gi", 2048), ("4Gi", 4096), ("8Gi", 8192)];

/// What AWS documents as valid for Fargate: CPU units, least and most memory in MiB, and the step.
const FARGATE: [(i64, &[i64]); 5] = [
    (256, &[512, 1024, 2048]),
    (512, &[1024, 2048, 3072, 4096]),
    (1024, &[2048, 3072, 4096, 5120, 6144, 7168, 8192]),
    (2048, &[4096, 5120, 6144, 7168, 8192, 9216, 10_240, 12_288, 16_384]),
    (4096, &[8192, 9216, 10_240, 12_288, 16_384, 24_576, 30_720]),
];

#[test]
fn every_size_is_one_that_the_cloud_sells_and_no_smaller() {
    for (cpu, millis) in CPUS {
        for (memory, mebibytes) in MEMORIES {
            let size = json!({"cpu": cpu, "memory": memory});

            let aws = settled(AWS, size.clone());
            let task = for_provider(&aws, "task-definition");
            let number = |field: &str| task[field].as_str().unwrap().parse::<i64>().unwrap();
            let (units, task_memory) = (number("cpu"), number("memory"));
            let sold = FARGATE.iter().find(|(sold, _)| *sold == units).unwrap();
            assert!(sold.1.contains(&task_memory), "{size}: {units} and {task_memory}");
            assert!(
                units * 1000 >= millis * 1024 && task_memory >= mebibytes,
                "{size}: {units} and {task_memory}"
            );

            let gcp = settled(GCP, size.clone());
            let limits =
                &for_provider(&gcp, "service")["template"]["containers"][0]["resources"]["limits"];
            let cpus: i64 = limits["cpu"].as_str().unwrap().parse().unwrap();
            let (_, given) = MEMORIES.iter().find(|(text, _)| limits["memory"] == *text).unwrap();
            assert!(
                [1, 2, 4].contains(&cpus)
                    && *given >= 512
                    && cpus * 1000 >= millis
                    && *given >= mebibytes,
                "{size}: {limits}"
            );
            assert!(
                (cpus < 4 || *given >= 2048) && (*given <= 4096 || cpus >= 2),
                "{size}: {limits}"
            );

            let oci = settled(OCI, size.clone());
            let instance = &made_of(&oci, "container-instance")[0]["spec"]["forProvider"];
            let shape = &instance["shapeConfig"][0];
            let (ocpus, gibibytes) =
                (shape["ocpus"].as_i64().unwrap(), shape["memoryInGbs"].as_i64().unwrap());
            assert!(
                ocpus * 2000 >= millis
                    && gibibytes * 1024 >= mebibytes
                    && (ocpus..=64 * ocpus).contains(&gibibytes),
                "{size}: {shape}"
            );
            assert_eq!(
                instance["containers"][0]["resourceConfig"][0]["vcpusLimit"].as_f64().unwrap()
                    * 1000.0,
                millis as f64
            );

            for rendering in [aws, gcp, oci] {
                let same =
                    rendering.effective["cpu"] == cpu && rendering.effective["memory"] == memory;
                assert_eq!(
                    rendering.notices.contains_key("resources-raised"),
                    !same,
                    "{size}: {:?}",
                    rendering.effective
                );
            }
        }
    }
}

#[rstest]
#[case(json!({"replicas": 3}), 3, None)]
#[case(json!({"replicas": 1, "ha": true}), 2, None)]
#[case(json!({"replicas": 3, "maxReplicas": 9}), 3, Some(9))]
#[case(json!({"replicas": 1, "maxReplicas": 2, "ha": true}), 2, None)]
#[case(json!({"replicas": 5, "maxReplicas": 5}), 5, None)]
fn replicas_and_scaling(
    #[case] parameters: Value,
    #[case] replicas: usize,
    #[case] most: Option<i64>,
) {
    let aws = settled(AWS, parameters.clone());
    let service = made_of(&aws, "service")[0];
    let (counted, begun_with) = (
        &service["spec"]["forProvider"]["desiredCount"],
        &service["spec"]["initProvider"]["desiredCount"],
    );
    match most {
        None => {
            assert_eq!((counted, begun_with), (&json!(replicas), &Value::Null));
            assert_eq!(made_of(&aws, "scaling-target"), Vec::<&Value>::new());
        }
        // The autoscaling counts from then on: a count of ours would undo its work.
        Some(most) => {
            assert_eq!((counted, begun_with), (&Value::Null, &json!(replicas)));
            let target = for_provider(&aws, "scaling-target");
            assert_eq!(
                (&target["minCapacity"], &target["maxCapacity"]),
                (&json!(replicas), &json!(most))
            );
            let names = made_of(&aws, "cluster")[0]["metadata"]["annotations"]["crossplane.io/external-name"].as_str().unwrap();
            assert_eq!(target["resourceId"], format!("service/{names}/{names}"));
            assert_eq!(for_provider(&aws, "scaling-policy")["resourceId"], target["resourceId"]);
        }
    }

    let gcp = settled(GCP, parameters.clone());
    let scaling = &for_provider(&gcp, "service")["template"]["scaling"];
    assert_eq!(
        scaling,
        &json!({"minInstanceCount": replicas, "maxInstanceCount": most.unwrap_or(replicas as i64)})
    );

    let oci = settled(OCI, parameters.clone());
    assert_eq!(made_of(&oci, "container-instance").len(), replicas);
    assert_eq!(made_of(&oci, "backend").len(), replicas);
    assert_eq!(oci.notices.contains_key("no-autoscaling"), parameters.get("maxReplicas").is_some());
}

#[test]
fn traffic_is_encrypted_and_kept_in_where_it_is_not_public() {
    let aws = settled(AWS, json!({}));
    assert_eq!(for_provider(&aws, "listener-https")["protocol"], "HTTPS");
    assert_eq!(
        for_provider(&aws, "listener-http")["defaultAction"][0]["redirect"]["protocol"],
        "HTTPS"
    );
    assert_eq!(for_provider(&aws, "service")["networkConfiguration"]["assignPublicIp"], false);
    assert!(for_provider(&aws, "load-balancer")["subnets"].as_array().unwrap().len() >= 2);
    let oci = settled(OCI, json!({}));
    assert!(
        for_provider(&oci, "listener-https")["sslConfiguration"][0]["certificateIds"][0]
            .is_string()
    );
    assert_eq!(
        for_provider(&oci, "listener-http")["ruleSetNames"][0],
        for_provider(&oci, "redirect")["name"]
    );

    let private = json!({"public": false});
    let aws = settled(AWS, private.clone());
    assert_eq!(for_provider(&aws, "load-balancer")["internal"], true);
    assert_eq!(for_provider(&aws, "load-balancer-ingress-https")["cidrIpv4"], "10.10.0.0/16");
    assert_eq!(
        for_provider(&settled(GCP, private.clone()), "service")["ingress"],
        "INGRESS_TRAFFIC_INTERNAL_ONLY"
    );
    assert_eq!(for_provider(&settled(OCI, private), "load-balancer")["isPrivate"], true);
}

#[rstest]
#[case(json!({"image": "registry.example.com/checkout:v2"}))]
#[case(json!({"port": 9090}))]
#[case(json!({"memory": "2Gi"}))]
fn what_cannot_change_is_replaced_under_another_name(#[case] change: Value) {
    let (before, after) = (settled(AWS, json!({})), settled(AWS, change.clone()));
    let task = |rendering: &Rendering| {
        let task = made_of(rendering, "task-definition")[0];
        let name = task["metadata"]["name"].clone();
        assert_eq!(for_provider(rendering, "service")["taskDefinitionRef"]["name"], name);
        // The service resolves the reference to the family, so that has to differ too.
        (name, task["spec"]["forProvider"]["family"].clone())
    };
    let ((name, family), (other_name, other_family)) = (task(&before), task(&after));
    assert!(name != other_name && family != other_family);

    let group = |rendering: &Rendering| for_provider(rendering, "target-group")["name"].clone();
    assert_eq!(group(&before) != group(&after), change.get("port").is_some());

    let names = |rendering: &Rendering| -> Vec<Value> {
        made_of(rendering, "container-instance")
            .iter()
            .map(|object| object["metadata"]["name"].clone())
            .collect()
    };
    let (before, after) = (names(&settled(OCI, json!({}))), names(&settled(OCI, change)));
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
}

#[test]
fn oci_replicas_are_spread_and_images_named_in_full() {
    let oci = settled(OCI, json!({"replicas": 6, "image": "nginx:1.27"}));
    let places: Vec<(Value, Value)> = made_of(&oci, "container-instance")
        .iter()
        .map(|object| &object["spec"]["forProvider"])
        .map(|instance| (instance["availabilityDomain"].clone(), instance["faultDomain"].clone()))
        .collect();
    for (at, place) in places.iter().enumerate() {
        assert!(!places[..at].contains(place), "{places:?}");
    }
    for (image, url) in [
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("grafana/grafana:11", "docker.io/grafana/grafana:11"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        ("localhost:5000/b", "localhost:5000/b"),
    ] {
        let oci = settled(OCI, json!({"image": image}));
        assert_eq!(
            made_of(&oci, "container-instance")[0]["spec"]["forProvider"]["containers"][0]["imageUrl"],
            url
        );
    }
}

/// The same value with every map in the opposite order.
fn reversed(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().rev().map(|(name, value)| (name, reversed(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(reversed).collect(),
        other => other,
    }
}

/// Crossplane's encoder writes maps in random order: a name must not follow it, or resources were
/// replaced at every restart.
#[test]
fn what_is_replaced_on_change_is_not_replaced_without_one() {
    let product = default_product("webapp");
    let spec = reversed(serde_json::to_value(&product.spec).unwrap());
    let again = Product::compile("webapp", serde_json::from_value(spec).unwrap()).unwrap();
    for place in [AWS, GCP, OCI] {
        let workload = Workload::new(place, json!({"image": "registry.example.com/checkout:v1"}));
        let keys = |product: &Product| -> Vec<String> {
            let rendering = SimulatedCloud::default().settle(&workload, product);
            rendering.objects.into_iter().map(|composed| composed.key).collect()
        };
        assert_eq!(keys(&product), keys(&again));
    }
}

/// A certificate is for names under the place's domain, and the name leads to the balancer.
#[test]
fn the_url_is_a_name_that_the_certificate_is_for() {
    let aws = settled(AWS, json!({}));
    let record = for_provider(&aws, "record");
    let name = record["name"].as_str().unwrap();
    assert!(name.ends_with(".use1.apps.example.org"), "{name}");
    assert_eq!(aws.connection["url"], format!("https://{name}"));
    assert_eq!(record["alias"]["name"], aws.connection["host"].as_str());

    let oci = settled(OCI, json!({}));
    let record = for_provider(&oci, "record");
    assert_eq!(oci.connection["url"], format!("https://{}", record["domain"].as_str().unwrap()));
    assert_eq!(record["items"][0]["rdata"], oci.connection["host"].as_str());
}

#[test]
fn what_a_container_is_started_with_is_the_same_everywhere() {
    let asked = json!({"env": ["LEVEL=a=b", "PORT=1", "EMPTY"], "command": ["/app"], "args": ["-v"], "healthPath": "/ready"});
    let aws = settled(AWS, asked.clone());
    let text = for_provider(&aws, "task-definition")["containerDefinitions"].as_str().unwrap();
    let container = &serde_json::from_str::<Value>(text).unwrap()[0];
    assert_eq!(container["entryPoint"], json!(["/app"]));
    assert_eq!(container["command"], json!(["-v"]));
    assert_eq!(container["environment"][0], json!({"name": "LEVEL", "value": "a=b"}));
    let health = &for_provider(&aws, "target-group")["healthCheck"];
    assert_eq!((&health["path"], &health["matcher"]), (&json!("/ready"), &json!("200-399")));

    let gcp = settled(GCP, asked.clone());
    let container = &for_provider(&gcp, "service")["template"]["containers"][0];
    // Cloud Run sets PORT itself.
    let expected = json!([{"name": "LEVEL", "value": "a=b"}, {"name": "EMPTY", "value": ""}]);
    assert_eq!(container["env"], expected);
    assert_eq!(container["startupProbe"]["httpGet"]["path"], "/ready");

    let oci = settled(OCI, asked);
    let container = &made_of(&oci, "container-instance")[0]["spec"]["forProvider"]["containers"][0];
    let expected = json!({"EMPTY": "", "LEVEL": "a=b", "PORT": "1"});
    assert_eq!(container["environmentVariables"], expected);
    assert_eq!(container["healthChecks"][0]["path"], "/ready");
}

#[test]
fn an_image_that_cloud_run_does_not_take_is_told() {
    for (image, told) in [
        ("registry.example.com/checkout:v1", true),
        ("nginx:1.27", false),
        ("grafana/grafana:11", false),
        ("us-docker.pkg.dev/p/r/i:1", false),
        ("eu.gcr.io/p/i:1", false),
        ("ghcr.io/a/b:1", false),
        ("notgcr.io/a/b:1", true),
    ] {
        let gcp = settled(GCP, json!({"image": image}));
        assert_eq!(gcp.notices.contains_key("image-registry"), told, "{image}");
    }
}

/// While another port is taken over, what still runs serves the old one.
#[test]
fn a_change_of_port_closes_nothing() {
    let rules = |place: &str, rule: &str| {
        let at = |port: u32| for_provider(&settled(place, json!({"port": port})), rule).clone();
        (at(8080), at(9090))
    };
    for (place, rule) in [
        (AWS, "app-ingress"),
        (AWS, "load-balancer-egress"),
        (OCI, "security-group-ingress"),
        (OCI, "backend-set"),
    ] {
        let (before, after) = rules(place, rule);
        assert_eq!(before, after, "{place} {rule}");
    }
}
