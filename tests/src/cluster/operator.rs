//! What the platform's operators do.

use serde_json::json;

use super::Cluster;
use super::tools::helm_command;

const PROVIDERS: [&str; 3] = ["aws", "gcp", "oci"];

impl Cluster {
    /// Switches these providers on and all others off, for new placements.
    pub fn only_healthy(&self, healthy: &[&str]) {
        for provider in PROVIDERS {
            let patch = json!({"spec": {"healthy": healthy.contains(&provider)}}).to_string();
            self.operate(&["patch", "cloudprovider", provider, "--type=merge", "-p", &patch], "");
        }
    }

    /// Runs kubectl as an administrator to a good end.
    pub fn operate(&self, arguments: &[&str], input: &str) -> String {
        let answer = self.control_plane.admin.kubectl(arguments, input);
        answer.unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// Runs helm as an administrator and returns what it printed; an error is what it said.
    pub fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let output = helm_command(&self.dir, &self.control_plane.admin)
            .args(arguments)
            .output()
            .expect("helm starts");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }
}
