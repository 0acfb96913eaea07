//! Whose review it is: the Product, the api_kind of its API, the object.

use std::sync::Arc;

use idp_core::compose::product::Product;
use idp_core::placement::{Evidence, Judge, PlacementInForce};
use idp_crds::contract::{ClaimRequest, FieldError, Problem, metadata};

use idp_crds::names::connection_secret;
use idp_crds::status::PlacementStatus;

use super::context::WebhookKind;
use super::object::Object;
use super::review::AdmissionRequest;
use super::verdict::{Denial, Reason, unreadable};
use crate::placements::Placed;
use crate::snapshot::Snapshot;

/// A claim or composite resource under review.
#[derive(Debug)]
pub struct Workload<'r> {
    /// The catalog it is judged by.
    pub snapshot: &'r Snapshot,
    /// The product that is asked for.
    pub product: &'r Arc<Product>,
    /// How it is asked for.
    pub api_kind: ApiKind,
    /// Who asks whom for what.
    pub request: &'r AdmissionRequest<'r>,
    /// Which webhook is asked.
    pub webhook: WebhookKind,
    /// The object as it would become.
    pub new: Object<'r>,
}

/// The ways to ask for a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// By a claim.
    Claim,
    /// By a cluster-scoped composite resource.
    Composite,
    /// By a namespaced composite resource.
    Namespaced,
}

impl<'r> Workload<'r> {
    /// Finds out what `request` is about.
    ///
    /// # Errors
    /// When there is nothing to judge by, or the object cannot be read.
    pub fn identify(
        snapshot: &'r Snapshot,
        webhook: WebhookKind,
        request: &'r AdmissionRequest<'r>,
    ) -> Result<Self, Denial> {
        let kind = &request.kind;
        if snapshot.catalog.is_empty() {
            let summary = "the platform's catalog has no Candidate: install one (`idp generate catalog` prints the default one)";
            return Err(Denial::new(Reason::Unavailable, summary));
        }
        let Some(product) = snapshot.catalog.product_of(&kind.group, &kind.kind) else {
            let summary = format!(
                "no Product in the catalog has the kind {}.{}: `kubectl get products` lists them",
                kind.kind, kind.group
            );
            return Err(Denial::new(Reason::Invalid, summary));
        };
        let api = &product.spec.api;
        let api_kind = if *kind.kind == *api.claim_kind {
            ApiKind::Claim
        } else if *kind.kind == *api.composite_kind {
            ApiKind::Composite
        } else {
            ApiKind::Namespaced
        };
        let raw =
            request.object.ok_or_else(|| unreadable("the object", "the review carries none"))?;
        let new = Object::read(raw).map_err(|error| unreadable("the object", error))?;
        Ok(Workload { snapshot, product, api_kind, request, webhook, new })
    }

    /// The object as it is.
    ///
    /// # Errors
    /// When the review does not carry it.
    pub fn old(&self) -> Result<Object<'r>, Denial> {
        let raw = self
            .request
            .old_object
            .ok_or_else(|| unreadable("the old object", "the review carries none"))?;
        Object::read(raw).map_err(|error| unreadable("the old object", error))
    }

    /// What `object` asks for.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn asked(&self, object: &Object<'_>) -> Result<ClaimRequest, Vec<FieldError>> {
        ClaimRequest::read(
            &self.product.spec,
            &object.spec,
            self.snapshot.catalog.scheduler().tier_names(),
        )
    }

    /// What a decision that is only written down is judged by.
    #[must_use]
    pub fn judge<'j>(&'j self, asked: &'j ClaimRequest) -> Judge<'j> {
        Judge { catalog: &self.snapshot.catalog, product: self.product, request: asked }
    }

    /// The decision in force, as far as admission can know it.
    #[must_use]
    pub fn in_force(
        &self,
        annotation: Option<&str>,
        status: Option<&PlacementStatus>,
        asked: Option<&ClaimRequest>,
    ) -> Option<PlacementInForce> {
        let evidence = Evidence { observed: None, status, annotation };
        evidence.resolve(asked.map(|asked| self.judge(asked))).in_force
    }

    /// The workload's name, by which experiments know it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.new.metadata.name
    }

    /// The name of the secret that a claim's connection details go to.
    #[must_use]
    pub fn connection_secret(&self) -> Option<String> {
        (self.api_kind == ApiKind::Claim)
            .then(|| connection_secret(self.name(), &self.product.name))
    }

    /// What is wrong with the object's name.
    #[must_use]
    pub fn name_error(&self) -> Option<FieldError> {
        metadata::name(self.name())
    }

    /// What is wrong with the connection secret that the object names.
    #[must_use]
    pub fn secret_error(&self) -> Option<FieldError> {
        let wanted = self.connection_secret()?;
        let given = self.new.spec.get("writeConnectionSecretToRef")?;
        (given.get("name").and_then(serde_json::Value::as_str) != Some(&wanted)).then(|| {
            let message =
                format!("is {wanted:?}, set by the platform: remove writeConnectionSecretToRef");
            FieldError::new("spec.writeConnectionSecretToRef.name", Problem::Forbidden, message)
        })
    }

    /// Whether the index means this one.
    #[must_use]
    pub fn is(&self, placed: &Placed) -> bool {
        let kind = &self.request.kind;
        placed.group == *kind.group
            && placed.kind == *kind.kind
            && placed.namespace == *self.request.namespace
            && placed.name == self.name()
    }

    /// `<plural>.<group>/<namespace>/<name>`: how a probe names its holder.
    #[must_use]
    pub fn holder(&self) -> String {
        let resource = &self.request.resource;
        format!(
            "{}.{}/{}/{}",
            resource.resource,
            resource.group,
            self.request.namespace,
            self.name()
        )
    }
}

/// The path of an annotation, as error messages name it.
#[must_use]
pub fn annotation_path(name: &str) -> String {
    format!("metadata.annotations[{name}]")
}

/// An error at an annotation.
#[must_use]
pub fn annotation_error(name: &str, problem: Problem, message: impl Into<String>) -> FieldError {
    FieldError::new(annotation_path(name), problem, message)
}
