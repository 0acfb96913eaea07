//! `/api/v1`: what is described is what is served, to those who may see it.

use std::io::Read as _;

use idp_console::access::Access;
use idp_console::api::analytics::Analytics;
use idp_console::api::{DOCUMENT, document};
use idp_console::placements::{Facts, GroupKind, Participation, Placed};
use idp_tests::people::People;
use idp_tests::web_port::{WebPort, in_experiment, placed, trying};
use serde_json::{Value, json};

const ORDERS: &str = "db.platform.example.org/MySQLInstanceClaim/team-checkout/orders";

fn api() -> Value {
    serde_json::to_value(document()).unwrap()
}

/// What the document says that an operation answers.
fn validator(document: &Value, operation: &Value, status: &str) -> Option<jsonschema::Validator> {
    let content = operation["responses"][status]["content"].as_object()?;
    let mut schema = content.iter().find(|(kind, _)| kind.contains("json"))?.1["schema"].clone();
    schema["components"] = document["components"].clone();
    Some(jsonschema::validator_for(&schema).unwrap())
}

#[track_caller]
fn fits(validator: &jsonschema::Validator, answer: &Value, path: &str) {
    let errors: Vec<String> =
        validator.iter_errors(answer).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{path}: {errors:#?}\n{answer}");
}

#[tokio::test]
async fn every_route_that_is_described_answers_as_it_is_described() {
    let (whole, tried) = (WebPort::of_example(Access::Open).await, trying().await);
    let document = whole.json(DOCUMENT).await;
    let mut described = api();
    // Whoever reaches an open port shows nothing of themselves.
    assert!(described.as_object_mut().unwrap().remove("security").is_some());
    let components = described["components"].as_object_mut().unwrap();
    assert!(components.remove("securitySchemes").is_some());
    assert_eq!(document, described, "what is served is what the docs are made of");
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let event_stream =
                operation["responses"]["200"]["content"]["text/event-stream"].is_object();
            if method == "post" || event_stream {
                continue;
            }
            let (name, port) = match path.as_str() {
                "/api/v1/products/{name}" => ("mysql", &whole),
                "/api/v1/experiments/{name}" => ("cheap", &tried),
                path if path.contains("experiments") || path.contains("flags") => ("", &tried),
                _ => ("", &whole),
            };
            let there =
                path.replace("{group}/{kind}/{namespace}/{name}", ORDERS).replace("{name}", name);
            let answer = port.json(&there).await;
            fits(&validator(&document, operation, "200").unwrap(), &answer, &there);
            for list in ["items", "products", "placements"] {
                if let Some(items) = answer[list].as_array() {
                    assert!(!items.is_empty(), "{there} shows nothing to hold against its schema");
                }
            }
            seen += 1;
        }
    }
    assert!(seen >= 15, "only {seen} routes were asked");
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_as_described() {
    let port = WebPort::of_example(Access::Open).await;
    let document = api();
    for (path, status, said) in [
        ("/api/v1/workloads?clowd=aws", 400, "clowd"),
        ("/api/v1/workloads?sort=size", 400, "there is no column \"size\""),
        ("/api/v1/workloads?limit=100000", 400, "1 to 1000"),
        ("/api/v1/products/redis", 404, "redis"),
        ("/api/v1/experiments/none", 404, "none"),
        ("/api/v1/workloads/a/b/c/d", 404, "b.a c/d"),
    ] {
        let answer = port.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.head.contains("application/problem+json"), "{path}: {}", answer.head);
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        let operation = &document["paths"]["/api/v1/workloads"]["get"];
        fits(&validator(&document, operation, "default").unwrap(), &problem, path);
        assert!(problem["detail"].as_str().unwrap().contains(said), "{path}: {problem}");
    }
}

#[tokio::test]
async fn lists_are_narrowed_sorted_and_paged() {
    let port = WebPort::of_example(Access::Open).await;
    let first = port.json("/api/v1/workloads?sort=name&limit=3").await;
    assert_eq!((&first["total"], &first["next"]), (&json!(10), &json!(1)));
    let mut names: Vec<String> = Vec::new();
    for page in 0..4 {
        let answer = port.json(&format!("/api/v1/workloads?sort=name&limit=3&page={page}")).await;
        let items = answer["items"].as_array().unwrap();
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        assert_eq!(answer["next"].is_null(), page == 3, "{answer}");
    }
    assert!(names.len() == 10 && names.is_sorted(), "{names:?}");
    let moving = port.json("/api/v1/workloads?phase=Moving").await;
    assert_eq!(moving["total"], 1);
    let answer = port.json("/api/v1/decisions?product=mysql&tier=business_critical").await;
    let decision = &answer["items"][0];
    assert_eq!(decision["place"], json!({"provider": "aws", "region": "us-east-1"}));
    assert_eq!(decision["failover"], json!({"provider": "gcp", "region": "us-central1"}));
}

#[tokio::test]
async fn one_workload_is_explained() {
    let port = WebPort::of_example(Access::Open).await;
    let answer = port.json(&format!("/api/v1/workloads/{ORDERS}")).await;
    let best = &answer["explanation"]["ranked"][0];
    assert_eq!(best["place"], "aws/us-east-1");
    let sum: f64 = best["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["contribution"].as_f64().unwrap())
        .sum();
    assert!((sum - best["score"].as_f64().unwrap()).abs() < 1e-4, "{best}");
    assert_eq!(answer["decision"]["tier"], "business_critical");
    assert!(answer["explanation"]["rejected"].as_array().unwrap().len() > 2, "{answer}");
}

#[tokio::test]
async fn what_if_answers_and_leaves_nothing_behind() {
    let port = WebPort::of_example(Access::Open).await;
    let before = (port.placements.version(), port.json("/api/v1/workloads").await);
    let document = api();
    let schema =
        validator(&document, &document["paths"]["/api/v1/what-if"]["post"], "200").unwrap();
    let good = json!({"cell": "c1", "tier": "business_critical", "environment": "production", "size": "small", "storageGB": 50});
    let mut bad = good.clone();
    bad["storageGB"] = json!("none");
    for (asked, outcome, said) in [
        (json!({"product": "mysql", "parameters": good}), "placed", "aws/us-east-1"),
        (
            json!({"product": "mysql", "parameters": good, "without": ["aws"]}),
            "placed",
            "gcp/us-central1",
        ),
        (
            json!({"product": "mysql", "parameters": good, "without": ["aws", "gcp"]}),
            "nowhere",
            "missing required capability",
        ),
        (json!({"product": "mysql", "parameters": bad}), "refused", "spec.parameters.storageGB"),
    ] {
        let answer = port.post("/api/v1/what-if", &asked.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let value: Value = serde_json::from_str(&answer.body).unwrap();
        fits(&schema, &value, "what-if");
        assert!(value["outcome"] == outcome && answer.body.contains(said), "{said}: {value}");
    }
    for (body, status) in
        [(r#"{"product": "redis", "parameters": {}}"#, 422), ("{", 400), (r#"{"produkt": 1}"#, 422)]
    {
        assert_eq!(port.post("/api/v1/what-if", body).await.status, status, "{body}");
    }
    assert_eq!(before, (port.placements.version(), port.json("/api/v1/workloads").await));
}

#[tokio::test]
async fn each_sees_what_they_may_list_and_no_route_is_without_a_guard() {
    let people = People::default()
        .and(
            "admin",
            &[
                ("candidates", None),
                ("mysqlinstanceclaims", None),
                ("webappclaims", None),
                ("postgresqlinstanceclaims", None),
            ],
        )
        .and("developer", &[("mysqlinstanceclaims", Some("team-checkout"))])
        .and("stranger", &[]);
    let port = WebPort::of_example(people.access()).await;
    for (path, item) in api()["paths"].as_object().unwrap() {
        let there = path.replace("{name}", "mysql");
        let answer = if item["post"].is_object() {
            port.post(&there, "{}").await
        } else {
            port.get(&there).await
        };
        assert_eq!(answer.status, 401, "{path}: {}", answer.body);
        assert!(answer.head.to_lowercase().contains("www-authenticate: bearer"), "{path}");
        let unknown = if item["post"].is_object() {
            port.post_as(&there, "nobody", "{}").await
        } else {
            port.get_as(&there, "nobody").await
        };
        assert_eq!(unknown.status, 401, "{path}: {}", unknown.body);
    }
    assert_eq!(port.get(DOCUMENT).await.status, 200);
    let count = async |token| {
        let answer = port.get_as("/api/v1/workloads", token).await;
        let value: Value = serde_json::from_str(&answer.body).unwrap();
        let analytics = port.get_as("/api/v1/analytics", token).await;
        let analytics: Value = serde_json::from_str(&analytics.body).unwrap();
        assert_eq!(analytics["total_requests"], value["total"], "{token}");
        let decisions = port.get_as("/api/v1/decisions", token).await;
        let decisions: Value = serde_json::from_str(&decisions.body).unwrap();
        assert_eq!(decisions["total"], value["total"], "{token}");
        let older = port.get_as("/api/placements", token).await;
        let older: Value = serde_json::from_str(&older.body).unwrap();
        assert_eq!(json!(older["placements"].as_array().unwrap().len()), value["total"], "{token}");
        value["total"].as_u64().unwrap()
    };
    assert_eq!(count("admin").await, 10);
    let theirs =
        port.placements.list(|p| p.namespace == "team-checkout" && p.kind == "MySQLInstanceClaim");
    assert_eq!(count("developer").await, theirs.len() as u64);
    assert_eq!(count("stranger").await, 0);
    for path in ["tiers", "candidates", "flags", "experiments"] {
        let path = format!("/api/v1/{path}");
        assert_eq!(port.get_as(&path, "admin").await.status, 200, "{path}");
        let refused = port.get_as(&path, "developer").await;
        assert!(refused.status == 403 && refused.body.contains("kubectl auth can-i"), "{path}");
    }
    let asked = json!({"product": "mysql", "parameters": {
        "cell": "c1", "tier": "medium", "environment": "dev", "size": "small", "storageGB": 20,
    }});
    for (token, all) in [("admin", true), ("developer", false), ("stranger", false)] {
        let answer = port.post_as("/api/v1/what-if", token, &asked.to_string()).await;
        let value: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(value["outcome"], "placed", "{token}");
        let told = ["decision", "explanation"].map(|field| value[field].is_object());
        assert_eq!(told, [all, all], "what other places are is configuration: {token}");
        let overview = port.get_as("/", token).await.body;
        assert_eq!(overview.contains("cross_region_replication"), all, "{token}");
    }
    let orders = format!("/api/v1/workloads/{ORDERS}");
    assert_eq!(port.get_as(&orders, "developer").await.status, 200);
    assert_eq!(port.get_as(&orders, "stranger").await.status, 404, "as if it were not there");
}

/// Where nobody is asked who they are, another's page must not read it by a name of its own.
#[tokio::test]
async fn what_is_open_is_answered_by_this_machines_names_only() {
    let port = WebPort::of_example(Access::Open).await;
    for host in ["localhost", "localhost:8082", "127.0.0.1:8082", "[::1]:8082", "LocalHost"] {
        assert_eq!(port.get_of("/api/v1/workloads", host).await.status, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:8082", "10.0.0.1", ""] {
        for path in ["/", "/api/v1/workloads", "/api/placements"] {
            assert_eq!(port.get_of(path, host).await.status, 421, "{host:?} {path}");
        }
    }
    let asks = WebPort::of_example(People::default().access()).await;
    assert_eq!(asks.get_of("/api/v1/workloads", "idp.example").await.status, 401);
}

#[tokio::test]
async fn an_experiment_says_what_came_of_it() {
    let port = trying().await;
    let answer = port.json("/api/v1/experiments/cheap").await;
    assert_eq!((&answer["control"], &answer["variant"]), (&json!(100), &json!(100)));
    assert_eq!(answer["split"]["state"], "good");
    let says = |name: &str| {
        let all = answer["outcomes"].as_array().unwrap().iter();
        all.clone().find(|outcome| outcome["name"] == name).unwrap()["says"].clone()
    };
    assert_eq!(says("score: latency"), "less", "{answer}");
    assert_eq!(says("moved"), "noDifference");
    assert_eq!(says("seconds from creation to last becoming ready"), "tooFew");
    let page = port.page("/experiments").await;
    for said in ["Workloads are split as was asked for.", "The sides differ in: score: latency."] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // One side loses workloads.
    for number in 0..60 {
        let one = in_experiment(number * 2);
        port.placements.remove(&one.group_kind(), &one.namespace, &one.name);
    }
    assert_eq!(port.json("/api/v1/experiments/cheap").await["split"]["state"], "broken");
    assert!(port.page("/experiments").await.contains("The split is broken"));
}

/// The reference's own counts, over the streams of events that it was asked about.
#[test]
fn analytics_are_the_references() {
    let mut text = String::new();
    let packed = include_bytes!("../../golden/open.jsonl.gz");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let mut compared = 0;
    for line in text.lines().filter(|line| line.contains(r#""kind":"analytics""#)) {
        let vector: Value = serde_json::from_str(line).unwrap();
        let events = vector["input"]["events"].as_array().unwrap().iter();
        let all: Vec<Placed> = events.map(of_event).collect();
        let ours = serde_json::to_value(Analytics::of(&all)).unwrap();
        for (field, expected) in vector["expected"]["summary"].as_object().unwrap() {
            // The reference hides the rate where nothing was placed.
            if field == "gate_rejection_rate" && vector["quirks"].to_string().contains("hidden") {
                continue;
            }
            assert_eq!(ours[field], *expected, "{field} of {line}");
        }
        compared += 1;
    }
    assert!(compared >= 3, "{compared} vectors");
}

fn of_event(event: &Value) -> Placed {
    if event == "rejection" {
        return placed("", "");
    }
    let text = |name: &str| event[name].as_str().unwrap();
    let experiment = event.get("experiment").map(|part| {
        let group = serde_json::from_value(part["group"].clone()).unwrap();
        let experiment = part["experiment_id"].as_str().unwrap().to_owned();
        Box::new(Participation { experiment, group, scores: Default::default() })
    });
    let facts = Facts { score: event["total_score"].as_f64(), experiment, ..Facts::default() };
    Placed { tier: text("tier").to_owned(), facts, ..placed(text("provider"), text("region")) }
}

/// By hand over a random fleet; a process that starts anew reads the same objects and says the same.
#[tokio::test]
async fn analytics_equal_a_count_by_hand_before_and_after_a_restart() {
    let fleet: Vec<Placed> = (0..500_usize)
        .map(|n| {
            let place =
                [("aws", "us-east-1"), ("gcp", "us-central1"), ("oci", "us-ashburn-1"), ("", "")]
                    [(n * 7919 % 13) % 4];
            let tier = ["low", "medium", "critical"][n * 31 % 7 % 3].to_owned();
            let sequence = if n % 10 == 0 { 3 } else { 1 };
            Placed { name: format!("w-{n}"), tier, sequence, ..placed(place.0, place.1) }
        })
        .collect();
    let kind = GroupKind::new("db.platform.example.org", "MySQLInstanceClaim");
    let mut answers = Vec::new();
    for _ in 0..2 {
        let port = WebPort::of_example(Access::Open).await;
        port.placements.replace(&kind, fleet.clone());
        port.placements.list(|p| p.group_kind() != kind).iter().for_each(|other| {
            port.placements.remove(&other.group_kind(), &other.namespace, &other.name);
        });
        answers.push(port.json("/api/v1/analytics").await);
    }
    assert_eq!(answers[0], answers[1]);
    let count = |is: &dyn Fn(&Placed) -> bool| fleet.iter().filter(|p| is(p)).count();
    let answer = &answers[0];
    assert_eq!(answer["total_requests"], 500);
    assert_eq!(answer["total_placements"], count(&|p| !p.provider.is_empty()));
    for provider in ["aws", "gcp", "oci"] {
        let counted = &answer["provider_distribution"][provider]["count"];
        assert_eq!(*counted, count(&|p| p.provider == provider), "{provider}");
    }
    assert_eq!(
        answer["tier_distribution"]["low"]["count"],
        count(&|p| p.tier == "low" && !p.provider.is_empty())
    );
    assert_eq!(answer["moves"], 2 * count(&|p| p.sequence == 3));
}
