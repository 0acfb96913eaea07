//! The port that people and their tools read, over plain HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use idp_console::access::Access;
use idp_console::fleet;
use idp_console::placements::{Facts, Participation, Placed, Placements};
use idp_console::snapshot::{SharedSnapshot, Snapshot};
use idp_console::{Sources, WorkloadObjects};
use idp_core::catalog::embedded;
use idp_crds::record::Group;
use idp_serving::http::{self, Options};
use kube::api::DynamicObject;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A port that is open.
pub struct WebPort {
    /// Where.
    pub address: SocketAddr,
    /// What it shows.
    pub placements: Arc<Placements>,
    /// Ends it.
    pub stopping: CancellationToken,
}

/// What was answered.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The head, its first line included.
    pub head: String,
    /// The body.
    pub body: String,
}

impl WebPort {
    /// Open to whoever reaches it.
    pub async fn open(
        snapshot: SharedSnapshot,
        placements: Placements,
        objects: Vec<Arc<DynamicObject>>,
    ) -> Self {
        Self::with(snapshot, placements, objects, Access::Open).await
    }

    /// With the example's ten workloads.
    pub async fn of_example(access: Access) -> Self {
        let snapshot = Snapshot::strict(embedded().unwrap()).unwrap();
        let (placements, objects) = example(&snapshot);
        Self::with(snapshot.shared(), placements, objects, access).await
    }

    /// With this, for these.
    pub async fn with(
        snapshot: SharedSnapshot,
        placements: Placements,
        objects: Vec<Arc<DynamicObject>>,
        access: Access,
    ) -> Self {
        let placements = Arc::new(placements);
        let stopping = CancellationToken::new();
        let router = idp_console::router(Sources {
            snapshot,
            placements: Arc::clone(&placements),
            access,
            objects: WorkloadObjects::Files(objects),
            stopping: stopping.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(http::serve(listener, Options::default(), router, stopping.clone()));
        WebPort { address, placements, stopping }
    }

    /// What is there.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n\r\n")).await
    }

    /// The page that is there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        answer.body
    }

    /// The JSON that is there.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// What is there for the bearer of a token.
    pub async fn get_as(&self, path: &str, token: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n\r\n")).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, json: &str) -> Answer {
        let head = format!("content-type: application/json\r\ncontent-length: {}", json.len());
        self.ask(&format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n{json}")).await
    }

    /// Sends JSON as the bearer of a token.
    pub async fn post_as(&self, path: &str, token: &str, json: &str) -> Answer {
        let length = json.len();
        let head = format!(
            "authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {length}"
        );
        self.ask(&format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n{json}")).await
    }

    /// What is there for who calls this machine so.
    pub async fn get_of(&self, path: &str, host: &str) -> Answer {
        self.ask_of(&format!("GET {path} HTTP/1.1\r\n\r\n"), host).await
    }

    /// A request, but for what every one has.
    async fn ask(&self, request: &str) -> Answer {
        self.ask_of(request, "localhost").await
    }

    async fn ask_of(&self, request: &str, host: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (line, rest) = request.split_once("\r\n").unwrap();
        let request = format!("{line}\r\nhost: {host}\r\nconnection: close\r\n{rest}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

/// The example's ten workloads.
fn example(snapshot: &Snapshot) -> (Placements, Vec<Arc<DynamicObject>>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../package/examples/fleet.yaml");
    let objects: Vec<_> = fleet::read(&file).unwrap().into_iter().map(Arc::new).collect();
    let placements = Placements::offline();
    fleet::place(&objects, snapshot, &placements);
    (placements, objects)
}

/// The workload `orders-db` at a place.
#[must_use]
pub fn placed(provider: &str, region: &str) -> Placed {
    Placed {
        product: "mysql".to_owned(),
        group: "db.platform.example.org".to_owned(),
        kind: "MySQLInstanceClaim".to_owned(),
        namespace: "team-alpha".to_owned(),
        name: "orders-db".to_owned(),
        tier: "medium".to_owned(),
        cell: "c1".to_owned(),
        environment: "production".to_owned(),
        provider: provider.to_owned(),
        region: region.to_owned(),
        sequence: 1,
        id: String::new(),
        phase: "Steady".to_owned(),
        retained: Vec::new(),
        ha: false,
        given: r#"{"environment":"production","size":"small","storageGB":20}"#.into(),
        facts: Facts::default(),
    }
}

/// The example's fleet, with two hundred workloads of an experiment beside it, half of them each way.
pub async fn trying() -> WebPort {
    let mut objects = embedded().unwrap();
    let mut errors = Vec::new();
    objects.add_yaml("a test", EXPERIMENT, &mut errors);
    assert!(errors.is_empty(), "{errors:?}");
    let snapshot = Snapshot::strict(objects).unwrap();
    let (placements, objects) = example(&snapshot);
    for number in 0..200 {
        placements.put(in_experiment(number));
    }
    WebPort::with(snapshot.shared(), placements, objects, Access::Open).await
}

const EXPERIMENT: &str = "
apiVersion: platform.example.org/v1alpha1
kind: Experiment
metadata: {name: cheap}
spec: {description: A cheaper place., variantWeights: {cost: 1}, trafficShare: 0.5, tier: low}
---
apiVersion: platform.example.org/v1alpha1
kind: FeatureFlag
metadata: {name: prefer-cost-optimization}
spec: {enabled: false, description: Costs count for more.}
";

/// One of those: every other is on the variant's side, and its place is slower.
#[must_use]
pub fn in_experiment(number: usize) -> Placed {
    let (group, latency) =
        if number.is_multiple_of(2) { (Group::Variant, 0.5) } else { (Group::Control, 0.9) };
    let latency = latency + if number % 4 < 2 { 0.01 } else { 0.0 };
    let part = Participation {
        experiment: "cheap".to_owned(),
        group,
        scores: [("latency".to_owned(), latency)].into(),
    };
    let facts = Facts { experiment: Some(Box::new(part)), ready: Some(true), ..Facts::default() };
    Placed { name: format!("tried-{number}"), facts, ..placed("aws", "us-east-1") }
}
