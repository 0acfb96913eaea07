//! Where a cluster-scoped composite resource writes its connection: it names a namespace, and Crossplane may
//! write everywhere. So its user has to be one who could write there.

use idp_crds::contract::{FieldError, Problem};
use serde_json::{Map, Value};

use super::authorizer::Right;
use super::context::Admission;
use super::object::Object;
use super::verdict::Denial;
use super::workload::{ApiKind, Workload};

/// What is wrong with a namespace that a workload is to write its connection to; none where it stays
/// as it was in `old`.
pub(super) async fn error(
    admission: &Admission,
    workload: &Workload<'_>,
    old: Option<&Object<'_>>,
) -> Result<Option<FieldError>, Denial> {
    let Some(namespace) = namespace(&workload.new.spec) else { return Ok(None) };
    let stays = old.is_some_and(|old| old.spec.get(FIELD) == workload.new.spec.get(FIELD));
    if workload.api_kind != ApiKind::Composite || stays {
        return Ok(None);
    }
    let request = workload.request;
    if admission.authorizer.holds(request, Right::CreateSecrets { namespace }).await? {
        return Ok(None);
    }
    let message = format!(
        "is where you may not create Secrets ({:?} in {namespace:?}): name a namespace where you may",
        &*request.user_info.username
    );
    Ok(Some(FieldError::new(format!("spec.{FIELD}.namespace"), Problem::Forbidden, message)))
}

const FIELD: &str = "writeConnectionSecretToRef";

fn namespace(spec: &Map<String, Value>) -> Option<&str> {
    spec.get(FIELD)?.get("namespace")?.as_str()
}
