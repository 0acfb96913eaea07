//! `idp test`.

use std::process::{Command, Stdio};

use idp_tests::provider_schema;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{catalog_folder, claim, idp, list};

/// A test of the default catalog, with these steps.
fn placement_test(steps: Value) -> String {
    json!({
        "apiVersion": "test.platform.example.org/v1alpha1",
        "kind": "PlacementTest",
        "metadata": {"name": "orders"},
        "spec": {"claim": claim("orders", "low"), "steps": steps},
    })
    .to_string()
}

#[test]
fn the_shipped_catalogs_own_tests_pass() {
    let report = TempDir::new().unwrap();
    let path = report.path().join("junit.xml");
    let ran = idp(&["test", "package/tests", "--junit", path.to_str().unwrap()], "");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("22 passed, 0 failed\n"), "{}", ran.out);
    let report = std::fs::read_to_string(path).unwrap();
    assert_eq!(report.matches("<testcase ").count(), 22);
    assert!(report.contains("tests=\"22\" failures=\"0\""));
}

#[test]
fn a_test_that_expects_something_else_fails_with_what_was_found() {
    for (steps, why) in [
        (
            json!([{"expect": {"place": "gcp/us-central1"}}]),
            "step 1: place: expected gcp/us-central1, found aws/us-east-1",
        ),
        (
            json!([{"expect": {"failover": "none"}}]),
            "failover: expected none, found gcp/us-central1",
        ),
        (
            json!([{"expect": {"failover": {"notProvider": "gcp"}}}]),
            "failover: expected a place not of gcp",
        ),
        (
            json!([{"expect": {"rejected": {"oci/us-ashburn-1": "CircuitOpen"}}}]),
            "expected CircuitOpen, found MissingCapability",
        ),
        (
            json!([{"expect": {"rejected": {"aws/us-east-1": "CircuitOpen"}}}]),
            "expected CircuitOpen, found not rejected",
        ),
        (json!([{"expect": {"phase": "Moving"}}]), "phase: expected Moving, found Steady"),
        (json!([{"expect": {"ready": true}}]), "ready: expected true, found false"),
        (json!([{"expect": {"deletes": ["instance"]}}]), "deletes: expected instance, found "),
        (json!([{"expect": {"refused": ["x"]}}]), "refused: expected x, and it is not refused"),
        (json!([{"set": {"parameters": {"tier": "x"}}}]), "it is refused: spec.parameters.tier"),
        (
            json!([{"set": {"parameters": {"tier": "x"}}, "expect": {"refused": ["spec.parameters.cell"]}}]),
            "refused: expected spec.parameters.cell, found spec.parameters.tier",
        ),
        (
            json!([{"expect": {"resources": [{"name": "instances"}]}}]),
            "resource instances: expected at least one, found 0; there are",
        ),
        (
            json!([{"expect": {"resources": [{"name": "instance", "count": 2}]}}]),
            "resource instance: expected 2, found 1",
        ),
        (
            json!([{"expect": {"resources": [{"name": "instance", "match": {"spec": {"forProvider": {"engine": "oracle"}}}}]}}]),
            "instance.spec.forProvider.engine: expected \"oracle\", found \"mysql\"",
        ),
        (
            json!([{"name": "seen", "observe": {"nothing": "ready"}}]),
            "step 1 (seen): observe: there is no resource nothing",
        ),
    ] {
        let ran = idp(&["test", "-"], &placement_test(steps.clone()));
        assert_eq!(ran.code, 1, "{steps}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(why), "{steps}: {}", ran.out);
        assert!(
            ran.out.contains("FAILED") && ran.out.contains("0 passed, 1 failed"),
            "{}",
            ran.out
        );
    }
}

/// Branches begin where the last step that is none has ended; a placed workload changes as its
/// product allows.
#[test]
fn a_variant_leaves_no_trace_and_update_rules_hold() {
    let placed = json!({"place": "aws/us-east-1", "connectionKeys": []});
    let steps = json!([
        {"set": {"parameters": {"storageGB": 10}}, "expect": placed},
        {"variant": true, "annotate": {"failover": "aws"}, "expect": {"place": "gcp/us-central1"}},
        {"variant": true, "down": ["aws"], "set": {"parameters": {"storageGB": 40}}, "expect": placed},
        {"set": {"parameters": {"storageGB": 30}}, "expect": placed},
        {"set": {"parameters": {"storageGB": 20}}, "expect": {"refused": ["spec.parameters.storageGB: can only grow"]}},
    ]);
    let ran = idp(&["test", "-"], &placement_test(steps));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn connection_keys_are_those_that_are_known() {
    let seen = json!({"state": "ready", "status": {"atProvider": {"dnsName": "lb.example.com"}}});
    let test = |keys: Value| {
        json!({
            "apiVersion": "test.platform.example.org/v1alpha1", "kind": "PlacementTest",
            "metadata": {"name": "checkout"},
            "spec": {"claim": "package/examples/webapp.yaml", "steps": [
                {"expect": {"connectionKeys": []}},
                {"observe": {"load-balancer": seen}, "expect": {"connectionKeys": keys}},
            ]},
        })
        .to_string()
    };
    let ran = idp(&["test", "-"], &test(json!(["url", "host", "port"])));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let ran = idp(&["test", "-"], &test(json!(["host"])));
    let told = "step 2: connectionKeys: expected host, found host, port, url";
    assert!(ran.code == 1 && ran.out.contains(told), "{}{}", ran.out, ran.err);
}

/// What a Product makes of a workload is held to the providers' CRDs, with nothing dropped.
#[test]
fn what_a_provider_would_refuse_or_drop_fails() {
    let Some(schemas) = provider_schema::folder() else { return };
    let schemas = schemas.to_str().unwrap();
    let ran = idp(&["test", "package/tests", "--schemas", schemas], "");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);

    let folder = catalog_folder();
    let path = folder.path().join("products/mysql.yaml");
    let right = std::fs::read_to_string(&path).unwrap();
    let misspelt = [("publiclyAccessible:", "publicAccessible:"), ("cidrIpv4:", "cidrIpV4:")];
    let wrong = misspelt.iter().fold(right.clone(), |text, (from, to)| text.replace(from, to));
    for (_, field) in misspelt {
        assert!(wrong.contains(field), "{field}");
    }
    std::fs::write(&path, wrong).unwrap();
    let test = placement_test(json!([{"expect": {"place": "aws/us-east-1"}}]));
    let catalog = ["test", "-", "--catalog", folder.path().to_str().unwrap()];
    assert_eq!(idp(&catalog, &test).code, 0, "nobody knows of it");
    let ran = idp(&[&catalog[..], &["--schemas", schemas]].concat(), &test);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    // Whatever is made, not only what is made first.
    for (of, field) in [("instance", "publicAccessible"), ("security-group-ingress", "cidrIpV4")] {
        let told = format!(
            "step 1: schema-valid: aws-us-east-1/{of}: .spec.forProvider: Additional properties are not allowed ('{field}' was unexpected)"
        );
        assert!(ran.out.contains(&told), "{}", ran.out);
    }

    let ran = idp(&["test", "package/tests", "--schemas", "docs"], "");
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("docs holds no CustomResourceDefinition"), "{}", ran.err);
}

#[test]
fn a_test_that_cannot_be_read_says_where() {
    let ran = idp(&["test", "-"], &placement_test(json!([{"expect": {"plaice": "x"}}])));
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("PlacementTest orders") && ran.err.contains("plaice"), "{}", ran.err);
    let mut many: Value = serde_json::from_str(&placement_test(json!([{}]))).unwrap();
    let values: Vec<u32> = (0..100).collect();
    many["spec"]["matrix"] = json!({"a": values, "b": values, "c": values});
    let ran = idp(&["test", "-"], &many.to_string());
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("spec.matrix makes more than 10000 cases"), "{}", ran.err);
    let ran = idp(&["test", "-"], &claim("orders", "low").to_string());
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("there is no PlacementTest"), "{}", ran.err);
}

#[test]
fn what_is_recorded_passes() {
    let claims = list(&[claim("orders", "low"), claim("other", "nonsense")]);
    let recorded = idp(&["test", "--record", "-"], &claims);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    let ran = idp(&["test", "-"], &recorded.out);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("2 passed"), "{}", ran.out);
    // Another catalog: it does not.
    let folder = catalog_folder();
    let path = folder.path().join("candidates.yaml");
    let edited = std::fs::read_to_string(&path).unwrap().replace("latency: 0.90", "latency: 0.10");
    std::fs::write(&path, edited).unwrap();
    let ran = idp(&["test", "-", "--catalog", folder.path().to_str().unwrap()], &recorded.out);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
}

#[test]
fn a_test_of_one_tier_does_not_notice_what_is_wrong_with_the_others() {
    let test = placement_test(json!([{"expect": {"place": "aws/us-east-1"}}]));
    let ran = idp(&["test", "-", "--mutate"], &test);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let unnoticed = |what: &str| ran.err.lines().any(|line| line.trim() == what);
    assert!(ran.err.contains("no test notices that"), "{}", ran.err);
    assert!(unnoticed("Tier critical: cost weighs nothing"), "{}", ran.err);
    assert!(unnoticed("Tier business_critical: cross_region_replication is not asked for"));
    // The place that it expects.
    assert!(!unnoticed("aws/us-east-1 has no multi_az"), "{}", ran.err);
    // What fails as it is says nothing of others.
    let failing = placement_test(json!([{"expect": {"place": "oci/us-ashburn-1"}}]));
    let ran = idp(&["test", "-", "--mutate"], &failing);
    assert!(ran.code == 1 && !ran.out.contains("noticed"), "{}", ran.out);
}

#[test]
fn coverage_names_what_is_never_reached() {
    let steps = json!([{"expect": {"place": "aws/us-east-1"}}]);
    let ran = idp(&["test", "-", "--coverage"], &placement_test(steps));
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (line, missed) in [
        ("never: Tier medium: pitr keeps no place out", true),
        ("never: Tier low: multi_az keeps no place out", false),
        ("never: Product mysql: gcp's instance is not made", true),
        ("never: Product mysql: aws's instance is not made", false),
        ("never: Product mysql: aws's replica is not left out by its condition", false),
    ] {
        assert_eq!(ran.out.lines().any(|found| found == line), missed, "{line}: {}", ran.out);
    }
}

#[test]
fn a_watched_test_runs_again_when_its_file_is_another() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.yaml");
    let write = |place: &str| {
        let steps = json!([{"expect": {"place": place}}]);
        std::fs::write(&path, placement_test(steps)).unwrap();
    };
    write("aws/us-east-1");
    let programs = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    let mut child = Command::new(programs.join("idp"))
        .args(["test", "--watch"])
        .arg(&path)
        .env_remove("IDP_CATALOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let pipes: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for pipe in pipes {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in std::io::BufReader::new(pipe).lines() {
                // Nobody listens any more when the test has ended.
                let _ = sender.send(line.unwrap());
            }
        });
    }
    let child = Ended(child);
    let until = |words: &str| loop {
        let line = lines.recv_timeout(std::time::Duration::from_secs(120)).expect(words);
        if line.contains(words) {
            return;
        }
    };
    until("1 passed, 0 failed");
    write("oci/us-ashburn-1, which is longer");
    until("0 passed, 1 failed");
    // What cannot be read ends nothing.
    std::fs::write(&path, "kind: [").unwrap();
    until("error: ");
    until("waiting for a change");
    write("aws/us-east-1");
    until("1 passed, 0 failed");
    drop(child);
}

/// A program that ends with the test, however that ends.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A place that cannot be a workload's any more must not move it: the player holds every step to
/// that, and to what a failover brings.
#[test]
fn steps_carry_on_from_one_to_the_next() {
    let steps = json!([
        {"expect": {"place": "aws/us-east-1"}},
        {"observe": {"instance": {"state": "ready", "status": {"atProvider": {"id": "x"}}}}},
        {"annotate": {"failover": "aws"}, "expect": {"place": "gcp/us-central1", "phase": "Moving", "deletes": []}},
        {"down": ["gcp"], "expect": {"place": "gcp/us-central1", "phase": "Moving"}},
        {"set": {"parameters": {"tier": "x"}}, "expect": {"refused": ["spec.parameters.tier"]}},
        {"expect": {"place": "gcp/us-central1"}},
    ]);
    let ran = idp(&["test", "-"], &placement_test(steps));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
