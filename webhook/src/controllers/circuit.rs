//! A provider's circuit, as `CloudProvider.status` keeps it: what an observation and time make of it.

use idp_core::schedule::breaker::{Breaker, BreakerState};
use idp_crds::CloudProvider;
use idp_crds::cloud_provider::{CircuitState, CloudProviderStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::observations::{Observation, Transition};

/// A probe that has no outcome after this long is given to somebody else: its holder may be gone.
const PROBE_SECONDS: f64 = 900.0;

/// Counts an observation, if it counts: whether the status has changed.
///
/// Reports come late: what a resource says of the time before the last failure tells nothing of
/// now. While a circuit is open, only a resource that has failed and does well again closes it:
/// another may not have met the outage yet.
pub(super) fn apply_observation(
    provider: &mut CloudProvider,
    observation: &Observation,
    transition: Transition,
    now: Timestamp,
) -> bool {
    let mut breaker = restore(provider);
    let status = provider.status.get_or_insert_default();
    let is_newer =
        status.last_failure_time.as_ref().is_none_or(|MicroTime(last)| observation.since > *last);
    let is_good = status.consecutive_failures == 0 && status.state == CircuitState::Closed;
    let counts = match (observation.healthy, transition) {
        (_, Transition::None) => false,
        (true, _) if is_good => false,
        (true, Transition::Recovery) => true,
        (true, Transition::Listed | Transition::Change) => {
            is_newer && status.state != CircuitState::Open
        }
        (false, Transition::Listed) => is_newer,
        (false, Transition::Change | Transition::Recovery) => true,
    };
    if !counts {
        return false;
    }
    if observation.healthy {
        breaker.success();
    } else {
        breaker.failure(seconds(now));
        status.last_failure_time = Some(MicroTime(now));
    }
    store(status, &mut breaker, now);
    true
}

/// Half-opens a circuit whose cooldown is over, and takes back a probe that leads to nothing:
/// whether the status has changed.
pub(super) fn expire(provider: &mut CloudProvider, now: Timestamp) -> bool {
    let mut breaker = restore(provider);
    let Some(status) = &mut provider.status else {
        return false;
    };
    let half_opens =
        status.state == CircuitState::Open && breaker.state(seconds(now)) == BreakerState::HalfOpen;
    let stale = status
        .probe
        .as_ref()
        .is_some_and(|probe| seconds(now) - seconds(probe.since.0) > PROBE_SECONDS);
    if stale {
        status.probe = None;
    }
    if half_opens {
        store(status, &mut breaker, now);
    }
    half_opens || stale
}

fn restore(provider: &CloudProvider) -> Breaker {
    let settings = &provider.spec.circuit_breaker;
    let status = provider.status.clone().unwrap_or_default();
    let state = match status.state {
        CircuitState::Closed => BreakerState::Closed,
        CircuitState::Open => BreakerState::Open,
        CircuitState::HalfOpen => BreakerState::HalfOpen,
    };
    let last = status.last_failure_time.map_or(0.0, |MicroTime(time)| seconds(time));
    Breaker::restore(
        settings.failure_threshold,
        settings.cooldown_seconds.into(),
        state,
        status.consecutive_failures,
        last,
    )
}

fn store(status: &mut CloudProviderStatus, breaker: &mut Breaker, now: Timestamp) {
    let state = match breaker.state(seconds(now)) {
        BreakerState::Closed => CircuitState::Closed,
        BreakerState::Open => CircuitState::Open,
        BreakerState::HalfOpen => CircuitState::HalfOpen,
    };
    if state != status.state {
        // Whatever was tried, it is over, or begins anew.
        status.probe = None;
        status.opened_at = match state {
            CircuitState::Open => Some(MicroTime(now)),
            CircuitState::HalfOpen => status.opened_at.clone(),
            CircuitState::Closed => None,
        };
    }
    status.state = state;
    status.consecutive_failures = breaker.failures();
}

fn seconds(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use idp_crds::CloudProviderSpec;
    use idp_crds::cloud_provider::{CircuitBreakerSpec, Probe};

    use super::*;
    use crate::controllers::observations::LastSeen;
    use crate::placements::GroupKind;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn provider() -> CloudProvider {
        let circuit_breaker = CircuitBreakerSpec { failure_threshold: 2, cooldown_seconds: 60 };
        CloudProvider::new("aws", CloudProviderSpec { healthy: true, circuit_breaker })
    }

    fn said(healthy: bool, second: i64) -> Observation {
        Observation { uid: "x".to_owned(), provider: "aws".to_owned(), healthy, since: at(second) }
    }

    /// A provider whose circuit two failures have opened, in the second and third second.
    fn open() -> CloudProvider {
        let mut aws = provider();
        apply_observation(&mut aws, &said(false, 2), Transition::Change, at(2));
        apply_observation(&mut aws, &said(false, 3), Transition::Change, at(3));
        assert_eq!(state(&aws), CircuitState::Open);
        aws
    }

    fn state(provider: &CloudProvider) -> CircuitState {
        provider.status.clone().unwrap().state
    }

    #[test]
    fn opens_at_the_threshold_half_opens_after_the_cooldown_and_closes_on_success() {
        let mut aws = provider();
        assert!(
            !apply_observation(&mut aws, &said(true, 0), Transition::Listed, at(0)),
            "health is nothing to write"
        );
        assert!(apply_observation(&mut aws, &said(false, 1), Transition::Change, at(1)));
        assert_eq!(state(&aws), CircuitState::Closed);
        assert!(apply_observation(&mut aws, &said(false, 2), Transition::Change, at(2)));
        assert_eq!(state(&aws), CircuitState::Open);
        assert!(!expire(&mut aws, at(61)));
        assert!(expire(&mut aws, at(62)));
        assert_eq!(state(&aws), CircuitState::HalfOpen);
        assert!(apply_observation(&mut aws, &said(true, 70), Transition::Change, at(70)));
        let status = aws.status.unwrap();
        assert_eq!(
            (status.state, status.consecutive_failures, status.opened_at),
            (CircuitState::Closed, 0, None)
        );
    }

    #[test]
    fn a_failed_probe_opens_again_and_frees_the_slot() {
        let mut aws = provider();
        let probe = Some(Probe { holder: "a".to_owned(), since: MicroTime(at(0)) });
        let status = CloudProviderStatus {
            state: CircuitState::HalfOpen,
            consecutive_failures: 2,
            probe,
            ..Default::default()
        };
        aws.status = Some(status);
        assert!(apply_observation(&mut aws, &said(false, 5), Transition::Change, at(5)));
        let status = aws.status.unwrap();
        assert_eq!((status.state, status.probe), (CircuitState::Open, None));
    }

    #[test]
    fn a_probe_without_outcome_is_taken_back() {
        let mut aws = provider();
        let probe = Some(Probe { holder: "a".to_owned(), since: MicroTime(at(0)) });
        aws.status = Some(CloudProviderStatus {
            state: CircuitState::HalfOpen,
            probe,
            ..Default::default()
        });
        assert!(!expire(&mut aws, at(900)));
        assert!(expire(&mut aws, at(901)));
        assert_eq!(aws.status.unwrap().probe, None);
    }

    #[test]
    fn a_restart_does_not_count_again_what_was_counted() {
        let mut aws = provider();
        apply_observation(&mut aws, &said(false, 1), Transition::Change, at(2));
        assert!(!apply_observation(&mut aws, &said(false, 1), Transition::Listed, at(50)));
        assert!(apply_observation(&mut aws, &said(false, 40), Transition::Listed, at(50)));
    }

    #[test]
    fn who_has_not_met_an_outage_yet_does_not_end_it() {
        let mut aws = open();
        assert!(
            !apply_observation(&mut aws, &said(true, 1), Transition::Change, at(4)),
            "of before the failure, heard late"
        );
        assert!(
            !apply_observation(&mut aws, &said(true, 9), Transition::Listed, at(9)),
            "it was created before the circuit opened"
        );
        assert_eq!(state(&aws), CircuitState::Open);
        assert!(apply_observation(&mut aws, &said(true, 10), Transition::Recovery, at(10)));
        assert_eq!(state(&aws), CircuitState::Closed);
    }

    #[test]
    fn a_success_of_before_a_failure_does_not_take_it_back() {
        let mut aws = provider();
        apply_observation(&mut aws, &said(false, 5), Transition::Change, at(6));
        assert!(!apply_observation(&mut aws, &said(true, 4), Transition::Listed, at(7)));
        assert_eq!(aws.status.as_ref().unwrap().consecutive_failures, 1);
        assert!(apply_observation(&mut aws, &said(true, 8), Transition::Listed, at(8)));
        assert_eq!(aws.status.as_ref().unwrap().consecutive_failures, 0);
    }

    #[test]
    fn workloads_that_fail_from_the_beginning_all_count() {
        let kind = GroupKind::new("db.example.org", "XDatabase");
        let mut last_seen = LastSeen::default();
        last_seen.listed(&kind, &HashSet::new());
        let mut aws = provider();
        // Within the second that a condition's time is known by.
        for uid in ["a", "b"] {
            let observation = Observation { uid: uid.to_owned(), ..said(false, 1) };
            let transition = last_seen.record(&kind, &observation);
            assert!(apply_observation(&mut aws, &observation, transition, at(2)), "{uid}");
        }
        assert_eq!(state(&aws), CircuitState::Open);
    }

    #[test]
    fn a_probe_that_does_well_closes() {
        let mut aws = open();
        assert!(expire(&mut aws, at(63)));
        assert!(apply_observation(&mut aws, &said(true, 70), Transition::Listed, at(70)));
        assert_eq!(state(&aws), CircuitState::Closed);
    }
}
