//! The read API on a port of its own: `/api/products`, `/api/providers/health`,
//! `/api/placements`.

use idp_console::placements::{GroupKind, Placed, Placements};
use idp_console::snapshot::{SharedSnapshot, Snapshot};
use idp_core::catalog::{Objects, embedded};
use idp_crds::cloud_provider::{CircuitState, CircuitStatus, CloudProviderStatus};
use serde_json::{Value, json};

use idp_tests::web_port::{WebPort, placed};

async fn of(snapshot: SharedSnapshot) -> WebPort {
    WebPort::open(snapshot, Placements::offline(), Vec::new()).await
}

async fn with(objects: Objects) -> WebPort {
    of(Snapshot::strict(objects).unwrap().shared()).await
}

#[tokio::test]
async fn products_say_what_can_be_asked_for() {
    let answer = with(embedded().unwrap()).await.json("/api/products").await;
    let products = answer["products"].as_array().unwrap();
    let names: Vec<&str> =
        products.iter().map(|product| product["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mysql", "postgresql", "webapp"]);
    let mysql = &products[0];
    assert_eq!(mysql["apiVersion"], "db.platform.example.org/v1alpha1");
    assert_eq!(mysql["kind"], "MySQLInstanceClaim");
    assert_eq!(mysql["providers"], json!(["aws", "gcp", "oci"]));
    let keys: Vec<&String> = mysql.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "description", "apiVersion", "kind", "providers", "parameters"]);
    let storage = mysql["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .find(|parameter| parameter["name"] == "storageGB")
        .unwrap();
    assert_eq!(
        (&storage["type"], &storage["minimum"]),
        (&json!("integer"), &json!(10)),
        "{storage}"
    );
}

#[tokio::test]
async fn providers_health_is_the_operators_switch_and_the_circuit_breaker() {
    let mut objects = embedded().unwrap();
    objects.providers.retain(|provider| provider.name != "oci");
    objects.providers.iter_mut().find(|provider| provider.name == "gcp").unwrap().spec.healthy =
        false;
    let open = CloudProviderStatus {
        circuit: CircuitStatus {
            state: CircuitState::HalfOpen,
            failing: 5,
            ..CircuitStatus::default()
        },
        ..CloudProviderStatus::default()
    };
    objects.statuses.insert("aws".to_owned(), open);
    let answer = with(objects).await.json("/api/providers/health").await;
    let expected = json!({"providers": {
        "aws": {"healthy": true, "circuit": "half_open", "failures": 5},
        "gcp": {"healthy": false, "circuit": "closed", "failures": 0},
        // Named by Candidates alone: it counts as healthy.
        "oci": {"healthy": true, "circuit": "closed", "failures": 0},
    }});
    assert_eq!(answer, expected);
}

fn named(name: &str, tier: &str, place: Placed) -> Placed {
    Placed { name: name.to_owned(), tier: tier.to_owned(), ..place }
}

#[tokio::test]
async fn placements_say_what_runs_where_and_can_be_narrowed_down() {
    let api = with(embedded().unwrap()).await;
    assert_eq!(api.json("/api/placements").await, json!({"placements": []}));

    let moved = Placed {
        sequence: 2,
        retained: vec!["aws/us-east-1".to_owned()],
        ..named("orders", "medium", placed("gcp", "us-central1"))
    };
    let claims = GroupKind::new("db.platform.example.org", "MySQLInstanceClaim");
    api.placements.replace(&claims, [named("stock", "low", placed("aws", "us-east-1")), moved]);
    let of = |answer: &Value| -> Vec<String> {
        answer["placements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|placed| placed["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = api.json("/api/placements").await;
    assert_eq!(of(&all), ["orders", "stock"], "in order of name");
    let expected = json!({
        "product": "mysql", "group": "db.platform.example.org", "kind": "MySQLInstanceClaim", "namespace": "team-alpha", "name": "orders", "tier": "medium",
        "cell": "c1", "environment": "production", "provider": "gcp", "region": "us-central1", "sequence": 2,
        "phase": "Steady", "retained": ["aws/us-east-1"]
    });
    assert_eq!(all["placements"][0], expected);

    for (query, names) in [
        ("provider=aws", vec!["stock"]),
        ("tier=medium&region=us-central1", vec!["orders"]),
        ("provider=aws&tier=medium", vec![]),
        ("namespace=team-alpha&product=mysql", vec!["orders", "stock"]),
    ] {
        assert_eq!(of(&api.json(&format!("/api/placements?{query}")).await), names, "{query}");
    }
    let answer = api.get("/api/placements?cloud=aws").await;
    assert!(answer.status == 400 && answer.body.contains("cloud"), "{}", answer.body);

    api.placements.remove(&claims, "team-alpha", "stock");
    assert_eq!(of(&api.json("/api/placements").await), ["orders"]);
}

#[tokio::test]
async fn before_the_catalog_is_read_there_is_no_answer() {
    let api = of(SharedSnapshot::default()).await;
    for path in ["/api/products", "/api/providers/health"] {
        let answer = api.get(path).await;
        let unread = (503, "the catalog is not read yet\n");
        assert_eq!((answer.status, answer.body.as_str()), unread, "{path}");
    }
}
