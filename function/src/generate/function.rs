//! The Function object that Compositions refer to.

use serde_json::{Value, json};

use super::FUNCTION_NAME;

/// How the function runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// From a package, by Crossplane.
    Package(String),
    /// By hand, at this address, without TLS: for `crossplane render` on a laptop.
    Development(String),
}

/// The Function.
#[must_use]
pub fn function(runtime: &Runtime) -> Value {
    let (annotations, package) = match runtime {
        Runtime::Package(package) => (json!({}), package.clone()),
        Runtime::Development(target) => {
            let annotations = json!({
                "render.crossplane.io/runtime": "Development",
                "render.crossplane.io/runtime-development-target": target,
            });
            // Not looked at, but the field is required.
            (annotations, format!("example.org/{FUNCTION_NAME}:development"))
        }
    };
    json!({
        "apiVersion": "pkg.crossplane.io/v1",
        "kind": "Function",
        "metadata": {"name": FUNCTION_NAME, "annotations": annotations},
        "spec": {"package": package},
    })
}
