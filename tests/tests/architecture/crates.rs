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

/// A laptop's command line shows the console, and speaks to no cluster.
#[test]
fn the_command_line_and_the_console_know_no_clients_of_a_cluster() {
    for package in ["idp-console", "idp-function"] {
        let below = tree(package);
        for forbidden in ["kube-client", "kube-runtime"] {
            assert!(!below.contains(forbidden), "{package} is built with {forbidden}");
        }
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
