//! The plugin of kubectl: what `package/krew/pack` makes is what krew installs.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::root;

/// A binary is packed as it is: any program will do.
const PROGRAM: &str = "#!/bin/sh\necho packed\n";

fn pack(architecture: &str, out: &Path) {
    let binary = out.join("program");
    std::fs::write(&binary, PROGRAM).unwrap();
    let packed = Command::new(root().join("package/krew/pack"))
        .arg(&binary)
        .args([architecture, env!("CARGO_PKG_VERSION")])
        .arg(out)
        .output()
        .unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
}

fn manifest(out: &Path) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(out.join("idp.yaml")).unwrap()).unwrap()
}

/// The files of an archive, with their modes.
fn files(archive: &Path) -> BTreeMap<String, (u32, String)> {
    let bytes = std::fs::File::open(archive).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let (mode, mut text) = (entry.header().mode().unwrap(), String::new());
        entry.read_to_string(&mut text).unwrap();
        (name, (mode & 0o777, text))
    });
    entries.collect()
}

fn sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// The rules of `internal/index/validation` in krew's source, and that all of it fits together.
#[test]
fn the_manifest_is_what_krew_takes_and_what_was_packed() {
    let out = tempfile::tempdir().unwrap();
    pack("amd64", out.path());
    assert_eq!(manifest(out.path())["spec"]["platforms"].as_array().unwrap().len(), 1);
    pack("arm64", out.path());
    let manifest = manifest(out.path());
    assert_eq!(manifest["apiVersion"], "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(manifest["kind"], "Plugin");
    assert_eq!(manifest["metadata"]["name"], "idp", "and the file is called idp.yaml");
    let spec = &manifest["spec"];
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(spec["version"], version);
    let short = spec["shortDescription"].as_str().unwrap();
    assert!(!short.contains('\n') && short.len() <= 50, "{short}");
    assert!(!spec["description"].as_str().unwrap().is_empty());
    let cargo = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let repository = spec["homepage"].as_str().unwrap();
    assert!(cargo.contains(&format!("repository = \"{repository}\"")), "{repository}");

    let platforms = spec["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    for (platform, architecture) in platforms.iter().zip(["amd64", "arm64"]) {
        let labels = &platform["selector"]["matchLabels"];
        assert_eq!((&labels["os"], &labels["arch"]), (&"linux".into(), &architecture.into()));
        let uri = platform["uri"].as_str().unwrap();
        let name = uri.rsplit('/').next().unwrap();
        assert_eq!(uri, format!("{repository}/releases/download/{version}/{name}"));
        assert!(name.contains(architecture), "{name}");
        let archive = out.path().join(name);
        assert_eq!(platform["sha256"], sum(&archive), "{name}");
        let files = files(&archive);
        for file in platform["files"].as_array().unwrap() {
            assert!(files.contains_key(file["from"].as_str().unwrap()), "{file}: {files:?}");
            assert_eq!(file["to"], ".");
        }
        let (mode, text) = &files[platform["bin"].as_str().unwrap()];
        assert_eq!((*mode, text.as_str()), (0o755, PROGRAM));
    }
    // The same again is the same bytes.
    let again = tempfile::tempdir().unwrap();
    pack("amd64", again.path());
    let archive = |out: &Path| std::fs::read(out.join("idp-linux-amd64.tar.gz")).unwrap();
    assert_eq!(archive(out.path()), archive(again.path()));
}

/// krew links `kubectl-<name>` to the binary, whatever that is called.
#[test]
fn the_program_knows_under_which_name_it_was_called() {
    let folder = tempfile::tempdir().unwrap();
    let programs = std::env::current_exe().unwrap();
    let idp = programs.parent().unwrap().parent().unwrap().join("idp");
    let plugin = folder.path().join("kubectl-idp");
    symlink(&idp, &plugin).unwrap();
    let usage = |program: &Path| {
        let output = Command::new(program).args(["get", "--help"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find(|line| line.starts_with("Usage: ")).unwrap().to_owned()
    };
    assert_eq!(usage(&plugin), "Usage: kubectl idp get [OPTIONS]");
    assert_eq!(usage(&idp), "Usage: idp get [OPTIONS]");
    assert_ne!(std::fs::metadata(&idp).unwrap().permissions().mode() & 0o111, 0);
}
