//! Serves a router over HTTP/1.1 and HTTP/2, plain or over TLS.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Version;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, info, info_span, warn};

use super::tls::ReloadingTls;

/// Whoever needs longer for a handshake is not going to make it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an HTTP/1.1 connection may take to send the head of a request, its
/// idle time included. Go clients, the API server among them, close idle
/// connections after 90 s: if we closed first, a request might just be on its way.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// An HTTP/2 peer that is silent this long is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How to serve.
#[derive(Clone)]
pub struct Options {
    /// Serve over TLS with this certificate.
    pub tls: Option<ReloadingTls>,
    /// End connections gracefully at this age, so that clients spread over new
    /// replicas. Meant for HTTP/2, which tells the client which requests were
    /// taken; HTTP/1.1 may close on one that is on its way.
    pub max_connection_age: Option<Duration>,
    /// How long to go on after the shutdown, for clients that have not heard of it: new connections
    /// are taken, and every HTTP/1.1 connection ends with its next answer, not between two
    /// requests, where one may just be on its way.
    pub linger: Duration,
    /// How long requests in flight may take once their connection is to end.
    pub drain_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: None,
            max_connection_age: None,
            linger: Duration::ZERO,
            // Within the 30 s a pod gets by default.
            drain_timeout: Duration::from_secs(25),
        }
    }
}

/// Serves `router` on `listener` until `shutdown`, lingers, then closes the
/// listener and returns when the requests in flight are answered. Dropping the
/// future cuts them off.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    router: Router,
    shutdown: CancellationToken,
) {
    let router = if options.linger.is_zero() {
        router
    } else {
        router.layer(from_fn_with_state(shutdown.clone(), say_goodbye))
    };
    // Binds the state once instead of at every connection.
    let router = router.with_state(());
    let mut connections = JoinSet::new();
    let mut end = pin!(async {
        shutdown.cancelled().await;
        sleep(options.linger).await;
    });
    let ended = CancellationToken::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut end => break,
            // Reaps what has ended.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, peer),
                Err(error) => {
                    accept_failed(&error).await;
                    continue;
                }
            },
        };
        let connection = connection(stream, options.clone(), router.clone(), ended.clone());
        connections.spawn(connection.instrument(info_span!("connection", %peer)));
    }
    drop(listener);
    ended.cancel();
    while connections.join_next().await.is_some() {}
}

async fn say_goodbye(
    State(shutdown): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    // HTTP/2 has a message of its own for this.
    let in_the_head = request.version() <= Version::HTTP_11;
    let mut response = next.run(request).await;
    if in_the_head && shutdown.is_cancelled() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn accept_failed(error: &io::Error) {
    match error.kind() {
        // The client's failure, not the listener's.
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
        // Most likely out of file descriptors: wait for some to be freed.
        _ => {
            warn!(%error, "cannot accept connections; trying again in a second");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// One connection's life. The handshake happens here and not in the accept
/// loop, so a slow client delays nobody else.
async fn connection(
    stream: TcpStream,
    options: Options,
    router: Router,
    shutdown: CancellationToken,
) {
    // Answers are written whole; waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let Some(tls) = &options.tls else {
        return exchange(stream, &options, router, &shutdown).await;
    };
    let handshake = timeout(HANDSHAKE_TIMEOUT, tls.acceptor().accept(stream));
    match shutdown.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => exchange(stream, &options, router, &shutdown).await,
        // Port probes connect and go away.
        Some(Ok(Err(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Some(Ok(Err(error))) => info!(%error, "TLS handshake failed"),
        Some(Err(_)) => info!("TLS handshake timed out"),
        None => {}
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    options: &Options,
    router: Router,
    shutdown: &CancellationToken,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));

    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = end_of_life(options.max_connection_age, shutdown) => {
            connection.as_mut().graceful_shutdown();
            match timeout(options.drain_timeout, connection).await {
                Ok(result) => result,
                Err(_) => return warn!("requests in flight took too long; connection closed"),
            }
        }
    };
    if let Err(error) = result {
        debug!(error, "connection failed");
    }
}

async fn end_of_life(max_age: Option<Duration>, shutdown: &CancellationToken) {
    match max_age {
        Some(age) => {
            // Either way it ends.
            let _ = timeout(age, shutdown.cancelled()).await;
        }
        None => shutdown.cancelled().await,
    }
}
