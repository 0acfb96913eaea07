//! The circuits of a provider and of its places: whether new placements go there, by what the
//! workloads that are there say *now*.
//!
//! A circuit's next state is a function of its last one, of the set of reports, and of the time:
//! never of how often something was said, or in which order it was heard. So restarts, replicas and
//! late reports lead to the same state.
//!
//! - `tally`: what the reports come to;
//! - [`breaker`]: one circuit.

pub mod breaker;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use idp_crds::CloudProviderStatus;
use idp_crds::cloud_provider::{
    CircuitBreakerSpec, CircuitState, CircuitStatus, PlaceStatus, Probe,
};
use jiff::{SignedDuration, Timestamp};

use self::breaker::instant;
use self::tally::Tally;

/// A probe that is not to be seen at its place this long after it was let through was never stored.
const RESERVED: SignedDuration = SignedDuration::from_secs(60);
/// A probe without an outcome this long after it was let through makes room for another.
const PATIENCE: SignedDuration = SignedDuration::from_secs(900);

/// What a workload says of the provider, where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// `<plural>.<group>/<namespace>/<name>`, as a probe names its holder.
    pub workload: String,
    /// Whose it is: its namespace.
    pub tenant: String,
    /// Where it is.
    pub region: String,
    /// How it does.
    pub health: Health,
}

/// How a workload does at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Its resources are taken.
    Well {
        /// Since when.
        since: Timestamp,
    },
    /// They are not, by a fault of the provider's.
    Failing {
        /// Since when.
        since: Timestamp,
    },
    /// They are not, by another fault.
    Faulty,
}

/// All there is to go by.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'e> {
    /// The provider's regions that the catalog has.
    pub regions: &'e BTreeSet<String>,
    /// One report a workload.
    pub reports: &'e [Report],
    /// Whether the workload that holds the probe is to be seen at the place where it goes.
    pub probe_arrived: bool,
}

/// The status after `before`, at `now`.
#[must_use]
pub fn next(
    settings: &CircuitBreakerSpec,
    before: &CloudProviderStatus,
    evidence: &Evidence<'_>,
    now: Timestamp,
) -> CloudProviderStatus {
    let mut status = before.clone();
    let mut places: BTreeMap<String, CircuitStatus> = std::mem::take(&mut status.places)
        .into_iter()
        .map(|place| (place.region, place.circuit))
        .collect();
    let reported = evidence.reports.iter().map(|report| &report.region);
    for region in evidence.regions.iter().chain(reported) {
        places.entry(region.clone()).or_default();
    }

    if let Some(probe) = &before.probe {
        let outcome = Outcome::of(probe, evidence, now);
        let tried = [Some(&mut status.circuit), places.get_mut(&probe.region)];
        for circuit in tried.into_iter().flatten().filter(|c| c.state == CircuitState::HalfOpen) {
            match outcome {
                Outcome::Well => breaker::close(circuit, now),
                Outcome::Failing => breaker::trip(circuit, now),
                Outcome::Open | Outcome::None => {}
            }
        }
        if outcome != Outcome::Open {
            status.probe = None;
        }
    }

    let threshold = settings.failure_threshold;
    let count = |reports: &mut dyn Iterator<Item = &Report>, circuit: &mut CircuitStatus| {
        let tally = Tally::of(reports, circuit, settings, now);
        (circuit.failing, circuit.workloads) = (tally.failing, tally.workloads);
        tally
    };
    for (region, circuit) in &mut places {
        let mut here = evidence.reports.iter().filter(|report| report.region == *region);
        let tally = count(&mut here, circuit);
        step(circuit, settings, tally.opens(threshold), tally.is_over(threshold), now);
    }

    let tally = count(&mut evidence.reports.iter(), &mut status.circuit);
    let by_places = by_places(&places, evidence.regions, &status.circuit);
    let spreads = tally.lasting.regions.len() >= 2 && tally.opens(threshold);
    let is_over = !by_places && tally.is_over(threshold);
    step(&mut status.circuit, settings, by_places || spreads, is_over, now);

    for circuit in places.values_mut().chain([&mut status.circuit]) {
        if circuit.state == CircuitState::Closed && circuit.failing == 0 {
            // Whoever comes and goes where all is well is nothing to write.
            circuit.workloads = 0;
        }
    }
    places.retain(|_, circuit| circuit.state != CircuitState::Closed || circuit.failing > 0);
    status.places =
        places.into_iter().map(|(region, circuit)| PlaceStatus { region, circuit }).collect();
    // Whatever was tried, it is over.
    status.probe = status.probe.take().filter(|_| status.is_half_open());
    status
}

fn step(
    circuit: &mut CircuitStatus,
    settings: &CircuitBreakerSpec,
    opens: bool,
    is_over: bool,
    now: Timestamp,
) {
    match circuit.state {
        CircuitState::Closed if opens => breaker::trip(circuit, now),
        CircuitState::Closed => {}
        CircuitState::Open | CircuitState::HalfOpen if is_over => breaker::close(circuit, now),
        CircuitState::Open | CircuitState::HalfOpen => {
            let cooldown = SignedDuration::from_secs(settings.cooldown_seconds.into());
            breaker::cool(circuit, cooldown, now);
        }
    }
}

/// Whether so many places are open that the provider is: two, or all that the catalog has. One that
/// opened before the provider's circuit closed says nothing new.
fn by_places(
    places: &BTreeMap<String, CircuitStatus>,
    regions: &BTreeSet<String>,
    provider: &CircuitStatus,
) -> bool {
    let closed = instant(provider.closed_at.as_ref());
    let open: Vec<&String> = places
        .iter()
        .filter(|(_, circuit)| circuit.state == CircuitState::Open)
        .filter(|(_, circuit)| instant(circuit.opened_at.as_ref()) > closed)
        .map(|(region, _)| region)
        .collect();
    open.len() >= 2 || (!open.is_empty() && regions.iter().all(|region| open.contains(&region)))
}

/// What has become of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Well,
    Failing,
    /// Not known yet.
    Open,
    /// There is none to wait for.
    None,
}

impl Outcome {
    fn of(probe: &Probe, evidence: &Evidence<'_>, now: Timestamp) -> Self {
        let mut reports = evidence.reports.iter();
        let report =
            reports.find(|report| report.workload == probe.holder && report.region == probe.region);
        let age = now.duration_since(probe.since.0);
        match report.map(|report| report.health) {
            Some(Health::Well { .. }) => Outcome::Well,
            Some(Health::Failing { .. }) => Outcome::Failing,
            Some(Health::Faulty) | None if age > PATIENCE => Outcome::None,
            None if age > RESERVED && !evidence.probe_arrived => Outcome::None,
            Some(Health::Faulty) | None => Outcome::Open,
        }
    }
}

#[cfg(test)]
mod tests;
