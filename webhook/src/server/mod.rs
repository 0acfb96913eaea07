//! Serving: the webhooks over TLS on one port, metrics and probes on another.

pub mod routes;
