//! The command line of `idp`: how it ends when it cannot begin.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

/// How it ends, and what it says.
fn idp(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_idp")).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_wrong_flag_is_2_and_what_cannot_be_read_is_3() {
    let (code, said) = idp(&["render", "--regoin", "x"]);
    assert_eq!(code, Some(2), "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_idp"))
        .arg("serve")
        .env_remove("TLS_SERVER_CERTS_DIR")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "neither certificates nor --insecure");
    let (code, said) = idp(&["render", "/nowhere/claim.yaml"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("/nowhere/claim.yaml"), "{said}");
    let (code, said) = idp(&["serve", "--insecure", "--otlp-endpoint", "not an address"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with("error: cannot send traces to \"not an address\""), "{said}");
}
