//! An OCI registry for our package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ours::workspace;
use super::ports::free_port;
use super::process::{Process, Program};
use super::tools::{run, tool};
use super::wait::eventually;

pub(super) struct Registry {
    pub process: Process,
    /// By number: Crossplane refuses a package at `localhost`.
    address: String,
}

impl Registry {
    pub(super) async fn start(dir: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let config = dir.join("registry.yaml");
        let storage = dir.join("registry");
        let content = format!(
            "version: 0.1\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '{address}'}}\n",
            storage.display()
        );
        fs::write(&config, content).expect("the registry's configuration");
        let process = Program::new("docker-registry", &tool("docker-registry"))
            .args(["serve".as_ref(), config.as_os_str()])
            .start(dir);
        let registry = Self { process, address };
        eventually("the registry", async || {
            registry.process.assert_running();
            let connection = tokio::net::TcpStream::connect(&registry.address).await;
            connection.map(|_| ()).map_err(|error| error.to_string())
        })
        .await;
        registry
    }

    /// Builds our function package, pushes it, and returns its reference.
    pub(super) fn push(&self, dir: &Path) -> String {
        let file = dir.join("function.xpkg");
        let reference = format!("{}/idp/function-idp-multicloud:v0.0.0-test", self.address);
        run(Command::new(tool("crossplane-cli"))
            .args(["xpkg", "build", "--package-root"])
            .arg(stage(dir))
            .arg("--package-file")
            .arg(&file));
        run(Command::new(tool("crossplane-cli"))
            .args(["xpkg", "push", "--package-files"])
            .arg(&file)
            .arg(&reference));
        reference
    }
}

/// The package without its neighbours in `package/`: the builder takes every YAML file
/// below its root for a part of the package and refuses the catalog and the chart.
fn stage(dir: &Path) -> PathBuf {
    let package = workspace().join("package");
    let staged = dir.join("package");
    fs::create_dir_all(staged.join("input")).expect("a directory for the package");
    let mut files = vec![PathBuf::from("crossplane.yaml")];
    let inputs = fs::read_dir(package.join("input")).expect("package/input");
    files.extend(
        inputs.map(|entry| Path::new("input").join(entry.expect("a directory entry").file_name())),
    );
    for file in files {
        fs::copy(package.join(&file), staged.join(&file))
            .unwrap_or_else(|error| panic!("package/{}: {error}", file.display()));
    }
    staged
}
