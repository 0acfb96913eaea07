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

/// How the chart is installed when the cluster starts.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its folder.
    pub chart: PathBuf,
    /// What differs from the chart's own values, as `--set` takes it.
    pub values: Vec<String>,
}

impl Default for Release {
    /// The chart of this repository, for every kind of workload, without what needs a pod: the
    /// webhook, and the Job of an upgrade.
    fn default() -> Self {
        let namespaced = format!("products.namespaced={}", Line::in_use() == Line::V2);
        let values =
            [&*namespaced, "webhook.enabled=false", "crds.upgrade=false"].map(str::to_owned).into();
        Self { chart: workspace().join("package/chart"), values }
    }
}

/// Installs the chart: configuration kinds, roles, default catalog, XRDs, Compositions, and the
/// function at `package`.
pub(super) fn install_chart(dir: &Path, admin: &User, release: &Release, package: &str) {
    let package = format!("function.package={package}");
    let values = release.values.iter().chain([&package]).flat_map(|value| ["--set", value]);
    let install = ["install", RELEASE, "--create-namespace", "--namespace", RELEASE_NAMESPACE];
    helm(dir, admin, install.into_iter().chain(values), &release.chart);
}

/// Turns on what the chart was installed without: the webhook's Service, ServiceAccount and rights.
pub(super) fn turn_on_webhook(dir: &Path, admin: &User) {
    let upgrade = [
        "upgrade",
        RELEASE,
        "--namespace",
        RELEASE_NAMESPACE,
        "--reuse-values",
        "--set",
        "webhook.enabled=true",
    ];
    helm(dir, admin, upgrade, &workspace().join("package/chart"));
}

/// One of our binaries: in `IDP_PROGRAMS`, as `package/build` leaves them, or built with the same
/// profile as the tests, whose programs are in `target/<profile>/deps`.
pub fn our_program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("the path of the test program");
    let profile = || tests.parent().and_then(Path::parent).expect("a target directory").to_owned();
    let program = std::env::var_os("IDP_PROGRAMS").map_or_else(profile, PathBuf::from).join(name);
    assert!(program.exists(), "{} is not built; run cargo build --workspace", program.display());
    program
}
