//! RunFunction: one request, one answer, nothing remembered in between but compiled catalogs.
//!
//! ```text
//! request ─► requirements ─► catalogs ─► reconcile: read ─► resolve ─► compose ─► report ─► response
//! ```
//!
//! Whatever is left out of the answer is deleted by Crossplane. So every path that cannot work
//! something out gives back what exists, as it is.

mod catalogs;
mod compose;
mod composite;
mod deletion;
mod input;
mod limit;
mod observed;
mod plan;
mod preserve;
mod reconcile;
mod report;
mod requirements;
mod response;
mod secrets;
mod site;

use std::sync::Arc;

use crate::wire::v1;
use idp_core::catalog::Catalog;
use idp_core::structs::from_struct;
use idp_crds::condition::PLACED;
use idp_crds::reason::Reason;

use catalogs::CatalogCache;
use composite::Composite;
use input::{Annotations, CatalogSource, Input};
use observed::Resources;
use reconcile::{Outcome, Reconcile};
use requirements::Extent;
use response::ResponseBuilder;

/// The composition function.
#[derive(Debug, Default)]
pub struct Function {
    catalogs: CatalogCache,
    /// Whether the built-in catalog is used whatever the input says.
    offline: bool,
}

/// Why a request cannot be answered as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    reason: Reason,
    message: String,
}

impl Failure {
    fn invalid(message: impl Into<String>) -> Self {
        Failure { reason: Reason::InvalidRequest, message: message.into() }
    }
}

impl Function {
    /// A function for clusters: configuration comes with the requests.
    #[must_use]
    pub fn new() -> Self {
        Function::default()
    }

    /// A function for laptops: configuration is `catalog`, whatever requests bring.
    #[must_use]
    pub fn offline(catalog: Arc<Catalog>) -> Self {
        Function { catalogs: CatalogCache::with_embedded(catalog), offline: true }
    }

    /// Answers one request. Errors are part of the answer: a fatal result where nothing exists yet,
    /// a condition where something does.
    #[must_use]
    pub fn answer(&self, request: &v1::RunFunctionRequest) -> v1::RunFunctionResponse {
        let mut response = ResponseBuilder::new(request);
        if let Err(Failure { reason, message }) = self.run(request, &mut response) {
            let finding = (v1::Status::ConditionFalse, reason, message.clone());
            response.condition(PLACED, finding);
            response.result(v1::Severity::Fatal, reason, message);
        }
        limit::within_limit(response.build(request), request)
    }

    fn run(
        &self,
        request: &v1::RunFunctionRequest,
        response: &mut ResponseBuilder,
    ) -> Result<(), Failure> {
        let input = Input::read(request.input.as_ref())?;
        let state = request
            .observed
            .as_ref()
            .ok_or_else(|| Failure::invalid("the request has no observed state"))?;
        let composite = state.composite.as_ref().and_then(|composite| composite.resource.as_ref());
        let composite = composite
            .ok_or_else(|| Failure::invalid("the request has no observed composite resource"))?;
        let composite: Composite = from_struct(composite)
            .map_err(|e| Failure::invalid(format!("the composite resource cannot be read: {e}")))?;
        // For whoever traces; the span is the server's.
        let span = tracing::Span::current();
        span.record("kind", &composite.kind).record("name", &composite.metadata.name);
        span.record("namespace", composite.metadata.namespace.as_deref().unwrap_or_default());
        let seen = Resources::read(&state.resources)
            .map_err(|e| Failure::invalid(format!("a composed resource cannot be read: {e}")))?;
        // Outside of a cluster whoever asks is whoever wrote the object.
        let trusts_annotations =
            self.offline || input.annotations == Annotations::Trusted || !composite.is_in_cluster();
        let status = composite.placement(seen.places());
        let reconcile = Reconcile {
            request,
            composite: &composite,
            seen: &seen,
            status: status.as_ref(),
            trusts_annotations,
        };
        if self.offline || input.catalog == CatalogSource::Embedded {
            let build = self.catalogs.embedded()?;
            return reconcile.run(&build, &input, response).map(|_| ());
        }
        self.run_with_what_is_needed(reconcile, &input, response)
    }

    /// Goes by the least that suffices; asks for it, and for more where that turns out to be needed.
    fn run_with_what_is_needed(
        &self,
        reconcile: Reconcile<'_>,
        input: &Input,
        response: &mut ResponseBuilder,
    ) -> Result<(), Failure> {
        let request = reconcile.request;
        let needs = reconcile.needs(input);
        let own = needs.arrived_own(request);
        let mut extent = needs.extent(own.as_ref());
        loop {
            response.require(needs.requirements(extent, request.meta.as_ref()));
            let Some(objects) = needs.arrived(extent, request, own.as_ref()) else {
                // Crossplane calls again with them. Until then nothing changes.
                return reconcile.preserve_observed(response, None);
            };
            let build = self.catalogs.of(&objects, extent)?;
            match reconcile.run(&build, input, response)? {
                Outcome::Answered => return Ok(()),
                Outcome::HasToDecide => extent = Extent::Everything,
            }
        }
    }
}
