//! What the clients of a server may hold of it: connections, bytes of requests, time. Whoever goes
//! beyond is refused, told why, and counted.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use super::size;

/// Limits that an operator may need to set.
#[derive(Args, Clone, Debug)]
pub struct LimitArgs {
    /// Connections at once. At the limit a new one takes the place of the one that has been idle
    /// for longest; where none is idle it is refused.
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Bytes of requests held at once, over all connections, with a unit: Ki, Mi, Gi. A request
    /// waits a second for room, and is then answered that the server is busy. The largest request
    /// that is taken always fits.
    #[arg(long, value_name = "SIZE", default_value = "64Mi", value_parser = parse_room)]
    pub max_bytes_in_flight: usize,

    /// Seconds that a request may take to arrive.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub request_timeout: u64,
}

fn parse_room(text: &str) -> Result<usize, String> {
    match size::parse(text)? {
        size if size < 1 << 20 => Err(format!("{size} bytes is too little: at least 1Mi")),
        size => Ok(size),
    }
}

impl Default for LimitArgs {
    fn default() -> Self {
        LimitArgs { max_connections: 512, max_bytes_in_flight: 64 << 20, request_timeout: 10 }
    }
}

/// Every limit of a server's port.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub(crate) connections: usize,
    /// Bytes that a peer may send of a request before they are read: HTTP/2's window, for a whole
    /// connection and for each request on it.
    pub(crate) window: u32,
    /// Requests at once on a connection (HTTP/2).
    pub(crate) streams: u32,
    /// How long a request may take to arrive.
    pub(crate) arrival: Duration,
    /// What requests may hold of the memory.
    pub(crate) room: Arc<Room>,
    /// To be counted in.
    pub(crate) refusals: Refusals,
}

/// What may be held of requests' bytes. The beginnings of requests have a share of their own:
/// however many large ones wait for their ends, there is room for what is small.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) beginnings: Arc<Semaphore>,
    pub(crate) rests: Arc<Semaphore>,
}

/// As much of a request is its beginning; ordinary requests are all beginning.
pub(crate) const BEGINNING: usize = 64 << 10;

/// A request waits this long for room.
pub(crate) const WAIT: Duration = Duration::from_secs(1);

/// An answer of which nobody takes anything for this long ends its connection.
pub(crate) const ANSWER: Duration = Duration::from_secs(20);

/// The largest head of a request, bytes.
pub(crate) const LARGEST_HEAD: usize = 16 << 10;

impl Limits {
    /// For a port to which requests of up to `largest` bytes come.
    #[must_use]
    pub fn new(args: &LimitArgs, largest: usize, refusals: Refusals) -> Self {
        let bytes = args.max_bytes_in_flight;
        let room = Room {
            beginnings: Arc::new(Semaphore::new(bytes / 4)),
            rests: Arc::new(Semaphore::new((bytes - bytes / 4).max(largest))),
        };
        Limits {
            connections: args.max_connections.try_into().unwrap_or(usize::MAX),
            window: 64 << 10,
            streams: 128,
            arrival: Duration::from_secs(args.request_timeout),
            room: Arc::new(room),
            refusals,
        }
    }

    /// With this much of HTTP/2's window.
    #[must_use]
    pub fn with_window(self, window: u32) -> Self {
        Limits { window, ..self }
    }

    /// For a port that answers short questions of a few: an operator's.
    #[must_use]
    pub fn few(refusals: Refusals) -> Self {
        let args =
            LimitArgs { max_connections: 16, max_bytes_in_flight: 1 << 20, ..LimitArgs::default() };
        Limits { streams: 1, ..Limits::new(&args, 0, refusals) }
    }
}

impl Limits {
    /// For a port that people look at: a page goes on listening for changes.
    #[must_use]
    pub fn people(refusals: Refusals) -> Self {
        let args = LimitArgs {
            max_connections: 256,
            max_bytes_in_flight: 4 << 20,
            ..LimitArgs::default()
        };
        Limits { streams: 32, ..Limits::new(&args, 0, refusals) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new(&LimitArgs::default(), 0, Refusals::default())
    }
}

/// Why a request was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It did not arrive in time.
    #[error("it did not arrive in {} s (--request-timeout)", .0.as_secs())]
    Late(Duration),
    /// There is no room for it.
    #[error(
        "the server holds as many bytes of requests as it may (--max-bytes-in-flight): try again"
    )]
    Busy,
}

/// The limits that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// A connection that was not taken.
    Connections,
    /// An idle connection that made room for another.
    IdleConnections,
    /// A request for whose bytes there was no room.
    BytesInFlight,
    /// A request that took too long to arrive.
    RequestTime,
    /// A request larger than is taken.
    RequestSize,
    /// An answer that nobody took.
    AnswerTime,
}

const LIMITS: [(Limit, &str); 6] = [
    (Limit::Connections, "connections"),
    (Limit::IdleConnections, "idle_connections"),
    (Limit::BytesInFlight, "bytes_in_flight"),
    (Limit::RequestTime, "request_time"),
    (Limit::RequestSize, "request_size"),
    (Limit::AnswerTime, "answer_time"),
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    port: &'static str,
    limit: &'static str,
}

/// Counts of what a limit has refused, of one port; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    counted: Family<Labels, Counter>,
    port: &'static str,
}

impl Refusals {
    /// Makes the counters and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let refusals = Refusals::default();
        registry.register(
            "idp_limit_refusals",
            "Connections and requests that a limit has refused or ended, by port and limit",
            refusals.counted.clone(),
        );
        refusals
    }

    /// Of this port; each of its limits is there, at zero.
    #[must_use]
    pub fn of(&self, port: &'static str) -> Self {
        for (_, limit) in LIMITS {
            drop(self.counted.get_or_create(&Labels { port, limit }));
        }
        Refusals { counted: self.counted.clone(), port }
    }

    pub(crate) fn count(&self, limit: Limit) {
        for (_, limit) in LIMITS.iter().filter(|(one, _)| *one == limit) {
            self.counted.get_or_create(&Labels { port: self.port, limit }).inc();
        }
    }
}
