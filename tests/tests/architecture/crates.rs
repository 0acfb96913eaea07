//! What the crates are built with.

use std::collections::BTreeSet;
use std::process::Command;

use super::top;

/// Everything that a crate is built with, by name.
fn tree(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_domain_knows_no_servers_and_no_clients() {
    let core = tree("idp-core");
    for forbidden in ["tonic", "axum", "hyper", "kube-client", "kube-runtime", "tokio"] {
        assert!(!core.contains(forbidden), "idp-core is built with {forbidden}");
    }
}

/// A laptop's command line shows it without a cluster.
#[test]
fn the_console_knows_no_clients_of_a_cluster() {
    let console = tree("idp-console");
    for forbidden in ["kube-client", "kube-runtime"] {
        assert!(!console.contains(forbidden), "idp-console is built with {forbidden}");
    }
}

#[test]
fn crates_point_one_way() {
    let rules: [(&str, &[&str]); 6] = [
        ("idp-crds", &["idp-core", "idp-serving", "idp-console", "idp-function", "idp-webhook"]),
        ("idp-core", &["idp-serving", "idp-console", "idp-function", "idp-webhook"]),
        ("idp-serving", &["idp-crds", "idp-core", "idp-console", "idp-function", "idp-webhook"]),
        ("idp-console", &["idp-serving", "idp-function", "idp-webhook"]),
        ("idp-function", &["idp-webhook"]),
        ("idp-webhook", &["idp-function"]),
    ];
    for (package, above) in rules {
        let below = tree(package);
        for other in above {
            assert!(!below.contains(*other), "{package} is built with {other}");
        }
    }
}
