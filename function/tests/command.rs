//! The command line of `idp`: how it ends when it cannot begin.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
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

fn claim(name: &str, size: &str) -> String {
    format!(
        "apiVersion: db.platform.example.org/v1alpha1\nkind: MySQLInstanceClaim\nmetadata: {{{name}, namespace: team}}\n\
         spec: {{parameters: {{cell: c, tier: medium, environment: dev, size: {size}, storageGB: 20}}}}\n"
    )
}

/// A folder as teams keep it: what is not ours is skipped, one refusal does not silence the rest,
/// and a list is what is in it.
#[test]
fn a_folder_is_rendered_as_far_as_it_can_be() {
    let folder = std::env::temp_dir().join(format!("idp-render-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("more")).unwrap();
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n---\n";
    let good = format!("{namespace}{}", claim("name: orders", "small"));
    std::fs::write(folder.join("a.yaml"), good).unwrap();
    std::fs::write(folder.join("b.yaml"), claim("name: carts", "huge")).unwrap();
    std::fs::write(folder.join("c.yml"), claim("generateName: made-", "small")).unwrap();
    let listed = claim("name: listed", "small").replace('\n', "\n    ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n  - {}\n", listed.trim_end());
    std::fs::write(folder.join("more/d.yaml"), list).unwrap();
    std::fs::write(folder.join("README.md"), "not read").unwrap();

    let output = Command::new(env!("CARGO_BIN_EXE_idp"))
        .args(["render", folder.to_str().unwrap()])
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let rendered = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(rendered.contains("name: orders") && rendered.contains("name: listed"), "{said}");
    assert!(said.contains("Namespace default/team: skipped"), "{said}");
    assert!(said.contains("2 of 4 are refused"), "{said}");
    assert!(said.contains("carts") && said.contains("\"huge\""), "{said}");
    assert!(said.contains("metadata.generateName cannot be used"), "{said}");
}

/// The laptop refuses what the cluster refuses.
#[test]
fn a_namespace_that_no_cluster_has_is_refused() {
    let file = std::env::temp_dir().join(format!("idp-render-{}.yaml", std::process::id()));
    let text = claim("name: orders", "small").replace("namespace: team", "namespace: Team_A");
    std::fs::write(&file, text).unwrap();
    let (code, said) = idp(&["render", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("metadata.namespace: must be"), "{said}");
}

/// What is built in has the digest that its decisions carry.
#[test]
fn the_version_names_the_catalog_that_decides() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_idp")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let version: serde_json::Value =
        serde_json::from_str(&run(&["version", "--output", "json"])).unwrap();
    let text = |field: &str| version[field].as_str().unwrap();
    let line = format!("idp {}, catalog {}", text("version"), text("catalog"));
    assert_eq!(run(&["--version"]).trim(), line);
    let file = std::env::temp_dir().join(format!("idp-version-{}.yaml", std::process::id()));
    std::fs::write(&file, claim("name: orders", "small")).unwrap();
    let rendered = run(&["render", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    let digest = version["catalog"].as_str().unwrap();
    assert!(digest.len() == 64 && rendered.contains(digest), "{digest} is in no decision");
}

/// The pages are there, on this machine alone, until a signal.
#[test]
fn the_console_is_shown_to_this_machine_until_it_is_ended() {
    let (code, said) = idp(&["console", "--address", "0.0.0.0:0"]);
    assert!(
        code == Some(2) && said.contains("everyone who reaches it would see everything"),
        "{said}"
    );
    let (code, said) = idp(&["console", "--fleet", "/nowhere"]);
    assert!(code == Some(3) && said.contains("/nowhere"), "{said}");

    let mut console = Command::new(env!("CARGO_BIN_EXE_idp"))
        .args(["console", "--address", "127.0.0.1:0"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(console.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("shows 10 workloads"), "{said}");
    let address = said.split(['/', ' ']).nth(2).unwrap();
    for (path, shows) in [("/", "What needs attention"), ("/api/v1/workloads", "\"total\":10")] {
        let mut stream = TcpStream::connect(address).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK") && answer.contains(shows), "{path}: {answer}");
    }
    let ended = Command::new("kill").arg(console.id().to_string()).status().unwrap();
    assert!(ended.success() && console.wait().unwrap().success());
}
