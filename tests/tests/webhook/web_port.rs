//! The port that people and their tools read, over plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use idp_console::access::Access;
use idp_console::placements::Placements;
use idp_console::snapshot::SharedSnapshot;
use idp_console::{Sources, WorkloadObjects};
use idp_serving::http::{self, Options};
use kube::api::DynamicObject;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub struct WebPort {
    pub address: SocketAddr,
    pub placements: Arc<Placements>,
    pub stopping: CancellationToken,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl WebPort {
    /// Open to whoever reaches it.
    pub async fn open(
        snapshot: SharedSnapshot,
        placements: Placements,
        objects: Vec<Arc<DynamicObject>>,
    ) -> Self {
        let placements = Arc::new(placements);
        let stopping = CancellationToken::new();
        let router = idp_console::router(Sources {
            snapshot,
            placements: Arc::clone(&placements),
            access: Access::Open,
            objects: WorkloadObjects::Files(objects),
            stopping: stopping.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(http::serve(listener, Options::default(), router, stopping.clone()));
        WebPort { address, placements, stopping }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}
