//! Where the programs are that `tests/cluster/build` made.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::users::User;

/// The path of a program, or of a file that came with one.
pub(super) fn tool(name: &str) -> PathBuf {
    let dir = std::env::var_os("IDP_TOOLS_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cluster/.cache/bin"),
        PathBuf::from,
    );
    let path = dir.join(name);
    assert!(path.exists(), "{} is not there; run tests/cluster/build", path.display());
    path
}

/// Runs a command to its good end and returns what it printed.
pub(super) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs helm on a chart.
pub(super) fn helm<'a>(
    dir: &Path,
    user: &User,
    arguments: impl IntoIterator<Item = &'a str>,
    chart: &Path,
) {
    run(helm_command(dir, user).args(arguments).arg(chart));
}

/// Helm with its caches in `dir`.
pub(super) fn helm_command(dir: &Path, user: &User) -> Command {
    let home = dir.join("helm");
    let mut command = Command::new(tool("helm"));
    command.env("KUBECONFIG", &user.kubeconfig);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, &home);
    }
    command
}
