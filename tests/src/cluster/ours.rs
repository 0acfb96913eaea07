//! What this repository ships, installed as a platform team would.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::crossplane::Line;
use super::providers::read_yaml;
use super::tools::helm;
use super::users::User;

/// The root of the repository.
pub(super) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The Products of the catalog we ship.
pub(super) fn products() -> Vec<Value> {
    let dir = workspace().join("package/catalog/products");
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = files.map(|file| file.expect("a directory entry").path());
    paths.flat_map(|path| read_yaml(&path)).collect()
}

/// What the chart is installed as, and where.
pub(super) const RELEASE: &str = "idp";
pub(super) const RELEASE_NAMESPACE: &str = "idp-system";

/// Installs the chart: configuration kinds, roles, default catalog, XRDs, Compositions, and the function at `package`.
pub(super) fn install_chart(dir: &Path, admin: &User, package: &str) {
    let values = [
        format!("function.package={package}"),
        format!("products.namespaced={}", Line::in_use() == Line::V2),
        "webhook.enabled=false".to_owned(),
    ];
    let values = values.iter().flat_map(|value| ["--set", value]);
    let install = ["install", RELEASE, "--create-namespace", "--namespace", RELEASE_NAMESPACE];
    helm(dir, admin, install.into_iter().chain(values), &workspace().join("package/chart"));
}

/// Turns on what the chart was installed without: the webhook's Service, ServiceAccount and rights.
pub(super) fn turn_on_webhook(dir: &Path, admin: &User) {
    let upgrade = ["upgrade", RELEASE, "--namespace", RELEASE_NAMESPACE, "--reuse-values", "--set", "webhook.enabled=true"];
    helm(dir, admin, upgrade, &workspace().join("package/chart"));
}

/// One of our binaries, built with the same profile as the tests: test programs are in
/// `target/<profile>/deps`.
pub fn our_program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("the path of the test program");
    let profile = tests.parent().and_then(Path::parent).expect("a target directory");
    let program = profile.join(name);
    assert!(program.exists(), "{} is not built; run cargo build --workspace", program.display());
    program
}
