//! One workload's case: where it is or is to go, what it is made of there, and what is said of it.

use std::sync::Arc;

use idp_crds::contract::Request;
use idp_crds::names::RELEASE;
use idp_crds::record::DecidedBy;
use idp_crds::status::PlacementStatus;

use super::Failure;
use super::answer::{self, Answer, PLACED, PROVIDER_HEALTHY, RESOURCES_READY};
use super::catalogs::Loaded;
use super::compose::{self, Job};
use super::evidence::{self, Evidence, Standing};
use super::input::Input;
use super::observed::{Composite, Resources};
use crate::wire::v1;
use idp_core::catalog::{Catalog, Rejected};
use idp_core::compose::product::Product;
use idp_core::compose::scope::Placement;
use idp_core::schedule::Provenance;

/// The product that a composite resource belongs to is not there (any more).
const UNKNOWN_PRODUCT: &str = "UnknownProduct";
/// The place where a workload runs is not described (any more).
const CANDIDATE_GONE: &str = "CandidateGone";
/// The product is not offered (any more) on the provider where a workload runs.
const PROVIDER_GONE: &str = "ProviderGone";

/// What was worked out.
struct Outcome<'a> {
    standing: &'a Standing,
    placement: &'a Placement,
    product: &'a Product,
    plan: compose::Plan,
}

/// One request, read.
pub(super) struct Case<'a> {
    pub(super) request: &'a v1::RunFunctionRequest,
    pub(super) composite: &'a Composite,
    pub(super) seen: &'a Resources<'a>,
}

impl Case<'_> {
    pub(super) fn compose(
        &self,
        loaded: &Arc<Loaded>,
        input: &Input,
        answer: &mut Answer,
    ) -> Result<(), Failure> {
        let catalog = &loaded.catalog;
        let status = self.composite.placement();
        let exists = status.is_some() || !self.seen.places().is_empty();
        let understood = self
            .product(loaded, input)
            .and_then(|product| Ok((product, self.read(product, loaded)?)));
        let (product, request) = match understood {
            Ok(understood) => understood,
            // Something runs: it stays as it is, and the condition says why it does not follow the
            // request.
            Err(failure) if exists => return self.keep(answer, Some(failure)),
            Err(failure) => return Err(failure),
        };
        let places = self.seen.places();
        let identity = self.composite.identity();
        let (standing, ignored) = match evidence::weigh(
            self.composite,
            &places,
            status.as_ref(),
            product,
            &request,
            catalog,
        ) {
            Evidence::Placed { standing, ignored } => (standing, ignored),
            Evidence::Unplaced { ignored } => {
                match self.decide(catalog, product, &request, &identity.claim_name) {
                    Ok(standing) => (standing, ignored),
                    Err(failure) => return self.nowhere(answer, &failure),
                }
            }
        };
        let at = (standing.provider.as_str(), standing.region.as_str());
        let (Some(placement), Some(tier)) =
            (catalog.placement(at, standing.sequence), catalog.tier_facts(&request.tier))
        else {
            let message = format!(
                "{}/{} is not a Candidate any more: what runs there stays as it is; put the Candidate back, or move the workload",
                at.0, at.1
            );
            return self.keep(answer, Some(Failure { reason: CANDIDATE_GONE, message }));
        };
        if product.provider(at.0).is_none() {
            let message = format!(
                "{} is not offered on {} any more: what runs there stays as it is; put the provider back into the Product, or move the workload",
                product.name, at.0
            );
            return self.keep(answer, Some(Failure { reason: PROVIDER_GONE, message }));
        }
        // Of where it is nothing is let go: what is asked of a place would be asked of all that is
        // there, now and later.
        let release = self
            .composite
            .metadata
            .annotations
            .get(RELEASE)
            .map(String::as_str)
            .filter(|place| *place != placement.id());
        let job = Job {
            product,
            request: &request,
            tier: &tier,
            placement: &placement,
            identity: &identity,
            release,
        };
        let plan = compose::plan(job, self.seen);
        let outcome = Outcome { standing: &standing, placement: &placement, product, plan };
        self.tell(answer, outcome, status.as_ref(), ignored)
    }

    fn product<'l>(&self, loaded: &'l Loaded, input: &Input) -> Result<&'l Product, Failure> {
        let catalog = &loaded.catalog;
        let found = match &input.product {
            Some(name) => catalog.product(name),
            None => catalog.product_of(self.composite.group(), &self.composite.kind),
        };
        if let Some(product) = found {
            return Ok(product);
        }
        let wanted = match &input.product {
            Some(name) => format!("no Product {name:?}"),
            None => format!(
                "no Product with the API {}, kind {}",
                self.composite.api_version, self.composite.kind
            ),
        };
        let rejected: Vec<String> = loaded
            .rejected
            .iter()
            .filter(|r| r.kind == "Product")
            .map(ToString::to_string)
            .collect();
        let hint = if rejected.is_empty() {
            "apply the Product first".to_owned()
        } else {
            format!("left out for their errors: {}", rejected.join(" | "))
        };
        Err(Failure { reason: UNKNOWN_PRODUCT, message: format!("there is {wanted}: {hint}") })
    }

    fn read(&self, product: &Product, loaded: &Loaded) -> Result<Request, Failure> {
        let catalog = &loaded.catalog;
        if catalog.is_empty() {
            let message = "the catalog is empty: no Candidate tells where workloads can run. Install the chart with `catalog.enabled=true`, or apply Candidates and Tiers of your own (`idp generate catalog` prints the default ones)";
            return Err(Failure { reason: "EmptyCatalog", message: message.to_owned() });
        }
        Request::read(&product.spec, &self.composite.spec, catalog.scheduler().tier_names())
            .map_err(|errors| {
                let mut all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                // A tier that is not known may be one that is wrong.
                let wrong = |tier: &&Rejected| {
                    tier.kind == "Tier"
                        && errors.iter().any(|error| error.path == "spec.parameters.tier")
                };
                all.extend(
                    loaded
                        .rejected
                        .iter()
                        .filter(wrong)
                        .map(|tier| format!("left out for its errors: {tier}")),
                );
                Failure { reason: "InvalidRequest", message: all.join("; ") }
            })
    }

    fn decide(
        &self,
        catalog: &Catalog,
        product: &Product,
        request: &Request,
        name: &str,
    ) -> Result<Standing, Failure> {
        let decision = catalog.decide(product, name, request, &[], &[]).map_err(|error| {
            let reasons = error.reasons();
            let message = if reasons.is_empty() {
                error.to_string()
            } else {
                format!("{error} {}", reasons.join("; "))
            };
            Failure { reason: "NoCandidate", message }
        })?;
        let stamp = decision.stamp(Provenance::first(DecidedBy::Function));
        let reason = stamp.text().map_err(|error| Failure::invalid(error.to_string()))?.to_owned();
        let record = &stamp.record;
        Ok(Standing {
            provider: record.selected.provider.clone(),
            region: record.selected.region.clone(),
            sequence: record.sequence,
            previous: None,
            reason,
            record: Some(Box::new(record.clone())),
        })
    }

    /// No place now; there may be one later.
    fn nowhere(&self, answer: &mut Answer, failure: &Failure) -> Result<(), Failure> {
        // The workload's Secret may be there already.
        answer.desire(compose::keep_all(self.seen, false).0);
        let told = self
            .composite
            .condition(PLACED)
            .is_some_and(|placed| placed.message == failure.message);
        if !told {
            answer.result(v1::Severity::Warning, failure.reason, failure.message.clone());
        }
        answer.condition(
            PLACED,
            v1::Status::ConditionFalse,
            failure.reason,
            failure.message.clone(),
        );
        answer.composite(self.composite, serde_json::Map::new(), None, Some(false))
    }

    /// Everything stays as it is: resources, status, connection.
    pub(super) fn keep(
        &self,
        answer: &mut Answer,
        failure: Option<Failure>,
    ) -> Result<(), Failure> {
        let gone = failure.as_ref().is_some_and(|failure| {
            [UNKNOWN_PRODUCT, CANDIDATE_GONE, PROVIDER_GONE].contains(&failure.reason)
        });
        let (kept, retained) = compose::keep_all(self.seen, gone);
        answer.desire(kept);
        answer.keep_connection(self.request);
        answer.composite(self.composite, self.composite.kept_status(retained), None, None)?;
        if let Some(Failure { reason, message }) = failure {
            let told = self
                .composite
                .condition(RESOURCES_READY)
                .is_some_and(|ready| ready.message == message);
            if !told {
                answer.result(v1::Severity::Warning, reason, message.clone());
            }
            answer.condition(RESOURCES_READY, v1::Status::ConditionFalse, reason, message);
        }
        Ok(())
    }

    fn tell(
        &self,
        answer: &mut Answer,
        outcome: Outcome<'_>,
        before: Option<&PlacementStatus>,
        ignored: Option<String>,
    ) -> Result<(), Failure> {
        let Outcome { standing, placement, product, plan } = outcome;
        let told =
            ignored.map(|why| ("annotation-not-followed".to_owned(), why)).into_iter().collect();
        let story = answer::story(standing, placement, &plan, before, told);
        let place = format!("{}/{}", placement.provider, placement.region);
        for event in transitions(standing, &place, &plan, before) {
            answer.result(v1::Severity::Normal, event.0, event.1);
        }
        for (_, message) in story.new_notices {
            answer.result(v1::Severity::Warning, "Notice", message);
        }
        let score = standing
            .record
            .as_ref()
            .map(|r| format!(", score {}", idp_crds::json::float(r.selected.total_score)))
            .unwrap_or_default();
        answer.condition(
            PLACED,
            v1::Status::ConditionTrue,
            if plan.is_moving() { "Moving" } else { "Placed" },
            format!("{place}{score}"),
        );
        let (status, reason, message) = answer::readiness(&plan);
        answer.condition(RESOURCES_READY, status, reason, message);
        let (health, reason, message) = answer::provider_health(placement, product, self.seen);
        answer.condition(PROVIDER_HEALTHY, health, reason, message);

        let settled = plan.arrived && !plan.is_moving() && health == v1::Status::ConditionTrue;
        answer.settled(settled);
        answer.composite(
            self.composite,
            story.status,
            plan.connection.as_ref(),
            Some(plan.arrived),
        )?;
        if plan.connection.is_none() {
            answer.keep_connection(self.request);
        }
        answer.desire(plan.desired);
        Ok(())
    }
}

/// What has happened since the status was written, as events.
fn transitions(
    standing: &Standing,
    place: &str,
    plan: &compose::Plan,
    before: Option<&PlacementStatus>,
) -> Vec<(&'static str, String)> {
    use idp_crds::status::Phase;
    let Some(before) = before else {
        let failover = standing.record.as_ref().and_then(|record| record.failover.as_ref());
        let failover = failover
            .map(|f| format!("; failover target {}/{}", f.provider, f.region))
            .unwrap_or_default();
        return vec![("Placed", format!("placed on {place}{failover}"))];
    };
    let mut events = Vec::new();
    if before.sequence < standing.sequence {
        events.push((
            "Moving",
            format!("moving from {}/{} to {place}", before.provider, before.region),
        ));
    } else if before.phase == Phase::Moving && !plan.is_moving() {
        let kept = if plan.retained.is_empty() {
            String::new()
        } else {
            "; the old placement is kept, observed only, until it is released".to_owned()
        };
        events.push(("Moved", format!("moved to {place}{kept}")));
    }
    events
}
