//! Admission: a review walks through [`review`] → [`workload`] (whose claim is it?) → [`create`] or
//! [`update`] (contract, rights, decision) → [`stamp`] (what to change) → [`answer`].
//! [`configuration`] does the same for the platform's own kinds.
//!
//! The mutating and the validating webhook take the same steps. The mutating one answers with what
//! has to change; for the validating one nothing may be left to change.

pub mod answer;
pub mod configuration;
mod create;
mod decide;
mod failover;
pub mod object;
pub mod patch;
mod release;
pub mod review;
pub mod rights;
mod stamp;
mod update;
mod workload;

use std::collections::BTreeSet;
use std::sync::Arc;

use idp_crds::names::GROUP;
use tracing::{debug, info};

use crate::metrics::Metrics;
use crate::placements::Placements;
use crate::probes::Probes;
use crate::snapshot::{SharedSnapshot, Snapshot};
use answer::{Answer, Denial, Reason};
use review::{Operation, Request};
use rights::Rights;
use stamp::Decision;
use workload::Workload;

/// Which of the two webhooks is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It may change the object.
    Mutating,
    /// It sees the object as it is going to be stored.
    Validating,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Mutating => "mutating",
            Phase::Validating => "validating",
        }
    }
}

/// Where a new workload's place is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DecisionAt {
    /// Here.
    #[default]
    Admission,
    /// In the composition pipeline, by the function; here claims are checked, and the decision is
    /// copied into them later.
    Pipeline,
}

/// Answers reviews.
#[derive(Debug)]
pub struct Admission {
    /// The catalog.
    pub snapshot: SharedSnapshot,
    /// What runs where.
    pub placements: Arc<Placements>,
    /// Who may do what.
    pub rights: Rights,
    /// Who may try a half-open cloud.
    pub probes: Probes,
    /// Where new workloads are placed.
    pub decision_at: DecisionAt,
    /// The user names of Crossplane, which is not held to the contract: it only carries claims on.
    pub crossplane: BTreeSet<String>,
    /// What is counted.
    pub metrics: Metrics,
}

impl Admission {
    /// Answers a review by `snapshot`.
    pub async fn answer(&self, snapshot: &Snapshot, phase: Phase, request: &Request<'_>) -> Answer {
        let answered = if *request.kind.group == *GROUP {
            match phase {
                Phase::Mutating => Ok(Answer::allowed()),
                Phase::Validating => configuration::validate(snapshot, &self.placements, request),
            }
        } else {
            self.workload(snapshot, phase, request).await
        };
        answered.unwrap_or_else(|denial| {
            self.refused(request, &denial);
            denial.into()
        })
    }

    /// Answers a review of a claim or composite resource.
    async fn workload(
        &self,
        snapshot: &Snapshot,
        phase: Phase,
        request: &Request<'_>,
    ) -> Result<Answer, Denial> {
        if !request.sub_resource.is_empty()
            || matches!(request.operation, Operation::Delete | Operation::Connect)
        {
            return Ok(Answer::allowed());
        }
        let workload = Workload::of(snapshot, phase, request)?;
        if workload.new.metadata.deletion_timestamp.is_some() {
            return Ok(Answer::allowed());
        }
        let settled = match (request.operation, self.is_crossplane(request)) {
            (Operation::Create, true) => return Ok(Answer::allowed()),
            (Operation::Create, false) => self.create(&workload).await?,
            (_, true) => update::mirror(&workload, &workload.old()?),
            (_, false) => self.update(&workload, &workload.old()?).await?,
        };
        let patch =
            stamp::patch(&workload, &settled).map_err(|error| decide::unwritable(&error))?;
        match phase {
            Phase::Mutating => {
                if let Some(Decision::Made(stamp)) = &settled.decision
                    && !request.is_dry_run()
                {
                    let record = &stamp.record;
                    self.metrics.placed(&record.selected, &record.tier, &workload.product.name);
                    info!(
                        uid = %request.uid, user = %request.user_info.username, kind = %request.kind.kind,
                        namespace = %request.namespace, name = %workload.new.metadata.name,
                        provider = record.selected.provider, region = record.selected.region, tier = record.tier,
                        sequence = record.sequence, "placed"
                    );
                } else {
                    debug!(uid = %request.uid, changes = patch.operations().len(), "admitted");
                }
                Ok(Answer::Allowed { patch, warnings: settled.warnings })
            }
            Phase::Validating if patch.is_empty() => Ok(Answer::allowed()),
            Phase::Validating => Err(stamp::interfered(&patch)),
        }
    }

    fn is_crossplane(&self, request: &Request<'_>) -> bool {
        self.crossplane.contains(&*request.user_info.username)
    }

    fn refused(&self, request: &Request<'_>, denial: &Denial) {
        info!(
            uid = %request.uid, user = %request.user_info.username, operation = ?request.operation, kind = %request.kind.kind,
            namespace = %request.namespace, name = %request.name, reason = ?denial.reason, message = denial.message(), "refused"
        );
        self.metrics.refused(denial.reason);
    }
}

/// An object that is not there or cannot be read.
fn unreadable(what: &str, why: impl std::fmt::Display) -> Denial {
    Denial::new(Reason::Invalid, format!("{what} cannot be read: {why}"))
}
