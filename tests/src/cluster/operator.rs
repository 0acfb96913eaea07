//! What the platform's operators do.

use serde_json::json;

use super::Cluster;

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
}
