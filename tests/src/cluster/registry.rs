//! An OCI registry for our package.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::ports::free_port;
use super::process::{Process, Program};
use super::tools::{run, tool};
use super::wait::eventually;

pub(super) struct Registry {
    process: Process,
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

    /// Builds the package in `root`, pushes it, and returns its reference.
    pub(super) fn push(&self, dir: &Path, root: &Path) -> String {
        let file = dir.join("function.xpkg");
        let reference = format!("{}/idp/function-idp-multicloud:v0.0.0-test", self.address);
        run(Command::new(tool("crossplane-cli"))
            .args(["xpkg", "build", "--package-root"])
            .arg(root)
            .arg("--package-file")
            .arg(&file));
        run(Command::new(tool("crossplane-cli"))
            .args(["xpkg", "push", "--package-files"])
            .arg(&file)
            .arg(&reference));
        reference
    }
}
