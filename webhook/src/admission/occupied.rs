//! A name that is taken. Crossplane writes the connection to a Secret whose name is known before, and
//! to nobody else's: with a foreign one there the workload would be made, and never be reached.
//!
//! (The name of the credentials' Secret carries the uid that the workload is going to have: nobody
//! can have made it before. The function looks at it.)

use idp_crds::contract::{FieldError, Problem};
use idp_crds::names::connection_secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::context::Admission;
use super::verdict::Denial;
use super::workload::{ApiKind, Workload};

/// What is wrong with a new workload whose connection secret is there, and somebody else's.
pub(super) async fn error(
    admission: &Admission,
    workload: &Workload<'_>,
) -> Result<Option<FieldError>, Denial> {
    let Some(name) = connection_of(workload) else { return Ok(None) };
    let namespace = &*workload.request.namespace;
    let Some(owners) = admission.secrets.owners(namespace, &name).await? else {
        return Ok(None);
    };
    if owners.iter().any(|owner| is_predecessor(owner, workload)) {
        return Ok(None);
    }
    let message = format!(
        "needs the Secret {namespace}/{name} for its connection, and there is one that is not this workload's: delete that Secret, or choose another name"
    );
    Ok(Some(FieldError::new("metadata.name", Problem::Invalid, message)))
}

/// The Secret in the workload's namespace that its connection goes to.
fn connection_of(workload: &Workload<'_>) -> Option<String> {
    let has_one = match workload.api_kind {
        ApiKind::Claim => true,
        ApiKind::Namespaced => !workload.product.spec.connection_keys.is_empty(),
        ApiKind::Composite => false,
    };
    // A name that is missing is refused as such.
    (has_one && !workload.name().is_empty() && !workload.request.namespace.is_empty())
        .then(|| connection_secret(workload.name(), &workload.product.name))
}

/// Of a workload of this kind and name that has just gone: the garbage collector takes its Secret.
fn is_predecessor(owner: &OwnerReference, workload: &Workload<'_>) -> bool {
    owner.controller == Some(true)
        && *owner.kind == *workload.request.kind.kind
        && owner.name == workload.name()
}
