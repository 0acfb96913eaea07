//! The providers' own CRDs, by which what the catalog makes is checked.
//!
//! They are not part of the project. They are looked for in `IDP_PROVIDER_CRDS`, else in
//! `../shared/provider-crds` beside the workspace.

use std::path::{Path, PathBuf};

use idp_function::schemas::ProviderSchemas;

use crate::absent::not_tested;

/// The folder, if it is there. Where it is not, says so on standard error; in CI that is a failure.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("IDP_PROVIDER_CRDS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/provider-crds"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    not_tested(&format!(
        "against the providers' schemas: there is no folder {}. Set IDP_PROVIDER_CRDS to one that holds their CRDs.",
        folder.display()
    ));
    None
}

/// The CRDs, if they are there.
pub fn open() -> Option<ProviderSchemas> {
    folder().map(|folder| ProviderSchemas::open(&folder).unwrap())
}

#[cfg(test)]
mod tests {
    use super::open;
    use serde_json::{Value, json};

    fn rule(for_provider: Value) -> Value {
        json!({"apiVersion": "ec2.aws.upbound.io/v1beta1", "kind": "SecurityGroupIngressRule", "metadata": {"name": "x"},
            "spec": {"forProvider": for_provider, "managementPolicies": ["Observe", "Create"]}})
    }

    #[test]
    fn says_what_a_provider_would() {
        let Some(schemas) = open() else {
            return;
        };
        let check = |for_provider| schemas.check(&rule(for_provider)).join("\n");

        assert_eq!(check(json!({"region": "us-east-1", "ipProtocol": "tcp", "fromPort": 1})), "");
        assert!(check(json!({"ipProtocol": "tcp"})).contains("\"region\" is a required property"));
        assert!(
            check(json!({"region": "us-east-1"}))
                .contains("spec.forProvider.ipProtocol is a required parameter")
        );
        assert!(
            check(json!({"region": "us-east-1", "ipProtocol": "tcp", "fromPort": "1"}))
                .contains(".spec.forProvider.fromPort: \"1\"")
        );
        assert!(
            check(json!({"region": "us-east-1", "ipProtocol": "tcp", "port": 1}))
                .contains("('port' was unexpected)")
        );
    }

    #[test]
    fn refuses_other_versions_and_places() {
        let Some(schemas) = open() else {
            return;
        };
        let object = |version: &str| {
            json!({"apiVersion": format!("rds.aws.upbound.io/{version}"), "kind": "Instance", "metadata": {"name": "x"},
                "spec": {"forProvider": {"region": "r", "instanceClass": "c"}, "managementPolicies": ["*"]}})
        };
        assert_eq!(schemas.check(&object("v1beta3")), Vec::<String>::new());
        assert_eq!(
            schemas.check(&object("v1beta2")),
            ["v1beta2 is not the storage version of rds.aws.upbound.io Instance"]
        );
        assert!(schemas.check(&object("v9"))[0].contains("has no Instance"));
        let mut placed = object("v1beta3");
        placed["metadata"]["namespace"] = json!("n");
        assert_eq!(schemas.check(&placed), ["metadata.namespace: the kind is cluster-scoped"]);
    }
}
