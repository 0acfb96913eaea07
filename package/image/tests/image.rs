//! What is in an image, and that it is the same every time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The smallest thing that is a static x86-64 binary: an ELF header, and nothing to load.
fn static_binary(folder: &Path) -> PathBuf {
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    for (at, value) in [(16, 2), (18, 62), (20, 1), (52, 64), (54, 56), (58, 64)] {
        header[at] = value;
    }
    let path = folder.join("program");
    std::fs::write(&path, header).unwrap();
    path
}

fn make(binary: &Path, output: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idp-image"))
        .args(["--tag", "program:v1", "--arg", "serve"])
        .args(more)
        .arg("--binary")
        .arg(binary)
        .arg("--output")
        .arg(output)
        .output()
        .unwrap()
}

#[derive(Debug, PartialEq)]
struct Entry {
    mode: u32,
    content: Vec<u8>,
}

/// The entries of a tarball. Whatever could tell one build from another is the same in all.
fn entries(tarball: impl Read) -> BTreeMap<String, Entry> {
    let mut archive = tar::Archive::new(tarball);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(
            (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
            (0, 0, 0)
        );
        let mode = header.mode().unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (path, Entry { mode, content })
    });
    entries.collect()
}

/// What a descriptor points at; its size and digest are right.
fn blob<'a>(files: &'a BTreeMap<String, Entry>, descriptor: &Value) -> &'a [u8] {
    let sum = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let content = &files[&format!("blobs/sha256/{sum}")].content;
    assert_eq!(hex::encode(Sha256::digest(content)), sum);
    assert_eq!(descriptor["size"], content.len());
    content
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn it_holds_the_program_and_certificates_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let binary = static_binary(folder.path());
    let tarball = folder.path().join("image.tar");
    let said = make(&binary, &tarball, &[]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    let files = entries(std::fs::File::open(&tarball).unwrap());
    let index = json(&files["index.json"].content);
    let descriptor = &index["manifests"][0];
    assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), descriptor["digest"]);
    assert_eq!(descriptor["platform"], json!({"architecture": "amd64", "os": "linux"}));
    assert_eq!(json(&files["oci-layout"].content), json!({"imageLayoutVersion": "1.0.0"}));

    let manifest = json(blob(&files, descriptor));
    let layer = blob(&files, &manifest["layers"][0]);
    let config = json(blob(&files, &manifest["config"]));
    assert_eq!(config["config"]["User"], "2000:2000");
    assert_eq!(config["config"]["Entrypoint"], json!(["/program", "serve"]));
    let mut plain = Vec::new();
    GzDecoder::new(layer).read_to_end(&mut plain).unwrap();
    assert_eq!(
        config["rootfs"]["diff_ids"],
        json!([format!("sha256:{}", hex::encode(Sha256::digest(&plain)))])
    );

    let inside = entries(plain.as_slice());
    let names: Vec<_> = inside.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["etc/", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt", "program"]
    );
    assert_eq!(inside["program"], Entry { mode: 0o555, content: std::fs::read(&binary).unwrap() });
    let certificates =
        pem::parse_many(&inside["etc/ssl/certs/ca-certificates.crt"].content).unwrap();
    assert!(certificates.len() > 100, "{}", certificates.len());

    // What Docker and Crossplane's CLI read is the same image.
    let docker = json(&files["manifest.json"].content);
    assert_eq!(docker[0]["RepoTags"], json!(["program:v1"]));
    assert_eq!(files[docker[0]["Layers"][0].as_str().unwrap()].content, layer);
    assert_eq!(json(&files[docker[0]["Config"].as_str().unwrap()].content), config);
}

#[test]
fn the_same_program_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let binary = static_binary(folder.path());
    let [first, second] = ["first.tar", "second.tar"].map(|name| {
        let tarball = folder.path().join(name);
        assert!(make(&binary, &tarball, &[]).status.success());
        // A new time on the file is no other program.
        std::fs::copy(&binary, folder.path().join("copy"))
            .and_then(|_| std::fs::rename(folder.path().join("copy"), &binary))
            .unwrap();
        std::fs::read(tarball).unwrap()
    });
    assert!(first == second);
}

#[test]
fn what_cannot_run_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("image.tar");
    let refusal = |binary: &Path, more: &[&str]| {
        let said = make(binary, &output, more);
        assert!(!said.status.success() && !output.exists());
        String::from_utf8(said.stderr).unwrap()
    };
    let text = folder.path().join("script");
    std::fs::write(&text, "#!/bin/sh\n").unwrap();
    assert!(refusal(&text, &[]).contains("is not a 64-bit ELF binary"));
    assert!(refusal(&folder.path().join("absent"), &[]).contains("cannot read"));
    let binary = static_binary(folder.path());
    assert!(
        refusal(&binary, &["--architecture", "arm64"]).contains("was built for another machine")
    );
}

/// This test program itself is linked dynamically where programs are by default.
#[test]
#[cfg(all(target_arch = "x86_64", target_env = "gnu", not(target_feature = "crt-static")))]
fn a_dynamic_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = make(&std::env::current_exe().unwrap(), &folder.path().join("image.tar"), &[]);
    let message = String::from_utf8(said.stderr).unwrap();
    assert!(message.contains("is not static") && message.contains("crt-static"), "{message}");
}
