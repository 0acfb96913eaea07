//! What the workloads of a place, or of a provider, say together.

use std::collections::BTreeSet;

use idp_crds::cloud_provider::{CircuitBreakerSpec, CircuitStatus};
use jiff::{SignedDuration, Timestamp};

use super::breaker::instant;
use super::{Health, Report};

/// The workloads behind a circuit, counted. The order in which they are heard of does not matter.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// All that have anything to say.
    pub(super) workloads: u32,
    /// Those that fail by a fault of the provider's.
    pub(super) failing: u32,
    /// Those that do since the circuit closed, and where.
    fresh: Failing,
    /// Those of them that have for as long as it takes to count, and where.
    pub(super) lasting: Failing,
    /// Those that have come to do well while the circuit was not closed.
    recovered: u32,
    tenants: BTreeSet<String>,
}

/// Workloads that fail.
#[derive(Debug, Default)]
pub(super) struct Failing {
    workloads: u32,
    tenants: BTreeSet<String>,
    pub(super) regions: BTreeSet<String>,
}

impl Failing {
    fn add(&mut self, report: &Report) {
        self.workloads += 1;
        self.tenants.insert(report.tenant.clone());
        self.regions.insert(report.region.clone());
    }
}

impl Tally {
    /// Of `reports`, which are behind `circuit`.
    pub(super) fn of<'r>(
        reports: impl Iterator<Item = &'r Report>,
        circuit: &CircuitStatus,
        settings: &CircuitBreakerSpec,
        now: Timestamp,
    ) -> Self {
        let dwell = SignedDuration::from_secs(settings.dwell_seconds.into());
        let opened = instant(circuit.opened_at.as_ref());
        let closed = instant(circuit.closed_at.as_ref());
        let mut tally = Tally::default();
        for report in reports {
            tally.workloads += 1;
            tally.tenants.insert(report.tenant.clone());
            match report.health {
                Health::Well { since } => {
                    let recovered = opened.is_some_and(|opened| since >= opened);
                    tally.recovered += u32::from(recovered);
                }
                Health::Failing { since } => {
                    tally.failing += 1;
                    if closed.is_some_and(|closed| since <= closed) {
                        continue;
                    }
                    tally.fresh.add(report);
                    if now.duration_since(since) >= dwell {
                        tally.lasting.add(report);
                    }
                }
                Health::Faulty => {}
            }
        }
        tally
    }

    /// Whether those that fail for long enough open a circuit.
    pub(super) fn opens(&self, threshold: u32) -> bool {
        self.suffice(&self.lasting, threshold)
    }

    /// Whether it is over without anybody trying: too few fail to open it, however shortly they do,
    /// and more have come to do well since it opened.
    pub(super) fn is_over(&self, threshold: u32) -> bool {
        !self.suffice(&self.fresh, threshold) && self.recovered > self.failing
    }

    /// The threshold, or two and half of all; and not one tenant's alone, unless nobody else is
    /// there.
    fn suffice(&self, failing: &Failing, threshold: u32) -> bool {
        let count = failing.workloads;
        let many =
            count >= threshold.max(1) || (count >= 2 && count.saturating_mul(2) >= self.workloads);
        many && (failing.tenants.len() >= 2 || failing.tenants.len() == self.tenants.len())
    }
}
