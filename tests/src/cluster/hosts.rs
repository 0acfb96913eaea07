//! Names that a cluster's DNS would know.
//!
//! Crossplane dials a function by the name of its Service. It runs with an `/etc/hosts` of
//! its own (a private mount), where that name is a loopback address of this test program.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The files bound over `/etc/hosts` and `/etc/resolv.conf`.
pub(super) struct Hosts {
    pub hosts: PathBuf,
    pub resolver: PathBuf,
    /// Where the function must listen, at port 9443.
    pub function: Ipv4Addr,
}

impl Hosts {
    /// Writes the files; `function` is the name of the function's Service.
    pub(super) fn write(dir: &Path, function: &str) -> Self {
        // The port is given (9443), so that two test programs need two addresses.
        let [high, low] = (std::process::id() as u16).to_be_bytes();
        let address = Ipv4Addr::new(127, 77, high, low);
        let write = |name: &str, content: String| {
            let path = dir.join(name);
            fs::write(&path, content).expect("a file for name resolution");
            path
        };
        Self {
            hosts: write("hosts", format!("127.0.0.1 localhost\n{address} {function}\n")),
            // Asking for a service configuration by DNS fails at once, not by a timeout.
            resolver: write("resolv.conf", "nameserver 127.0.0.1\n".to_owned()),
            function: address,
        }
    }
}
