//! What a developer with no special right tries, each named after its finding: before the webhook
//! has ever registered, beside it, and after its registration has been deleted.

use idp_core::compose::facts::{Identity, Scope};
use idp_core::compose::names::credentials_name;
use idp_tests::cluster::{User, eventually};
use serde_json::{Value, json};

use super::{NAMESPACE, apply, claim, deletion, placement};

const KIND: &str = "mysqlinstanceclaims.db.platform.example.org";
const REASON: &str = "platform.example.org/placement-reason";
/// A cloud of the developer's choice.
const CHOSEN: &str =
    r#"{"tier":"medium","selected":{"provider":"oci","region":"us-ashburn-1"},"sequence":1}"#;

fn kubectl(user: &User, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut all = vec!["--namespace", NAMESPACE];
    all.extend(arguments);
    user.kubectl(&all, input)
}

fn get(user: &User, name: &str) -> Result<Value, String> {
    let text = kubectl(user, &["get", KIND, name, "-o", "json"], "")?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn patch(user: &User, name: &str, change: &Value) -> Result<String, String> {
    kubectl(user, &["patch", KIND, name, "--type=merge", "-p", &change.to_string()], "")
}

fn annotate(user: &User, name: &str, annotation: &str, value: &str) -> Result<String, String> {
    patch(user, name, &json!({"metadata": {"annotations": {annotation: value}}}))
}

/// A claim as JSON, changed.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut object: Value = serde_saphyr::from_str(&claim(name)).unwrap();
    change(&mut object);
    object.to_string()
}

#[track_caller]
fn refused(outcome: Result<String, String>, why: &str) {
    let message = outcome.expect_err(why);
    assert!(message.contains(why), "{why:?} is not what is said: {message}");
}

/// Where the workload is, as Crossplane reports it.
async fn reported(user: &User, name: &str) -> Value {
    eventually(&format!("{name}'s place"), async || {
        let object = get(user, name)?;
        let place = object["status"]["placement"].clone();
        let bound = object["spec"]["resourceRef"]["name"].is_string();
        if place["provider"].is_string() && bound { Ok(object) } else { Err(object.to_string()) }
    })
    .await
}

/// Finding 5 of a new workload, in every way to write one.
async fn choose_a_place_with_a_new_workload(developer: &User, by: &str) {
    let chosen = |name: &str| {
        changed(name, |object| object["metadata"]["annotations"] = json!({REASON: CHOSEN}))
    };
    // Policies take a moment to be enforced, and registrations to be gone.
    eventually("what is chosen to be refused", async || {
        match kubectl(developer, &["create", "--dry-run=server", "-f", "-"], &chosen("chosen")) {
            Err(message) if message.contains(by) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let create = ["create", "-f", "-"];
    refused(kubectl(developer, &create, &chosen("chosen")), "is set by the platform");
    let server_side = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    refused(kubectl(developer, &server_side, &chosen("chosen")), "is set by the platform");
    // Whoever says himself who set which field is not believed.
    let nobodys = json!([{"manager": "me", "operation": "Update", "apiVersion": "db.platform.example.org/v1alpha1",
        "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]);
    for fields in [json!([{}]), nobodys] {
        let forged = changed("chosen", |object| {
            object["metadata"]["annotations"] = json!({REASON: CHOSEN});
            object["metadata"]["managedFields"] = fields;
        });
        refused(kubectl(developer, &create, &forged), "is set by the platform");
    }
}

/// Before anything of ours has registered: the chart's admission policy alone.
pub async fn find_the_policy_before_the_webhook(admin: &User, developer: &User) {
    println!("--- finding 5: a place is not chosen with a new workload");
    choose_a_place_with_a_new_workload(developer, "needed)").await;

    println!("--- an honest one is made, and the function decides");
    apply(developer, &claim("early-db")).unwrap();
    let object = reported(developer, "early-db").await;
    assert_eq!(object["status"]["placement"]["provider"], "aws");

    println!("--- finding 5: nor with one that is there");
    refused(annotate(developer, "early-db", REASON, CHOSEN), "is set by the platform");
    patch(developer, "early-db", &json!({"metadata": {"managedFields": [{}]}})).unwrap();
    refused(annotate(developer, "early-db", REASON, CHOSEN), "is set by the platform");
    kubectl(
        admin,
        &["annotate", "--dry-run=server", KIND, "early-db", &format!("{REASON}={CHOSEN}")],
        "",
    )
    .unwrap();
    for (annotation, value, verb) in [
        ("failover", "aws", "failover"),
        ("release", "aws-us-east-1", "release"),
        ("adopt-candidate", "x", "failover"),
    ] {
        let annotation = format!("platform.example.org/{annotation}");
        let why = format!("metadata.annotations[{annotation}] needs the verb \"{verb}\"");
        refused(annotate(developer, "early-db", &annotation, value), &why);
    }
    refused(
        annotate(admin, "early-db", "platform.example.org/failover", "aws"),
        "it has not seen this request",
    );

    println!("--- findings 2 and 3: what Crossplane had set is not given, changed or left out");
    let theirs = "resourceRef and resourceRefs are Crossplane's";
    let stolen = json!({"apiVersion": "db.platform.example.org/v1alpha1", "kind": "XMySQLInstance", "name": "theirs"});
    let with_reference = |name: &str| {
        changed(name, |object| {
            object["metadata"]["finalizers"] = json!(["example.org/hold"]);
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            object["spec"]["resourceRef"] = stolen.clone();
        })
    };
    let server_side = ["apply", "--server-side", "-f", "-"];
    refused(kubectl(developer, &server_side, &with_reference("ghost")), theirs);
    let chosen = changed("mine", |object| object["spec"]["compositionRef"] = json!({"name": "x"}));
    refused(kubectl(developer, &["create", "-f", "-"], &chosen), theirs);
    refused(patch(developer, "early-db", &json!({"spec": {"resourceRef": stolen}})), theirs);
    refused(kubectl(developer, &["replace", "-f", "-"], &claim("early-db")), theirs);

    println!("--- finding 10: nor are labels that Crossplane goes by");
    let label = json!({"metadata": {"labels": {"crossplane.io/claim-name": "x"}}});
    refused(
        patch(developer, "early-db", &label),
        "set by Crossplane and the platform, which go by them",
    );

    println!("--- finding 4: nor where the workload is");
    let elsewhere = json!({"status": {"placement": {"provider": "oci", "region": "us-ashburn-1", "sequence": 7}}});
    let status = |user: &User| {
        let change = elsewhere.to_string();
        let ask = [
            "patch",
            KIND,
            "early-db",
            "--subresource=status",
            "--type=merge",
            "--dry-run=server",
            "-p",
            &change,
        ];
        kubectl(user, &ask, "")
    };
    refused(status(developer), "status.placement is what Crossplane reports");
    status(admin).unwrap();

    println!("--- finding 19: a database does not leave production");
    let development = json!({"spec": {"parameters": {"environment": "dev"}}});
    refused(patch(developer, "early-db", &development), "keep production");

    println!("--- and what is theirs stays theirs, to the end");
    patch(developer, "early-db", &json!({"metadata": {"labels": {"team": "alpha"}}})).unwrap();
    patch(developer, "early-db", &json!({"spec": {"parameters": {"storageGB": 30}}})).unwrap();
    let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    let with_hold = |object: &Value| {
        let mut all = object["metadata"]["finalizers"].as_array().unwrap().clone();
        all.push("example.org/hold".into());
        hold(all.into())
    };
    patch(developer, "early-db", &with_hold(&get(developer, "early-db").unwrap())).unwrap();
    deletion::is_refused_by_the_policy_alone(admin, developer).await;
    deletion::unprotect(admin, NAMESPACE, "early-db").await;
    kubectl(developer, &["delete", KIND, "early-db", "--wait=false"], "").unwrap();
    let larger = json!({"spec": {"parameters": {"storageGB": 40}}});
    refused(patch(developer, "early-db", &larger), "the object is being deleted");
    refused(patch(developer, "early-db", &json!({"spec": {"resourceRef": stolen}})), theirs);
    eventually("the end of early-db but for its holder", async || {
        let object = get(developer, "early-db")?;
        let held = object["metadata"]["finalizers"] == json!(["example.org/hold"]);
        if held { Ok(()) } else { Err(object["metadata"]["finalizers"].to_string()) }
    })
    .await;
    patch(developer, "early-db", &hold(json!([]))).unwrap();
}

/// Finding 24: whoever reads a composite's uid knows how its credentials' Secret will be called.
pub async fn make_the_credentials_before_the_workload_does(admin: &User, developer: &User) {
    println!("--- finding 24: a credentials Secret that somebody made is not adopted");
    // Not to be placed, and so not composed, until its tier is one.
    let waits = claim("late-db").replace("tier: medium", "tier: unknown");
    apply(developer, &waits).unwrap();
    let composite = eventually("the composite resource", async || {
        let object = get(developer, "late-db")?;
        let name = object["spec"]["resourceRef"]["name"].as_str().ok_or("no resourceRef")?;
        let ask = ["get", "xmysqlinstances.db.platform.example.org", name, "-o", "json"];
        let text = admin.kubectl(&ask, "")?;
        serde_json::from_str::<Value>(&text).map_err(|error| error.to_string())
    })
    .await;
    let text = |pointer: &str| composite.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let identity = Identity {
        name: text("/metadata/name"),
        claim_name: "late-db".to_owned(),
        namespace: NAMESPACE.to_owned(),
        scope: Scope::Cluster,
        uid: Some(text("/metadata/uid")),
    };
    let name = credentials_name(&identity, "mysql");
    let known = [
        "create",
        "secret",
        "generic",
        &name,
        "--from-literal=username=dbadmin",
        "--from-literal=password=known",
    ];
    kubectl(admin, &known, "").unwrap();
    patch(developer, "late-db", &json!({"spec": {"parameters": {"tier": "medium"}}})).unwrap();
    let condition = async |reason: &str| {
        eventually(reason, async || {
            let object = get(developer, "late-db")?;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().find(|c| c["type"] == "ResourcesReady").cloned();
            let ready = ready.unwrap_or_default();
            if ready["reason"] == reason { Ok(ready) } else { Err(object["status"].to_string()) }
        })
        .await
    };
    let said = condition("ForeignSecret").await;
    assert!(said["message"].as_str().unwrap().contains(&name), "{said}");
    let made =
        admin.kubectl(&["get", "instances.rds.aws.upbound.io", "-A", "-o", "name"], "").unwrap();
    assert!(!made.contains("late-db"), "{made}");
    kubectl(admin, &["delete", "secret", &name], "").unwrap();
    condition("Available").await;
    deletion::unprotect(admin, NAMESPACE, "late-db").await;
    kubectl(developer, &["delete", KIND, "late-db", "--timeout=60s"], "").unwrap();
}

/// Beside the webhook, with `orders-db` restored from a backup, and developers who may fail over.
pub async fn find_the_webhook(admin: &User, developer: &User) {
    println!("--- finding 5: with the webhook, too, a place is not chosen");
    choose_a_place_with_a_new_workload(developer, "does not have the verb").await;

    println!("--- what was restored moves by who may only fail over");
    let provider = placement(developer, "orders-db").unwrap()["selected"]["provider"].clone();
    let failover = format!("platform.example.org/failover={}", provider.as_str().unwrap());
    kubectl(developer, &["annotate", "--dry-run=server", KIND, "orders-db", &failover], "")
        .unwrap();

    println!("--- finding 16: who may fail over does not write the decision himself");
    let object = reported(developer, "orders-db").await;
    let before = placement(developer, "orders-db").unwrap();
    let mut forged = before.clone();
    let sequence = before["sequence"].as_u64().unwrap();
    forged["previous"] =
        json!({"provider": provider, "region": before["selected"]["region"], "sequence": sequence});
    forged["sequence"] = (sequence + 1).into();
    forged["selected"]["provider"] = "oci".into();
    forged["selected"]["region"] = "us-ashburn-1".into();
    refused(
        annotate(developer, "orders-db", REASON, &forged.to_string()),
        "is not the decision that the platform makes",
    );
    // A text that is no move is put back.
    annotate(developer, "orders-db", REASON, CHOSEN).unwrap();
    assert_eq!(placement(developer, "orders-db").unwrap(), before);

    println!(
        "--- finding 2: what is terminating asks for nothing, and is reviewed when it is created so"
    );
    let theirs = object["spec"]["resourceRef"].clone();
    let ghost = changed("ghost", |object| {
        object["metadata"]["finalizers"] = json!(["example.org/hold"]);
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        object["spec"]["resourceRef"] = theirs;
    });
    let server_side = ["apply", "--server-side", "-f", "-"];
    refused(kubectl(developer, &server_side, &ghost), "is set by Crossplane and must not be given");

    println!("--- finding 3: a replace keeps what Crossplane had set");
    let file = claim("orders-db").replace("storageGB: 20", "storageGB: 40");
    kubectl(developer, &["replace", "-f", "-"], &file).unwrap();
    let after = get(developer, "orders-db").unwrap();
    assert_eq!(after["spec"]["resourceRef"], object["spec"]["resourceRef"]);

    println!("--- finding 4: the status is Crossplane's");
    let elsewhere = json!({"status": {"placement": {"provider": "oci"}}}).to_string();
    let ask =
        ["patch", KIND, "orders-db", "--subresource=status", "--type=merge", "-p", &elsewhere];
    refused(kubectl(developer, &ask, ""), "status.placement");

    println!("--- finding 19: a database leaves production by who may unprotect it");
    let leave = json!({"spec": {"parameters": {"environment": "staging"}}}).to_string();
    let leave = ["patch", KIND, "orders-db", "--type=merge", "--dry-run=server", "-p", &leave];
    refused(kubectl(developer, &leave, ""), "keep production");
    apply(admin, deletion::UNPROTECT_RIGHT).unwrap();
    eventually("the right to unprotect", async || kubectl(developer, &leave, "")).await;
    admin.kubectl(&["-n", NAMESPACE, "delete", "rolebinding", "unprotector"], "").unwrap();

    println!("--- findings 11 and 24: a Secret that is in the way is told before");
    kubectl(admin, &["create", "secret", "generic", "next-db-mysql-conn"], "").unwrap();
    refused(apply(developer, &claim("next-db")), "delete that Secret, or choose another name");
    kubectl(admin, &["delete", "secret", "next-db-mysql-conn"], "").unwrap();
    apply(developer, &claim("next-db")).unwrap();
    deletion::unprotect(admin, NAMESPACE, "next-db").await;
    kubectl(developer, &["delete", KIND, "next-db", "--timeout=60s"], "").unwrap();
}

/// The README's emergency step: the registration is gone.
pub async fn find_the_policy_after_the_webhook(developer: &User) {
    println!("--- finding 5: nor after the registration has been deleted");
    choose_a_place_with_a_new_workload(developer, "needed)").await;
}
