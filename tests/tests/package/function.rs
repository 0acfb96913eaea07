//! The function package, by the Crossplane CLI.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use idp_tests::tools;
use serde_json::Value;

use super::root;

/// The smallest thing that is a static x86-64 binary: an ELF header, and nothing to load.
fn static_binary(folder: &Path) -> PathBuf {
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    for (at, value) in [(16, 2), (18, 62), (20, 1), (52, 64), (54, 56), (58, 64)] {
        header[at] = value;
    }
    let path = folder.join("idp");
    fs::write(&path, header).unwrap();
    path
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn files(tarball: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(tarball);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (path, content)
    });
    entries.collect()
}

/// Builds the package around an image as `package/build` does.
fn build(crossplane: &Path, folder: &Path, name: &str) -> Vec<u8> {
    let image = folder.join("image.tar");
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(Path::parent).unwrap().join("idp-image");
    assert!(program.exists(), "{} is not built; run cargo build --workspace", program.display());
    run(Command::new(program)
        .args(["--tag", "idp:v1", "--arg", "serve", "--binary"])
        .arg(static_binary(folder))
        .arg("--output")
        .arg(&image));
    let staged = folder.join("package");
    fs::create_dir_all(staged.join("input")).unwrap();
    for file in ["crossplane.yaml", "input/inputs.yaml"] {
        fs::copy(root().join("package").join(file), staged.join(file)).unwrap();
    }
    let package = folder.join(name);
    // It takes whatever is called examples where it stands.
    run(Command::new(crossplane)
        .current_dir(folder)
        .args(["xpkg", "build", "--package-root"])
        .arg(&staged)
        .arg("--embed-runtime-image-tarball")
        .arg(&image)
        .arg("--package-file")
        .arg(&package));
    fs::read(package).unwrap()
}

#[test]
fn the_package_is_our_image_and_its_description_and_the_same_every_time() {
    let Some(crossplane) = tools::find("crossplane-cli") else { return };
    let folder = tempfile::tempdir().unwrap();
    let package = build(&crossplane, folder.path(), "first.xpkg");
    let again = build(&crossplane, folder.path(), "second.xpkg");
    let (package, again) = (files(&package), files(&again));
    assert!(package == again, "the same files: {:?} and {:?}", package.keys(), again.keys());

    let json = |name: &str| serde_json::from_slice::<Value>(&package[name]).unwrap();
    let image = &json("manifest.json")[0];
    let config = json(image["Config"].as_str().unwrap());
    assert_eq!(config["config"]["User"], "2000:2000");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/idp", "serve"]));
    let mut inside: Vec<String> = Vec::new();
    let mut description = String::new();
    for layer in image["Layers"].as_array().unwrap() {
        let mut plain = Vec::new();
        GzDecoder::new(package[layer.as_str().unwrap()].as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        for (name, content) in files(&plain) {
            if name == "package.yaml" {
                description = String::from_utf8(content).unwrap();
            }
            inside.push(name);
        }
    }
    inside.sort();
    assert_eq!(
        inside,
        [
            "etc/",
            "etc/ssl/",
            "etc/ssl/certs/",
            "etc/ssl/certs/ca-certificates.crt",
            "idp",
            "package.yaml"
        ]
    );
    let described: Vec<Value> = serde_saphyr::from_multiple(&description).unwrap();
    let kinds: Vec<_> = described.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Function", "CustomResourceDefinition"]);
    assert!(
        described[0]["spec"]["capabilities"].as_array().unwrap().contains(&"composition".into())
    );
}
