//! The read API as Schemathesis sees it, which makes requests of the OpenAPI document, right ones and
//! wrong ones, and holds the answers to it.
//!
//! Where it is not installed (`python3 -m venv target/schemathesis`, then
//! `target/schemathesis/bin/pip install -r tests/schemathesis/requirements.txt`) nothing is tested and that is said; with
//! `CI=true` it fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::process::Command;

use idp_console::access::Access;
use idp_console::api::DOCUMENT;
use idp_tests::absent::not_tested;
use idp_tests::pages::top;
use idp_tests::web_port::WebPort;

/// Streams of events do not end.
const ENDLESS: &str = "/events$";

/// A product that is not there is a question that cannot be answered, however well it is formed.
const NOT_OF_THE_DOCUMENT: &str = "positive_data_acceptance";

#[tokio::test(flavor = "multi_thread")]
async fn no_request_of_the_document_is_answered_otherwise_than_it_says() {
    let program = top().join("target/schemathesis/bin/st");
    if !program.exists() {
        return not_tested("with Schemathesis: it is not in target/schemathesis");
    }
    let port = WebPort::of_example(Access::Open).await;
    let folder = tempfile::tempdir().unwrap();
    let ran = Command::new(program)
        .args(["run", &format!("http://{}{DOCUMENT}", port.address)])
        .args(["--checks", "all", "--exclude-checks", NOT_OF_THE_DOCUMENT])
        .args(["--exclude-path-regex", ENDLESS])
        // The same requests every time.
        .args(["--seed", "1", "--generation-deterministic", "--max-examples", "50"])
        .args(["--phases", "coverage,fuzzing", "--warnings", "off", "--no-color"])
        // What it keeps between runs.
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    println!("{said}");
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("Tested: 16"), "{said}");
}
