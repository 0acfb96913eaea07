//! Serves a router over HTTP/1.1 and HTTP/2, plain or over TLS.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::body::{Bounded, Held};
use super::connections::{Connections, Seat};
use super::limits::{ANSWER, LARGEST_HEAD, Limit, Limits};
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
    /// What clients may hold.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: None,
            max_connection_age: None,
            linger: Duration::ZERO,
            // Within the 30 s a pod gets by default.
            drain_timeout: Duration::from_secs(25),
            limits: Limits::default(),
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
    let seats = Connections::new(&options.limits);
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
        let Some(seat) = seats.take(&options.limits) else {
            debug!(%peer, "all connections are busy; refused one more");
            continue;
        };
        let (options, router, ended) = (options.clone(), router.clone(), ended.clone());
        connections.spawn(async move {
            // Whoever has to make room has nothing in flight.
            let leave = seat.0.leave.clone();
            let connection = connection((stream, peer), options, router, &seat.0, &ended);
            leave.run_until_cancelled(connection).await;
        });
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
    (stream, peer): (TcpStream, SocketAddr),
    options: Options,
    router: Router,
    seat: &Arc<Seat>,
    shutdown: &CancellationToken,
) {
    // Answers are written whole; waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(ANSWER));
    let stream = Box::pin(stream);
    let Some(tls) = &options.tls else {
        return exchange(stream, peer, &options, router, seat, shutdown).await;
    };
    let handshake = timeout(HANDSHAKE_TIMEOUT, tls.acceptor().accept(stream));
    match shutdown.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => exchange(stream, peer, &options, router, seat, shutdown).await,
        // Port probes connect and go away.
        Some(Ok(Err(error))) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Some(Ok(Err(error))) => info!(%peer, %error, "TLS handshake failed"),
        Some(Err(_)) => info!(%peer, "TLS handshake timed out"),
        None => {}
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    options: &Options,
    router: Router,
    seat: &Arc<Seat>,
    shutdown: &CancellationToken,
) {
    let limits = &options.limits;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX))
        .initial_connection_window_size(limits.window)
        .initial_stream_window_size(limits.window)
        .max_concurrent_streams(limits.streams);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (busy, held) = (seat.busy(), Arc::new(Held::nothing(limits)));
        let request = request.map(|body| Bounded::new(body, limits, Arc::clone(&held)));
        let (answering, refusals) = (router.call(request), limits.refusals.clone());
        async move {
            let answer = answering.await;
            if matches!(&answer, Ok(answer) if answer.status() == StatusCode::PAYLOAD_TOO_LARGE) {
                refusals.count(Limit::RequestSize);
            }
            drop((busy, held));
            answer
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));

    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = end_of_life(options.max_connection_age, shutdown) => {
            connection.as_mut().graceful_shutdown();
            match timeout(options.drain_timeout, connection).await {
                Ok(result) => result,
                Err(_) => return warn!(%peer, "requests in flight took too long; connection closed"),
            }
        }
    };
    if let Err(error) = result {
        if is_timeout(error.as_ref()) {
            limits.refusals.count(Limit::AnswerTime);
        }
        debug!(%peer, error, "connection failed");
    }
}

/// Whether a connection ended because nobody took what was written to it.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    error.downcast_ref().is_some_and(timed_out) || error.source().is_some_and(is_timeout)
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
