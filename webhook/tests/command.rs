//! The command line of `idp-webhook`: how it ends when it cannot begin.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

/// How it ends, and what it says.
fn webhook(arguments: &[&str]) -> (Option<i32>, String) {
    let nowhere = ["--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0", "--read-address="];
    let mut command = Command::new(env!("CARGO_BIN_EXE_idp-webhook"));
    let output = command
        .args(nowhere)
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nowhere")
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_wrong_flag_is_2_and_what_cannot_be_used_is_3() {
    let (code, said) = webhook(&["--catalog=embedded", "--url=https://localhost"]);
    assert_eq!(code, Some(2), "{said}");
    for (arguments, message) in [
        (&["--catalog=/nowhere"][..], "error: the catalog cannot be read:\n  cannot read /nowhere"),
        (
            &["--catalog=embedded", "--tls-certs-dir=/nowhere"],
            "error: cannot read /nowhere/tls.crt",
        ),
        (
            &["--catalog=embedded", "--otlp-endpoint=not an address"],
            "error: cannot send traces to \"not an address\"",
        ),
        (&[], "error: there is no cluster to run in"),
    ] {
        let (code, said) = webhook(arguments);
        assert_eq!(code, Some(3), "{arguments:?}: {said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
    }
}
