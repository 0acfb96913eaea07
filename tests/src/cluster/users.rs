//! Who may talk to the API server.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::Secret;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use super::tools::tool;

/// Someone with a token, known to kubectl by a kubeconfig file.
#[derive(Clone)]
pub struct User {
    /// The kubeconfig file.
    pub kubeconfig: PathBuf,
    /// What they show the API server.
    pub token: String,
}

/// What every kubeconfig says of the API server.
pub(super) struct Address {
    pub url: String,
    pub ca_pem: PathBuf,
}

impl User {
    /// Writes the kubeconfig of a user who holds this token.
    pub(super) fn new(dir: &Path, name: &str, token: &str, server: &Address) -> Self {
        let kubeconfig = dir.join(format!("{name}.kubeconfig"));
        // JSON is YAML.
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": server.url, "certificate-authority": server.ca_pem}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
            "current-context": "test",
        });
        std::fs::write(&kubeconfig, content.to_string()).expect("a kubeconfig file");
        Self { kubeconfig, token: token.to_owned() }
    }

    /// Runs kubectl with something on its standard input; an error is what it printed.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        self.run(arguments, input).map(|(printed, _)| printed)
    }

    /// The same, with what it warns of.
    pub fn kubectl_loud(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        self.run(arguments, input).map(|(printed, warned)| printed + &warned)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<(String, String), String> {
        let mut child = Command::new(tool("kubectl"))
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("a pipe to kubectl");
        // It may end without reading; what it says then tells why.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().expect("kubectl ends");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok((text(&output.stdout), text(&output.stderr))),
            false => Err(text(&output.stderr)),
        }
    }

    /// A client for this user. Each test makes its own: a client's connections belong to
    /// the runtime they were opened on.
    pub async fn client(&self) -> Client {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).expect("our kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .expect("our kubeconfig makes a configuration");
        Client::try_from(config).expect("our configuration makes a client")
    }
}

/// Writes a Secret's keys as files, as the kubelet mounts it.
pub(super) fn write_secret(secret: &Secret, dir: &Path) {
    std::fs::create_dir_all(dir).expect("a directory for a secret");
    for (key, value) in secret.data.iter().flatten() {
        std::fs::write(dir.join(key), &value.0).expect("a file of a secret");
    }
}
