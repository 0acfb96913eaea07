//! What `idp simulate` and the warnings of an edit foretell is what happens to claims that are made
//! anew on the cluster.

use std::collections::BTreeMap;
use std::fs;

use idp_tests::cluster::{Cluster, User, eventually};
use serde_json::{Value, json};

use super::{apply, idp, program};

const NAMESPACE: &str = "simulated";
const CLAIMS: usize = 200;
const TIERS: [&str; 4] = ["low", "medium", "critical", "business_critical"];
const KINDS: &str = "mysqlinstanceclaims,postgresqlinstanceclaims,webappclaims";

/// Claim → where it is, and whether it has a failover target.
type Places = BTreeMap<String, (String, bool)>;

/// The examples' claims, in every tier.
fn claims() -> Value {
    let examples = ["mysql", "postgresql", "webapp"].map(|name| {
        let path = format!("{}/../package/examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        serde_saphyr::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap()
    });
    let claim = |number: usize| {
        let mut claim = examples[number % 3].clone();
        claim["metadata"] = json!({
            "name": format!("workload-{number}"), "namespace": NAMESPACE,
            // Admission decides; nothing is made of them.
            "annotations": {"crossplane.io/paused": "true"},
        });
        let parameters = &mut claim["spec"]["parameters"];
        parameters["cell"] = format!("cell-{}", number % 7).into();
        parameters["tier"] = TIERS[number / 3 % 4].into();
        parameters["environment"] = "dev".into();
        parameters["ha"] = (number / 12).is_multiple_of(2).into();
        claim
    };
    let items: Vec<Value> = (0..CLAIMS).map(claim).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn record(claim: &Value) -> Value {
    let annotation = &claim["metadata"]["annotations"]["platform.example.org/placement-reason"];
    serde_json::from_str(annotation.as_str().unwrap_or_else(|| panic!("{claim}"))).unwrap()
}

/// Every claim made anew, as the API server has it then; what has no place is refused.
fn make_anew(admin: &User) -> Value {
    admin.kubectl(&["-n", NAMESPACE, "delete", KINDS, "--all", "--wait"], "").unwrap();
    if let Err(refused) = admin.kubectl(&["create", "-f", "-"], &claims().to_string()) {
        let others =
            |line: &&str| line.starts_with("Error") && !line.contains("No candidates pass");
        assert_eq!(refused.lines().find(others), None);
    }
    let all = admin.kubectl(&["-n", NAMESPACE, "get", KINDS, "-o", "json"], "").unwrap();
    serde_json::from_str(&all).unwrap()
}

fn places(all: &Value) -> Places {
    let place = |claim: &Value| {
        let (kind, name) = (claim["kind"].as_str().unwrap(), &claim["metadata"]["name"]);
        let record = record(claim);
        let selected = &record["selected"];
        let text = |field: &str| selected[field].as_str().unwrap().to_owned();
        let place = format!("{}/{}", text("provider"), text("region"));
        (format!("{kind} {name}"), (place, record.get("failover").is_some()))
    };
    all["items"].as_array().unwrap().iter().map(place).collect()
}

/// What an edit does to the fleet of a file, or of the cluster.
fn foretold(cluster: &Cluster, edit: &str, fleet: Option<&Value>) -> Value {
    let file = cluster.dir.join("edit.yaml");
    fs::write(&file, edit).unwrap();
    let mut arguments = vec!["simulate", "--live", "-o", "json", "--change"];
    arguments.push(file.to_str().unwrap());
    let exported = cluster.dir.join("fleet.json");
    if let Some(fleet) = fleet {
        fs::write(&exported, fleet.to_string()).unwrap();
        arguments.extend(["--fleet", exported.to_str().unwrap()]);
    }
    let output = std::process::Command::new(program("idp"))
        .args(&arguments)
        .env("KUBECONFIG", &cluster.control_plane.admin.kubeconfig)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What an edit did, in the simulation's words.
fn happened(before: &Places, after: &Places) -> Value {
    let mut moves: BTreeMap<String, usize> = BTreeMap::new();
    let (mut lost, mut gained, mut unplaceable) = (0, 0, 0);
    let nowhere = ("nowhere".to_owned(), false);
    for (claim, (from, target)) in before {
        let (to, next) = after.get(claim).unwrap_or(&nowhere);
        unplaceable += usize::from(*to == nowhere.0);
        lost += usize::from(*target && !next);
        gained += usize::from(!target && *next);
        if from != to {
            *moves.entry(format!("{from} -> {to}")).or_default() += 1;
        }
    }
    json!({
        "workloads": before.len(), "changed": moves.values().sum::<usize>(), "moves": moves,
        "unplaceable": unplaceable, "targetsLost": lost, "targetsGained": gained,
    })
}

/// Edits of what is shipped, each in one object.
fn edits() -> [(&'static str, String); 2] {
    let catalog = idp(&["generate", "catalog"]);
    let object = |kind: &str, name: &str| {
        let is = |document: &&str| {
            document.contains(&format!("kind: {kind}\n"))
                && document.contains(&format!("name: {name}\n"))
        };
        catalog.split("---\n").find(is).unwrap_or_else(|| panic!("{kind} {name}")).to_owned()
    };
    let mut tier: Value = serde_saphyr::from_str(&object("Tier", "low")).unwrap();
    tier["spec"]["weights"] = json!({"latency": 0.3, "dr": 0.1, "maturity": 0.25, "cost": 0.35});
    let mut cloud: Value = serde_saphyr::from_str(&object("CloudProvider", "aws")).unwrap();
    cloud["spec"]["healthy"] = false.into();
    [("a tier's weights", tier.to_string()), ("a cloud switched off", cloud.to_string())]
}

/// With the webhook running and the shipped catalog; leaves both as they were.
pub async fn foretells_what_happens(cluster: &Cluster) {
    println!("--- {CLAIMS} claims, simulated and made anew");
    let admin = &cluster.control_plane.admin;
    admin.kubectl(&["create", "namespace", NAMESPACE], "").unwrap();
    let shipped = idp(&["generate", "catalog"]);
    for (what, edit) in edits() {
        let fleet = make_anew(admin);
        let before = places(&fleet);
        assert_eq!(before.len(), CLAIMS);
        let of_these = foretold(cluster, &edit, Some(&fleet));
        let of_all = foretold(cluster, &edit, None);

        let warned = admin.kubectl_loud(&["apply", "--dry-run=server", "-f", "-"], &edit).unwrap();
        let (changed, all) = (&of_all["changed"], &of_all["workloads"]);
        let words = format!("{changed} of {all} workloads");
        assert!(*changed != json!(0) && warned.contains(&words), "{what}: {words}: {warned}");

        apply(admin, &edit).unwrap();
        let one = claims()["items"][0].clone().to_string().replace("workload-0", "probe");
        let was = record(&fleet["items"][0])["catalog"].clone();
        eventually("the edit to count", async || {
            let ask = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
            let probe: Value = serde_json::from_str(&admin.kubectl(&ask, &one)?).unwrap();
            let now = &record(&probe)["catalog"];
            if *now == was { Err(format!("{now}")) } else { Ok(()) }
        })
        .await;
        let happened = happened(&before, &places(&make_anew(admin)));
        println!("{what}: {happened}");
        for (field, count) in happened.as_object().unwrap() {
            assert_eq!(of_these[field], *count, "{what}: {field}: {of_these}");
        }

        apply(admin, &shipped).unwrap();
        eventually("the shipped catalog to count again", async || {
            let ask = ["create", "--dry-run=server", "-o", "json", "-f", "-"];
            let probe: Value = serde_json::from_str(&admin.kubectl(&ask, &one)?).unwrap();
            let now = &record(&probe)["catalog"];
            if *now == was { Ok(()) } else { Err(format!("{now}")) }
        })
        .await;
    }
    admin.kubectl(&["delete", "namespace", NAMESPACE, "--timeout=120s"], "").unwrap();
}
