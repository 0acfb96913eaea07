//! One workload rendered: the request that Crossplane would send, and its answer as people see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use idp_crds::contract::{ClaimRequest, FieldError, forbidden, metadata};
use idp_crds::names::{CLAIM_NAME, CLAIM_NAMESPACE, COMPOSITION_RESOURCE_NAME, PLACEMENT_REASON};
use idp_crds::record::{DecidedBy, Record};
use idp_crds::status::PlacementStatus;
use serde_json::{Map, Value, json};

use super::CliError;
use super::input::Document;
use crate::run::Function;
use crate::wire::v1;
use idp_core::catalog::Catalog;
use idp_core::compose::product::Product;
use idp_core::placement::{PlacementInForce, Relocation};
use idp_core::schedule::Provenance;
use idp_core::structs::{from_struct, to_struct};

/// A rendered workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The composite resource: name, status with conditions.
    pub composite: Value,
    /// The composed resources, in order of composition-resource-name, which is an annotation of
    /// each.
    pub resources: Vec<Value>,
    /// The decision, where one was made or given.
    pub record: Option<Record>,
    /// The keys of the connection secret that are known, in order.
    pub connection_keys: Vec<String>,
    /// Warnings and events, `severity: message`.
    pub results: Vec<String>,
}

/// Renders workloads with one catalog.
#[derive(Debug)]
pub struct Renderer {
    function: Function,
    catalog: Arc<Catalog>,
}

impl Renderer {
    /// With this catalog, and the function over the same.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        let catalog = Arc::new(catalog);
        Renderer { function: Function::offline(Arc::clone(&catalog)), catalog }
    }

    /// Whether a document is of an API group of some product: what is not, is none of ours.
    #[must_use]
    pub fn is_of_a_product(&self, document: &Document) -> bool {
        let group = document.group();
        self.catalog.products().iter().any(|product| product.spec.api.group == group)
    }

    /// Renders a claim or composite resource.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it has no place.
    pub fn render(
        &self,
        document: &Document,
        namespaced: bool,
        exclude: &[String],
        observed: &[Document],
    ) -> Result<Rendered, CliError> {
        let subject = document.title();
        let (group, kind) = (document.group(), document.text("/kind"));
        let Some(product) = self.catalog.product_of(group, kind) else {
            let kinds: Vec<&str> =
                self.catalog.products().iter().map(|p| p.spec.api.claim_kind.as_str()).collect();
            let hint = idp_crds::contract::did_you_mean(kind, kinds.iter().copied());
            return Err(CliError::refused(
                &subject,
                vec![format!("no product has this API{hint}; claims are {}", kinds.join(", "))],
            ));
        };
        let mut composite = composite_of(document, product, namespaced);
        let spec =
            document.object.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        // What the API server and the webhook refuse is refused here too.
        let mut errors: Vec<FieldError> = metadata::name(document.text("/metadata/name"))
            .into_iter()
            .chain(metadata::namespace(document.namespace()))
            .collect();
        if kind == product.spec.api.claim_kind {
            errors.extend(forbidden::machinery(&spec, None));
        }
        let request =
            match ClaimRequest::read(&product.spec, &spec, self.catalog.scheduler().tier_names()) {
                Ok(request) if errors.is_empty() => request,
                Ok(_) => return Err(CliError::refused(&subject, lines(&errors))),
                Err(more) => {
                    errors.extend(more);
                    return Err(CliError::refused(&subject, lines(&errors)));
                }
            };
        if !exclude.is_empty() {
            self.relocate(exclude, &subject, product, &request, &mut composite)?;
        }
        let request = function_request(&composite, observed)?;
        let response = self.function.answer(&request);
        read_response(&subject, &composite, &response)
    }

    /// Decides without some providers, as admission does for a failover, and writes the decision
    /// into the annotation.
    fn relocate(
        &self,
        exclude: &[String],
        subject: &str,
        product: &Product,
        request: &ClaimRequest,
        composite: &mut Value,
    ) -> Result<(), CliError> {
        let status = composite
            .pointer("/status/placement")
            .cloned()
            .and_then(|status| serde_json::from_value::<PlacementStatus>(status).ok());
        let name = composite
            .pointer("/metadata/labels")
            .and_then(|labels| labels.get(CLAIM_NAME))
            .or_else(|| composite.pointer("/metadata/name"));
        let name = name.and_then(Value::as_str).unwrap_or_default().to_owned();
        let relocation = status
            .as_ref()
            .map(|status| Relocation::new(&PlacementInForce::from(status), Some(status)));
        let not_to = relocation.as_ref().map(Relocation::not_to).unwrap_or_default();
        let decision =
            self.catalog.relocate(product, &name, request, exclude, &not_to).map_err(|error| {
                let reasons = error.reasons().into_iter();
                CliError::refused(
                    subject,
                    std::iter::once(error.to_string()).chain(reasons).collect(),
                )
            })?;
        let by = DecidedBy::Admission;
        let provenance = relocation
            .as_ref()
            .map_or(Provenance::first(by), |moves| moves.provenance(exclude, by));
        let record = decision.record(provenance);
        let annotations = object_at(object_at(composite, "metadata"), "annotations");
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(PLACEMENT_REASON.to_owned(), json!(record.to_annotation()));
        }
        Ok(())
    }
}

fn lines(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// The composite resource that Crossplane would make of a claim, named like the claim; anything
/// else as it is.
fn composite_of(document: &Document, product: &Product, namespaced: bool) -> Value {
    let api = &product.spec.api;
    let mut composite = document.object.clone();
    if document.text("/kind") != api.claim_kind {
        return composite;
    }
    let (name, namespace) =
        (document.text("/metadata/name").to_owned(), document.namespace().to_owned());
    let kind = if namespaced { &api.namespaced_kind } else { &api.composite_kind };
    if let Some(fields) = composite.as_object_mut() {
        fields.insert("kind".to_owned(), json!(kind));
    }
    let metadata = object_at(&mut composite, "metadata");
    if namespaced {
        if let Some(fields) = metadata.as_object_mut() {
            fields.insert("namespace".to_owned(), json!(namespace));
        }
        return composite;
    }
    if let Some(fields) = metadata.as_object_mut() {
        fields.remove("namespace");
    }
    if let Some(labels) = object_at(metadata, "labels").as_object_mut() {
        labels.insert(CLAIM_NAME.to_owned(), json!(name));
        labels.insert(CLAIM_NAMESPACE.to_owned(), json!(namespace));
    }
    composite
}

/// The object under `field`, made if it is not there.
fn object_at<'v>(value: &'v mut Value, field: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(fields) => fields.entry(field).or_insert_with(|| json!({})),
        other => other,
    }
}

fn function_request(
    composite: &Value,
    observed: &[Document],
) -> Result<v1::RunFunctionRequest, CliError> {
    let resource = |object: &Value| -> Result<v1::Resource, CliError> {
        let resource = to_struct(object).map_err(|error| CliError::Input(error.to_string()))?;
        Ok(v1::Resource { resource: Some(resource), ..v1::Resource::default() })
    };
    let mut resources = BTreeMap::new();
    for document in observed {
        let key = document
            .object
            .pointer("/metadata/annotations")
            .and_then(|all| all.get(COMPOSITION_RESOURCE_NAME))
            .and_then(Value::as_str);
        let key = key.ok_or_else(|| {
            CliError::Input(format!(
                "{}: an observed resource needs the annotation {COMPOSITION_RESOURCE_NAME}",
                document.title()
            ))
        })?;
        resources.insert(key.to_owned(), resource(&document.object)?);
    }
    let state = v1::State { composite: Some(resource(composite)?), resources };
    Ok(v1::RunFunctionRequest { observed: Some(state), ..v1::RunFunctionRequest::default() })
}

fn read_response(
    subject: &str,
    composite: &Value,
    response: &v1::RunFunctionResponse,
) -> Result<Rendered, CliError> {
    let fatal: Vec<String> = response
        .results
        .iter()
        .filter(|r| r.severity() == v1::Severity::Fatal)
        .map(|r| r.message.clone())
        .collect();
    if !fatal.is_empty() {
        return Err(CliError::refused(subject, fatal));
    }
    let read = |bytes: &bytes::Bytes| {
        from_struct::<Value>(bytes).map_err(|error| CliError::Input(error.to_string()))
    };
    let desired = response.desired.as_ref();
    let status = match desired.and_then(|d| d.composite.as_ref()).and_then(|c| c.resource.as_ref())
    {
        Some(bytes) => read(bytes)?.get("status").cloned().unwrap_or_else(|| json!({})),
        None => json!({}),
    };
    let mut resources = Vec::new();
    for (key, resource) in desired.into_iter().flat_map(|d| &d.resources) {
        let Some(bytes) = &resource.resource else { continue };
        let mut object = read(bytes)?;
        let annotations = object_at(object_at(&mut object, "metadata"), "annotations");
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(COMPOSITION_RESOURCE_NAME.to_owned(), json!(key));
        }
        resources.push(object);
    }
    let record = status
        .pointer("/placement/reason")
        .and_then(Value::as_str)
        .and_then(|reason| Record::parse(reason).ok());
    if record.is_none() && status.get("placement").is_none() {
        let why =
            response.conditions.iter().filter_map(|condition| condition.message.clone()).collect();
        return Err(CliError::refused(subject, why));
    }
    let composite = shown(composite, status, &response.conditions);
    let connection = desired.and_then(|desired| desired.composite.as_ref());
    let mut connection_keys: Vec<String> =
        connection.iter().flat_map(|made| made.connection_details.keys().cloned()).collect();
    connection_keys.sort_unstable();
    let results = response
        .results
        .iter()
        .map(|r| format!("{}: {}", severity(r.severity()), r.message))
        .collect();
    Ok(Rendered { composite, resources, record, connection_keys, results })
}

/// The composite as output shows it: who it is, and its status.
fn shown(composite: &Value, status: Value, conditions: &[v1::Condition]) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace"] {
        if let Some(value) = composite.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|condition| {
            let status = match condition.status() {
                v1::Status::ConditionTrue => "True",
                v1::Status::ConditionFalse => "False",
                _ => "Unknown",
            };
            json!({"type": condition.r#type, "status": status, "reason": condition.reason, "message": condition.message.clone().unwrap_or_default()})
        })
        .collect();
    let mut status = status;
    if let Some(fields) = status.as_object_mut() {
        fields.insert("conditions".to_owned(), json!(conditions));
    }
    json!({"apiVersion": composite.get("apiVersion"), "kind": composite.get("kind"), "metadata": metadata, "status": status})
}

fn severity(severity: v1::Severity) -> &'static str {
    match severity {
        v1::Severity::Fatal => "error",
        v1::Severity::Warning => "warning",
        v1::Severity::Normal | v1::Severity::Unspecified => "event",
    }
}
