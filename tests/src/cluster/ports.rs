//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};

/// A port nobody listens on at this moment.
pub(super) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a free loopback port").port()
}
