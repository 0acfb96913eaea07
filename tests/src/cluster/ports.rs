//! Free loopback ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that the kernel gives to outgoing connections, one of which could take the port of a
/// program that a test has just killed and wants to start again.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port nobody listens on at this moment. Two test programs begin to look in different places.
pub(super) fn free_port() -> u16 {
    let start = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
    let ports = std::iter::repeat_with(|| {
        FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT
    });
    let mut free = ports
        .take(COUNT.into())
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().expect("a free loopback port")
}
