//! The function as a running server, and Crossplane's side of the connection:
//! the client of the Crossplane project's SDK.

use std::net::SocketAddr;
use std::thread;

use function_sdk_rust::proto::v1::function_runner_service_client::FunctionRunnerServiceClient;
use function_sdk_rust::proto::v1::{RequestMeta, RunFunctionRequest};
use idp_function::grpc::server::{self, Settings};
use idp_function::grpc::service::FunctionRunner;
use idp_function::wire::v1;
use idp_serving::limits::LimitArgs;
use idp_serving::tls::CertificateDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Error};

use idp_tests::pki::{Authority, Identity, MountedSecret};

pub const MIB: usize = 1 << 20;

/// Answers with the request's tag and its desired state.
pub fn echo(request: v1::RunFunctionRequest) -> Result<v1::RunFunctionResponse, tonic::Status> {
    Ok(v1::RunFunctionResponse {
        meta: request.meta.map(|meta| v1::ResponseMeta { tag: meta.tag, ttl: None }),
        desired: request.desired,
        ..Default::default()
    })
}

pub fn tagged(tag: &str) -> RunFunctionRequest {
    RunFunctionRequest {
        meta: Some(RequestMeta { tag: tag.to_owned(), capabilities: vec![] }),
        ..Default::default()
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub ops: SocketAddr,
    pub authority: Authority,
    pub secret: MountedSecret,
    pub shutdown: CancellationToken,
    pub running: JoinHandle<()>,
}

impl Server {
    pub async fn start(runner: impl FunctionRunner) -> Self {
        Self::start_with_limit(runner, 64 * MIB).await
    }

    pub async fn start_with_limit(runner: impl FunctionRunner, message_limit: usize) -> Self {
        Self::start_within(runner, message_limit, LimitArgs::default()).await
    }

    pub async fn start_within(
        runner: impl FunctionRunner,
        message_limit: usize,
        limits: LimitArgs,
    ) -> Self {
        let authority = Authority::new();
        let secret = MountedSecret::new(&authority.issue("localhost"), &authority.certificate);
        let certificates = CertificateDir::verifying_clients(secret.path());
        let tls = certificates.load().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ops = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (address, ops_address) = (listener.local_addr().unwrap(), ops.local_addr().unwrap());
        let settings = Settings {
            listener,
            tls: Some((certificates, tls)),
            ops: Some(ops),
            message_limit,
            limits,
        };
        let serving = server::serve(settings, runner, shutdown.clone());
        Self {
            address,
            ops: ops_address,
            authority,
            secret,
            shutdown,
            running: tokio::spawn(async { serving.await.unwrap() }),
        }
    }

    /// A new connection with a certificate of the server's authority.
    pub async fn channel(&self) -> Channel {
        let identity = self.authority.issue("crossplane");
        connect(self.address, &self.authority.certificate, Some(&identity)).await.unwrap()
    }

    pub async fn client(&self) -> FunctionRunnerServiceClient<Channel> {
        FunctionRunnerServiceClient::new(self.channel().await)
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
    }
}

pub async fn connect(
    address: SocketAddr,
    server_ca: &str,
    identity: Option<&Identity>,
) -> Result<Channel, Error> {
    let mut tls = ClientTlsConfig::new()
        .domain_name("localhost")
        .ca_certificate(Certificate::from_pem(server_ca));
    if let Some(identity) = identity {
        let Identity { certificate, key } = identity;
        tls = tls.identity(tonic::transport::Identity::from_pem(certificate, key));
    }
    Channel::from_shared(format!("https://{address}")).unwrap().tls_config(tls)?.connect().await
}

/// A runner that waits, so that a test can act while a call is in flight.
pub struct Gate {
    pub entered: tokio::sync::mpsc::UnboundedReceiver<()>,
    pub open: std::sync::mpsc::Sender<()>,
}

pub fn gated() -> (Gate, impl FunctionRunner) {
    let (entered_tx, entered) = tokio::sync::mpsc::unbounded_channel();
    let (open, open_rx) = std::sync::mpsc::channel::<()>();
    let open_rx = std::sync::Mutex::new(open_rx);
    let runner = move |request| {
        entered_tx.send(()).unwrap();
        // A dropped gate is open as well. The other tasks of this thread go on
        // elsewhere.
        let _ = tokio::task::block_in_place(|| open_rx.lock().unwrap().recv());
        echo(request)
    };
    (Gate { entered, open }, runner)
}

/// Plain HTTP, as a probe or a scraper speaks it.
pub async fn get(address: SocketAddr, path: &'static str) -> String {
    let request = move || -> std::io::Result<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    };
    let (tx, rx) = tokio::sync::oneshot::channel();
    thread::spawn(move || tx.send(request()));
    rx.await.unwrap().unwrap()
}
