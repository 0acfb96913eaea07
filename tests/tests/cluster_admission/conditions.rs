//! Configuration objects that were there before the webhook say whether they count.

use idp_tests::cluster::{User, eventually};
use serde_json::Value;

use super::{apply, idp};

/// What the API server takes and the platform cannot use: a second Candidate of one place, a
/// Product whose template names something that is not there.
pub fn apply_what_is_wrong(admin: &User) {
    let catalog = idp(&["generate", "catalog"]);
    let twin =
        catalog.split("---").find(|document| document.contains("name: aws-us-east-1")).unwrap();
    apply(admin, &twin.replace("name: aws-us-east-1", "name: twin")).unwrap();
    apply(admin, &redis().replace("${", "${nowhere.")).unwrap();
}

fn redis() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/redis.yaml")).unwrap()
}

fn condition(admin: &User, kind: &str, name: &str) -> Result<Value, String> {
    let object: Value =
        serde_json::from_str(&admin.kubectl(&["get", kind, name, "-o", "json"], "")?).unwrap();
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let accepted = conditions.into_iter().find(|condition| condition["type"] == "Accepted");
    let accepted = accepted
        .filter(|accepted| accepted["observedGeneration"] == object["metadata"]["generation"]);
    accepted.ok_or_else(|| format!("no condition of this generation: {}", object["status"]))
}

async fn says(admin: &User, kind: &str, name: &str, status: &str) -> String {
    let condition = eventually("the condition", async || {
        let condition = condition(admin, kind, name)?;
        if condition["status"] == status { Ok(condition) } else { Err(condition.to_string()) }
    });
    condition.await["message"].as_str().unwrap().to_owned()
}

/// With the webhook running for a while.
pub async fn are_on_every_object(admin: &User) {
    let message = says(admin, "candidate", "twin", "False").await;
    println!("twin: {message}");
    assert!(message.contains("a place has one"), "{message}");
    let message = says(admin, "product", "redis", "False").await;
    println!("redis: {message}");
    assert!(message.contains("nowhere"), "{message}");
    for (kind, name) in [
        ("candidate", "aws-us-east-1"),
        ("tier", "medium"),
        ("product", "mysql"),
        ("cloudprovider", "aws"),
        ("featureflag", "prefer-cost-optimization"),
    ] {
        assert_eq!(says(admin, kind, name, "True").await, "");
    }
    let table = admin.kubectl(&["get", "candidates"], "").unwrap();
    println!("{table}");
    assert!(table.lines().next().unwrap().contains("ACCEPTED"));

    // Nobody writes when there is nothing new to say.
    let versions = || {
        admin.kubectl(
            &[
                "get",
                "candidates,tiers,products",
                "-o",
                "jsonpath={.items[*].metadata.resourceVersion}",
            ],
            "",
        )
    };
    let before = versions().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(versions().unwrap(), before);

    admin.kubectl(&["delete", "candidate", "twin"], "").unwrap();
    admin.kubectl(&["delete", "product", "redis"], "").unwrap();
}
