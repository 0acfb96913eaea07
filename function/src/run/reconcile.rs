//! One workload, one call: read → resolve → compose → report.
//!
//! Where a step cannot be taken, whatever exists is given back as it is.

use idp_core::catalog::{Catalog, Rejected};
use idp_core::compose::facts::{Identity, Placement, TierFacts};
use idp_core::compose::product::Product;
use idp_core::placement::{Evidence, Judge, NotFollowed, PlacementInForce, Resolution};
use idp_core::schedule::Provenance;
use idp_crds::condition::{PLACED, PROVIDER_HEALTHY, RESOURCES_READY};
use idp_crds::contract::ClaimRequest;
use idp_crds::names::{ADOPT_CANDIDATE, ID, PLACEMENT_REASON, RELEASE};
use idp_crds::reason::Reason;
use idp_crds::record::DecidedBy;
use idp_crds::status::PlacementStatus;
use serde_json::{Map, Value};

use super::catalogs::CatalogBuild;
use super::composite::Composite;
use super::input::Input;
use super::observed::Resources;
use super::plan::{ComposeContext, Plan};
use super::report::StatusReport;
use super::requirements::{Extent, Needs};
use super::response::ResponseBuilder;
use super::site::{self, Located, Pinned};
use super::{Failure, compose, deletion, preserve};
use crate::wire::v1;

/// One request, read.
pub(super) struct Reconcile<'a> {
    pub(super) request: &'a v1::RunFunctionRequest,
    pub(super) composite: &'a Composite,
    pub(super) seen: &'a Resources<'a>,
    /// What the composite resource says of its placement, where that counts.
    pub(super) status: Option<&'a PlacementStatus>,
    /// Whether the platform's annotations were written by who may.
    pub(super) trusts_annotations: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The response holds the answer.
    Answered,
    /// There is no decision, and not everything that decides is at hand. Nothing is said yet.
    HasToDecide,
}

/// What is asked for, of which product.
struct Asked<'c> {
    product: &'c Product,
    request: ClaimRequest,
    identity: Identity,
}

impl Reconcile<'_> {
    /// Takes all steps.
    pub(super) fn run(
        &self,
        build: &CatalogBuild,
        input: &Input,
        response: &mut ResponseBuilder,
    ) -> Result<Outcome, Failure> {
        let catalog = &build.catalog;
        let status = self.status;
        let exists = status.is_some() || !self.seen.places().is_empty();
        let asked = match self.read(build, input) {
            Ok(asked) => asked,
            // Something runs: it stays as it is, and the condition says why it does not follow the
            // request.
            Err(failure) if exists => return self.preserved(response, failure),
            Err(failure) => return Err(failure),
        };
        let Resolution { in_force, not_followed } = self.resolve(catalog, &asked);
        let in_force = match in_force {
            Some(in_force) => in_force,
            None if build.extent != Extent::Everything => return Ok(Outcome::HasToDecide),
            None => match decide(catalog, &asked) {
                Ok(decided) => decided,
                Err(failure) => return self.report_unplaceable(response, &failure),
            },
        };
        let located = self.locate(catalog, &asked, &in_force);
        let Located { placement, candidate, tier, changed } = match located {
            Ok(located) => located,
            Err(failure) => return self.preserved(response, failure),
        };
        let plan = self.compose(&asked, &placement, &tier);
        let holds_data = asked.product.spec.stateful;
        let deletion = holds_data
            .then(|| deletion::in_force(&asked.request, &plan, self.seen, status))
            .flatten();
        let report = StatusReport {
            in_force: &in_force,
            placement: &placement,
            candidate: candidate.as_deref(),
            product: asked.product,
            plan: &plan,
            deletion,
            before: status,
        };
        let not_followed = not_followed.map(annotation_not_followed);
        let notices = [not_followed, changed, self.annotations_ignored()].into_iter().flatten();
        self.report(response, report, notices)?;
        self.desire(response, plan);
        Ok(Outcome::Answered)
    }

    /// What this workload asks of the configuration.
    pub(super) fn needs<'i>(&self, input: &'i Input) -> Needs<'i> {
        let places = self.evidence().places();
        let parameters = self.composite.spec.get("parameters");
        let tier = parameters.and_then(|all| all.get("tier")).and_then(Value::as_str);
        Needs::new(input, tier, places, self.status)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            observed: Some(self.seen.places()),
            status: self.status,
            annotation: self.annotation(PLACEMENT_REASON),
        }
    }

    /// An annotation of the platform's, where it counts.
    fn annotation(&self, name: &str) -> Option<&str> {
        self.composite.annotation(name).filter(|_| self.trusts_annotations)
    }

    /// The notice of annotations that anybody may have written, and that are not gone by.
    fn annotations_ignored(&self) -> Option<(String, String)> {
        let there: Vec<&str> = [PLACEMENT_REASON, RELEASE, ADOPT_CANDIDATE, ID]
            .into_iter()
            .filter(|name| !self.trusts_annotations && self.composite.annotation(name).is_some())
            .collect();
        let message = || {
            format!(
                "{} not gone by: nothing keeps users from writing it, as far as the Composition says; where the chart's admission policy covers this API group, generate the Composition anew, or set `annotations: trusted` in its step's input",
                there.join(", ")
            )
        };
        (!there.is_empty()).then(|| ("annotations-ignored".to_owned(), message()))
    }

    fn read<'c>(&self, build: &'c CatalogBuild, input: &Input) -> Result<Asked<'c>, Failure> {
        let product = self.product(build, input)?;
        let request = self.request(product, build)?;
        Ok(Asked { product, request, identity: self.composite.identity() })
    }

    fn product<'c>(&self, build: &'c CatalogBuild, input: &Input) -> Result<&'c Product, Failure> {
        let catalog = &build.catalog;
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
        let rejected: Vec<String> = build
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
        Err(Failure {
            reason: Reason::UnknownProduct,
            message: format!("there is {wanted}: {hint}"),
        })
    }

    fn request(&self, product: &Product, build: &CatalogBuild) -> Result<ClaimRequest, Failure> {
        let catalog = &build.catalog;
        if catalog.is_empty() && build.extent != Extent::Own {
            let message = "the catalog is empty: no Candidate tells where workloads can run. Install the chart with `catalog.enabled=true`, or apply Candidates and Tiers of your own (`idp generate catalog` prints the default ones)";
            return Err(Failure { reason: Reason::EmptyCatalog, message: message.to_owned() });
        }
        let tiers = catalog.scheduler().tier_names();
        ClaimRequest::read(&product.spec, &self.composite.spec, tiers).map_err(|errors| {
            let mut all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            // A tier that is not known may be one that is wrong.
            let wrong = |tier: &&Rejected| {
                tier.kind == "Tier"
                    && errors.iter().any(|error| error.path == "spec.parameters.tier")
            };
            all.extend(
                build
                    .rejected
                    .iter()
                    .filter(wrong)
                    .map(|tier| format!("left out for its errors: {tier}")),
            );
            Failure { reason: Reason::InvalidRequest, message: all.join("; ") }
        })
    }

    /// The decision in force, if there is one.
    fn resolve(&self, catalog: &Catalog, asked: &Asked<'_>) -> Resolution {
        let Asked { product, request, .. } = asked;
        self.evidence().resolve(Some(Judge { catalog, product, request }))
    }

    /// The place in force, as templates see it.
    fn locate(
        &self,
        catalog: &Catalog,
        asked: &Asked<'_>,
        in_force: &PlacementInForce,
    ) -> Result<Located, Failure> {
        let Asked { product, identity, request } = asked;
        let adopt = self.annotation(ADOPT_CANDIDATE);
        let seen = self.seen.places();
        let restored = self.annotation(ID);
        let pinned = Pinned { in_force, status: self.status, seen, adopt, restored };
        site::locate(catalog, product, identity, &request.tier, pinned)
    }

    fn compose(&self, asked: &Asked<'_>, placement: &Placement, tier: &TierFacts) -> Plan {
        let Asked { product, request, identity } = asked;
        // Of where it is nothing is let go: what is asked of a place would be asked of all that is
        // there, now and later.
        let release = self.annotation(RELEASE).filter(|place| *place != placement.id());
        compose::plan(
            ComposeContext { product, request, tier, placement, identity, release },
            self.seen,
        )
    }

    fn report(
        &self,
        response: &mut ResponseBuilder,
        report: StatusReport<'_>,
        more: impl Iterator<Item = (String, String)>,
    ) -> Result<(), Failure> {
        let plan = report.plan;
        let mut notices = plan.notices.clone();
        notices.extend(more);
        if let Some((reason, message)) = report.events() {
            response.result(v1::Severity::Normal, reason, message);
        }
        for message in report.new_notices(&notices) {
            response.result(v1::Severity::Warning, Reason::Notice, message.clone());
        }
        let health = report.provider_healthy(self.seen);
        let is_healthy = health.0 == v1::Status::ConditionTrue;
        response.settled(plan.placement_ready && !plan.is_moving() && is_healthy);
        response.condition(PLACED, report.placed());
        response.condition(RESOURCES_READY, report.resources_ready(self.seen));
        response.condition(PROVIDER_HEALTHY, health);
        let (connection, ready) = (plan.connection.as_ref(), Some(plan.placement_ready));
        response.composite(self.composite, report.status(&notices), connection, ready)
    }

    fn desire(&self, response: &mut ResponseBuilder, plan: Plan) {
        if plan.connection.is_none() {
            response.keep_connection(self.request);
        }
        response.desire(plan.desired);
    }

    /// No place now; there may be one later.
    fn report_unplaceable(
        &self,
        response: &mut ResponseBuilder,
        failure: &Failure,
    ) -> Result<Outcome, Failure> {
        // The workload's Secret may be there already.
        response.desire(preserve::everything(self.seen, false).0);
        let Failure { reason, message } = failure;
        if !self.composite.already_says(PLACED, message) {
            response.result(v1::Severity::Warning, *reason, message.clone());
        }
        response.condition(PLACED, (v1::Status::ConditionFalse, *reason, message.clone()));
        response.composite(self.composite, Map::new(), None, Some(false))?;
        Ok(Outcome::Answered)
    }

    fn preserved(
        &self,
        response: &mut ResponseBuilder,
        failure: Failure,
    ) -> Result<Outcome, Failure> {
        self.preserve_observed(response, Some(failure)).map(|()| Outcome::Answered)
    }

    /// Everything stays as it is: resources, status, connection.
    pub(super) fn preserve_observed(
        &self,
        response: &mut ResponseBuilder,
        failure: Option<Failure>,
    ) -> Result<(), Failure> {
        let for_good = [Reason::UnknownProduct, Reason::CandidateGone, Reason::ProviderGone];
        let gone = failure.as_ref().is_some_and(|failure| for_good.contains(&failure.reason));
        let (kept, retained) = preserve::everything(self.seen, gone);
        response.desire(kept);
        response.keep_connection(self.request);
        response.composite(self.composite, self.composite.kept_status(retained), None, None)?;
        if let Some(Failure { reason, message }) = failure {
            if !self.composite.already_says(RESOURCES_READY, &message) {
                response.result(v1::Severity::Warning, reason, message.clone());
            }
            response.condition(RESOURCES_READY, (v1::Status::ConditionFalse, reason, message));
        }
        Ok(())
    }
}

fn decide(catalog: &Catalog, asked: &Asked<'_>) -> Result<PlacementInForce, Failure> {
    let Asked { product, request, identity } = asked;
    let name = &identity.claim_name;
    let decision = catalog.decide(product, name, request, &[], &[]).map_err(|error| {
        let reasons = error.reasons();
        let message = if reasons.is_empty() {
            error.to_string()
        } else {
            format!("{error} {}", reasons.join("; "))
        };
        Failure { reason: Reason::NoCandidate, message }
    })?;
    let stamp = decision.stamp(Provenance::first(DecidedBy::Function));
    let reason = stamp.text().to_owned();
    let record = stamp.record.clone();
    Ok(PlacementInForce {
        place: record.place(),
        sequence: record.sequence,
        previous: None,
        reason: Some(reason),
        record: Some(Box::new(record)),
    })
}

fn annotation_not_followed(why: NotFollowed) -> (String, String) {
    ("annotation-not-followed".to_owned(), why.to_string())
}
