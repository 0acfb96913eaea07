//! `idp explain`, `impact`, `simulate`, `check`, `replay` and `test` as a person or a pipeline runs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod placement_tests;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use idp_core::catalog::{Catalog, embedded, embedded_files, read_objects};
use idp_core::insight::fleet::generate;
use idp_core::insight::simulate::simulate;
use idp_core::insight::{Loss, impact::impact};
use idp_core::schedule::{PlacementQuery, Provenance};
use idp_crds::names::PLACEMENT_REASON;
use idp_crds::record::DecidedBy;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

fn idp(arguments: &[&str], input: &str) -> Ran {
    let programs = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
    let mut child = Command::new(programs.join("idp"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env_remove("IDP_CATALOG")
        .env_remove("IDP_SCHEMAS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn claim(name: &str, tier: &str) -> Value {
    json!({
        "apiVersion": "db.platform.example.org/v1alpha1",
        "kind": "MySQLInstanceClaim",
        "metadata": {"name": name, "namespace": "team-a"},
        "spec": {"parameters": {
            "cell": "cell-1", "environment": "production", "tier": tier, "ha": false,
            "size": "small", "storageGB": 20,
        }},
    })
}

/// The decision that the default catalog makes of a workload, as its annotation has it.
fn recorded(name: &str, tier: &str) -> String {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let query = PlacementQuery { name, tier, ha: false, exclude: Default::default(), unfit: &[] };
    let decision = catalog.scheduler().decide(&query).unwrap();
    decision.record(Provenance::first(DecidedBy::Admission)).to_annotation()
}

fn placed(name: &str, tier: &str) -> Value {
    let mut claim = claim(name, tier);
    claim["metadata"]["annotations"] = json!({PLACEMENT_REASON: recorded(name, tier)});
    claim
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// The default catalog in a folder, to be edited.
fn catalog_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in embedded_files() {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn explains_claims_lists_records_and_answers_alike() {
    for input in [
        claim("orders", "low").to_string(),
        list(&[placed("orders", "low")]),
        serde_saphyr::to_string(&placed("orders", "low")).unwrap(),
        recorded("orders", "low"),
        format!("{{\"id\":\"a\",\"placement\":{{}},\"reason\":{}}}", recorded("orders", "low")),
    ] {
        let ran = idp(&["explain", "-", "-o", "json"], &input);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let item = &ran.json()["items"][0];
        assert_eq!(item["explanation"]["selected"], "aws/us-east-1", "{input}");
        assert_eq!(item["explanation"]["places"].as_array().unwrap().len(), 7);
        if !item["recorded"].is_null() {
            assert_eq!(item["recorded"]["sameCatalog"], true);
            assert_eq!(item["recorded"]["samePlace"], true);
        }
    }
    let two = idp(&["explain", "-"], &list(&[placed("a", "low"), claim("b", "critical")]));
    assert!(two.out.contains("mysql team-a/a (tier low)"), "{}", two.out);
    assert!(two.out.contains("is at aws/us-east-1 by decision 1 of admission"), "{}", two.out);
    assert!(two.out.contains("mysql team-a/b (tier critical)"), "{}", two.out);
}

#[test]
fn explains_one_place_and_draws_a_picture() {
    let claim = claim("orders", "low").to_string();
    let ran = idp(&["explain", "-", "--place", "oci/us-ashburn-1"], &claim);
    assert!(ran.out.contains("MissingCapability: lacks multi_az"), "{}", ran.out);
    assert!(!ran.out.contains("gcp/europe-west1 "), "{}", ran.out);
    let ran = idp(&["explain", "-", "--place", "oci/us-ashburn-2"], &claim);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("did you mean \"oci/us-ashburn-1\""), "{}", ran.err);

    let ran = idp(&["explain", "-", "-o", "svg"], &claim);
    assert!(ran.out.starts_with("<svg xmlns=") && ran.out.ends_with("</svg>\n"), "{}", ran.out);
    assert_eq!(ran.out.matches("font-weight=\"bold\">aws/us-east-1").count(), 1);
}

#[test]
fn what_is_no_workload_is_refused_by_explain_and_left_out_of_a_fleet_aloud() {
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
    let ran = idp(&["explain", "-"], &other.to_string());
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("MySQLInstanceClaim") && ran.err.contains("ConfigMap x"),
        "{}",
        ran.err
    );
    let mut bad = placed("bad", "low");
    bad["spec"]["parameters"]["tier"] = json!("lowest");
    bad["spec"]["parameters"]["environment"] = json!("prod");
    let ran = idp(&["explain", "-"], &bad.to_string());
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("spec.parameters.tier") && ran.err.contains("spec.parameters.environment"),
        "{}",
        ran.err
    );

    let input = list(&[other.clone(), bad, placed("good", "low"), claim("new", "low")]);
    let ran = idp(&["impact", "aws", "--fleet", "-", "-o", "json"], &input);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!((&ran.json()["workloads"], &ran.json()["total"]["hit"]), (&json!(2), &json!(2)));
    assert!(ran.err.contains("ConfigMap x: of no product"), "{}", ran.err);
    assert!(ran.err.contains("team-a/bad: spec.parameters.tier"), "{}", ran.err);
    assert!(ran.err.contains("without a placement yet: 1;"), "{}", ran.err);
    let ran = idp(&["impact", "aws", "--fleet", "-"], &list(&[other]));
    assert_eq!(ran.code, 3, "{}", ran.err);
}

#[test]
fn impact_tells_of_everyone_and_of_the_worst_pair() {
    let ran = idp(&["impact", "aws", "gcp", "--generate", "1000", "-o", "json"], "");
    let impact = ran.json();
    assert_eq!(impact["lost"], "aws and gcp");
    assert_eq!(impact["total"]["hit"], impact["hit"].as_array().unwrap().len());
    assert!(impact["total"]["nowhere"].as_u64().unwrap() > 0, "oci has no multi_az");
    assert_eq!(impact["worstProviders"]["lost"], "aws and gcp");
    let ran = idp(&["impact", "awz", "--generate", "10"], "");
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("did you mean \"aws\""), "{}", ran.err);
    assert_eq!(idp(&["impact", "aws"], "").code, 2, "of which workloads?");
}

#[test]
fn a_gate_lets_small_edits_through_and_refuses_large_and_wrong_ones() {
    let edit = |cost: f64, dr: f64| {
        json!({
            "apiVersion": "platform.example.org/v1alpha1", "kind": "Tier",
            "metadata": {"name": "low"},
            "spec": {
                "rtoMinutes": 30, "rpoMinutes": 5,
                "requiredCapabilities": ["pitr", "multi_az", "private_networking"],
                "weights": {"latency": 0.3, "dr": dr, "maturity": 0.25, "cost": cost},
                "failover": {"enabled": true},
            },
        })
        .to_string()
    };
    let gate = |limit: &str, edit: &str| {
        let arguments = [
            "simulate",
            "--change",
            "-",
            "--generate",
            "2000",
            "--max-changed",
            limit,
            "-o",
            "json",
        ];
        idp(&arguments, edit)
    };
    let same = gate("0", &edit(0.15, 0.3));
    assert_eq!((same.code, &same.json()["changed"]), (0, &json!(0)), "{}", same.err);
    let large = gate("5%", &edit(0.35, 0.1));
    assert_eq!(large.code, 1);
    let simulation = large.json();
    assert!(simulation["moves"]["aws/us-east-1 -> gcp/us-central1"].as_u64().unwrap() > 100);
    assert_eq!(simulation["changed"], simulation["byTier"]["low"]);
    assert!(large.err.contains("--max-changed"), "{}", large.err);
    assert_eq!(gate("100%", &edit(0.35, 0.1)).code, 0);
    let wrong = gate("100%", &edit(0.5, 0.3));
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("must sum to 1"), "{}", wrong.err);
    assert_eq!(gate("101%", "").code, 2);
    let ran = idp(&["simulate", "--remove", "Tier/lo", "--generate", "10"], "");
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("did you mean \"low\""), "{}", ran.err);
}

#[test]
fn the_shipped_catalog_passes_and_the_references_does_not() {
    assert_eq!(idp(&["check"], "").code, 0);
    assert_eq!(idp(&["check", "--fail-on", "warning"], "").code, 1);
    let allowed = ["check", "--fail-on", "warning", "--allow", "NoTargetAfterLoss", "-o", "json"];
    assert_eq!(idp(&allowed, "").code, 0);
    assert_eq!(idp(&["check", "--allow", "NoSuchThing"], "").code, 2);

    // The reference asks of a failover target what only one cloud has.
    let folder = catalog_folder();
    let tiers = folder.path().join("tiers.yaml");
    let text = std::fs::read_to_string(&tiers).unwrap();
    let line = "    requiredCapabilities: [pitr, multi_az, private_networking]\n";
    assert!(text.contains(line));
    std::fs::write(&tiers, text.replace(line, "")).unwrap();
    let path = folder.path().to_str().unwrap();
    let ran = idp(&["check", "--catalog", path], "");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("error: NoTarget: Tier business_critical"), "{}", ran.out);
    assert!(ran.out.contains("error: NoPlaceAfterLoss: Tier business_critical"), "{}", ran.out);

    std::fs::write(&tiers, text.replace("rpoMinutes: 15", "rpoMinutes: 0")).unwrap();
    let ran = idp(&["check", "--catalog", path], "");
    let said = "warning: NothingKeepsData: Tier medium promises what it cannot keep";
    assert!(ran.out.contains(said), "{}", ran.out);
    std::fs::write(&tiers, text.replace(line, "")).unwrap();

    let log = idp(&["check", "--catalog", path, "-o", "sarif"], "").json();
    assert_eq!(log["version"], "2.1.0");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let error = results.iter().find(|result| result["ruleId"] == "NoTarget").unwrap();
    let at = &error["locations"][0]["physicalLocation"];
    assert!(at["artifactLocation"]["uri"].as_str().unwrap().ends_with("tiers.yaml"));
    let line = at["region"]["startLine"].as_u64().unwrap() as usize;
    let below: Vec<&str> = text.lines().skip(line - 1).take(5).collect();
    assert!(below.contains(&"  name: business-critical"), "{below:?}");
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(results.iter().all(|r| rules.iter().any(|rule| rule["id"] == r["ruleId"])));
}

#[test]
fn what_schedule_printed_is_replayed_byte_for_byte() {
    let mut questions = String::new();
    for number in 0..2000 {
        let tier = ["low", "medium", "critical", "business_critical", "unknown"][number % 5];
        let leave: &[&str] = if number % 3 == 0 { &["aws"] } else { &[] };
        let question = json!({"id": number, "kind": "schedule", "input": {
            "request": {"name": format!("w-{number}"), "tier": tier, "ha": number % 2 == 0},
            "exclude_providers": leave,
        }});
        questions.push_str(&format!("{question}\n"));
    }
    let answers = idp(&["schedule"], &questions).out;
    let undecided = answers.lines().filter(|line| line.contains("\"error\":")).count();
    assert!((400..2000).contains(&undecided));
    let ran = idp(&["replay"], &answers);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let tally = json!({"same": 2000 - undecided, "others": 0, "withoutDecision": undecided});
    assert_eq!(ran.json(), tally);

    // Annotations, as JSON strings and on objects.
    let text = recorded("orders", "low");
    let lines = format!("{}\n{}\n{text}\n\n", json!(text), placed("orders", "low"));
    let ran = idp(&["replay"], &lines);
    assert_eq!(ran.json(), json!({"same": 3, "others": 0, "withoutDecision": 0}), "{}", ran.err);

    // Another catalog: which input differs.
    let folder = catalog_folder();
    let path = folder.path().join("candidates.yaml");
    let edited = std::fs::read_to_string(&path).unwrap().replace("latency: 0.90", "latency: 0.91");
    std::fs::write(&path, edited).unwrap();
    let lines = format!("{text}\nnonsense\n{{}}\n");
    let ran = idp(&["replay", "--catalog", folder.path().to_str().unwrap()], &lines);
    assert_eq!(ran.code, 1);
    let told: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&told[0]["line"], &told[0]["verdict"]), (&json!(1), &json!("differs")));
    let inputs: Vec<&str> = told[0]["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| difference["input"].as_str().unwrap())
        .collect();
    assert!(inputs.contains(&"Candidate aws/us-east-1"), "{inputs:?}");
    assert!(inputs.contains(&"the catalog as a whole"), "{inputs:?}");
    assert_eq!(
        (&told[1]["verdict"], &told[2]["verdict"]),
        (&json!("unreadable"), &json!("unreadable"))
    );
    assert_eq!(told[3], json!({"same": 0, "others": 3, "withoutDecision": 0}));
}

/// One line for `idp schedule`.
fn question(number: usize) -> Value {
    let tier = ["low", "medium", "critical", "business_critical"][number % 4];
    let request = json!({"name": format!("w{number}"), "tier": tier, "ha": number % 8 < 4});
    json!({"id": number, "kind": "schedule", "input": {"request": request}})
}

/// `cargo test --release -p idp-tests --test insight_cli -- --ignored --nocapture a_million`
#[test]
#[ignore = "measures: release builds only"]
fn a_million_records_are_replayed_within_thirty_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let questions: String =
        (0..1_000_000).map(|number| format!("{}\n", question(number))).collect();
    let answers = folder.path().join("answers.jsonl");
    std::fs::write(&answers, idp(&["schedule"], &questions).out).unwrap();
    let started = std::time::Instant::now();
    let ran = idp(&["replay", answers.to_str().unwrap()], "");
    let took = started.elapsed();
    let bytes = std::fs::metadata(&answers).unwrap().len();
    println!("1 000 000 records, {bytes} bytes, in {took:?}: {}", ran.out);
    assert_eq!((ran.code, ran.json()["same"].as_u64()), (0, Some(1_000_000)), "{}", ran.err);
    assert!(took.as_secs() < 30, "{took:?}");
}

/// With a build for another architecture and what runs it, such as
/// `IDP_FOREIGN='qemu-aarch64 -L /usr/aarch64-linux-gnu target/aarch64-unknown-linux-gnu/debug/idp'`.
#[test]
#[ignore = "needs a build for another architecture"]
fn another_architecture_decides_the_same_bytes() {
    let foreign = std::env::var("IDP_FOREIGN").expect("IDP_FOREIGN");
    let foreign = |arguments: &[&str], input: &Path| {
        let mut words = foreign.split_whitespace();
        let ran = Command::new(words.next().unwrap())
            .args(words)
            .args(arguments)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stdin(std::fs::File::open(input).unwrap())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let [questions, answers] = ["questions", "answers"].map(|name| folder.path().join(name));
    let asked: String = (0..20_000).map(|number| format!("{}\n", question(number))).collect();
    std::fs::write(&questions, &asked).unwrap();
    let here = idp(&["schedule"], &asked).out;
    std::fs::write(&answers, &here).unwrap();
    assert!(foreign(&["schedule"], &questions) == here, "the same answers, byte for byte");
    let told: Value =
        serde_json::from_str(&foreign(&["replay", answers.to_str().unwrap()], &answers)).unwrap();
    assert_eq!(told["same"], 20_000, "{told}");
}

/// The example that the console shows is what the platform makes of those claims.
#[test]
fn the_example_fleet_is_what_the_shipped_catalog_decides() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../package/examples/fleet.yaml");
    let objects = read_objects(&std::fs::read_to_string(file).unwrap()).unwrap();
    let lines: Vec<String> = objects.iter().map(ToString::to_string).collect();
    let ran = idp(&["replay"], &lines.join("\n"));
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains(r#""same":10"#), "{}", ran.out);
}

#[test]
fn ten_thousand_workloads_are_simulated() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let fleet = generate(&catalog, 10_000);
    let simulation = simulate(&catalog, &catalog, &fleet);
    let impact = impact(catalog.scheduler(), &fleet, &Loss::provider("aws"));
    assert_eq!((simulation.workloads, impact.workloads), (10_000, 10_000));
    assert_eq!(simulation.changed, 0, "nothing changes by no change");
}
