//! The circuit breakers: what composite resources say of their providers, counted into
//! `CloudProvider.status`.
//!
//! Only the leader writes, and by compare-and-swap, as admission takes probes from the same status.

use std::time::Duration;

use idp_core::schedule::breaker::{Breaker, BreakerState};
use idp_crds::CloudProvider;
use idp_crds::cloud_provider::{CircuitState, CloudProviderStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::observations::{Memory, News, Observation, Report};

/// How often cooldowns are looked at.
const TICK: Duration = Duration::from_secs(5);
/// A probe that has no outcome after this long is given to somebody else: its holder may be gone.
const PROBE_SECONDS: f64 = 900.0;
/// Whoever loses this often against other writers leaves it to the next event.
const ATTEMPTS: usize = 5;

/// Counts observations for ever.
pub(super) async fn run(
    client: Client,
    leading: watch::Receiver<bool>,
    mut reports: mpsc::Receiver<Report>,
) {
    let providers: Api<CloudProvider> = Api::all(client);
    let mut memory = Memory::default();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            report = reports.recv() => match report {
                None => return,
                Some(Report::Gone(kind, uid)) => memory.forget(&kind, &uid),
                Some(Report::Listed(kind, uids)) => memory.keep_only(&kind, &uids),
                Some(Report::Unwatched(kind)) => memory.forget_kind(&kind),
                Some(Report::Says(kind, observation)) => {
                    let news = memory.learn(kind, &observation);
                    if news != News::None && *leading.borrow() {
                        let change = |provider: &mut CloudProvider, now| count(provider, &observation, news, now);
                        report_failure(&observation.provider, write(&providers, &observation.provider, change).await);
                    }
                }
            },
            _ = ticks.tick() => {
                if *leading.borrow() {
                    cool_down(&providers).await;
                }
            }
        }
    }
}

async fn cool_down(providers: &Api<CloudProvider>) {
    match providers.list(&ListParams::default()).await {
        Ok(all) => {
            for provider in all {
                let mut copy = provider.clone();
                // Most have nothing to write.
                if age(&mut copy, Timestamp::now()) {
                    report_failure(
                        &provider.name_any(),
                        write(providers, &provider.name_any(), age).await,
                    );
                }
            }
        }
        Err(error) => warn!(%error, "cannot look at the circuit breakers"),
    }
}

fn report_failure(provider: &str, written: Result<(), kube::Error>) {
    if let Err(error) = written {
        warn!(provider, %error, "cannot write the circuit breaker");
    }
}

/// Changes a provider's status by compare-and-swap, if `change` says that there is something to
/// write.
async fn write(
    providers: &Api<CloudProvider>,
    name: &str,
    change: impl Fn(&mut CloudProvider, Timestamp) -> bool,
) -> Result<(), kube::Error> {
    for _ in 0..ATTEMPTS {
        let Some(mut provider) = providers.get_opt(name).await? else {
            return Ok(());
        };
        let before = provider.status.clone().unwrap_or_default().state;
        if !change(&mut provider, Timestamp::now()) {
            return Ok(());
        }
        match providers.replace_status(name, &PostParams::default(), &provider).await {
            Ok(written) => {
                let after = written.status.unwrap_or_default().state;
                if before != after {
                    info!(provider = name, ?before, ?after, "circuit breaker");
                }
                return Ok(());
            }
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Counts an observation.
///
/// Reports come late: what a resource says of the time before the last failure tells nothing of
/// now. While a circuit is open, only a resource that has failed and does well again closes it:
/// another may not have met the outage yet.
fn count(
    provider: &mut CloudProvider,
    observation: &Observation,
    news: News,
    now: Timestamp,
) -> bool {
    let mut breaker = restore(provider);
    let status = provider.status.get_or_insert_default();
    let is_newer =
        status.last_failure_time.as_ref().is_none_or(|MicroTime(last)| observation.since > *last);
    let is_good = status.consecutive_failures == 0 && status.state == CircuitState::Closed;
    let counts = match (observation.healthy, news) {
        (_, News::None) => false,
        (true, _) if is_good => false,
        (true, News::Recovery) => true,
        (true, News::First | News::Change) => is_newer && status.state != CircuitState::Open,
        // Of those that are listed after a start, some were counted before it.
        (false, News::First) => is_newer,
        (false, News::Change | News::Recovery) => true,
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

/// Half-opens a circuit whose cooldown is over, and takes back a probe that leads to nothing.
fn age(provider: &mut CloudProvider, now: Timestamp) -> bool {
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
    use idp_crds::CloudProviderSpec;
    use idp_crds::cloud_provider::{CircuitBreakerSpec, Probe};

    use super::*;

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
        count(&mut aws, &said(false, 2), News::Change, at(2));
        count(&mut aws, &said(false, 3), News::Change, at(3));
        assert_eq!(state(&aws), CircuitState::Open);
        aws
    }

    fn state(provider: &CloudProvider) -> CircuitState {
        provider.status.clone().unwrap().state
    }

    #[test]
    fn opens_at_the_threshold_half_opens_after_the_cooldown_and_closes_on_success() {
        let mut aws = provider();
        assert!(!count(&mut aws, &said(true, 0), News::First, at(0)), "health is nothing to write");
        assert!(count(&mut aws, &said(false, 1), News::Change, at(1)));
        assert_eq!(state(&aws), CircuitState::Closed);
        assert!(count(&mut aws, &said(false, 2), News::Change, at(2)));
        assert_eq!(state(&aws), CircuitState::Open);
        assert!(!age(&mut aws, at(61)));
        assert!(age(&mut aws, at(62)));
        assert_eq!(state(&aws), CircuitState::HalfOpen);
        assert!(count(&mut aws, &said(true, 70), News::Change, at(70)));
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
        assert!(count(&mut aws, &said(false, 5), News::Change, at(5)));
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
        assert!(!age(&mut aws, at(900)));
        assert!(age(&mut aws, at(901)));
        assert_eq!(aws.status.unwrap().probe, None);
    }

    #[test]
    fn a_restart_does_not_count_again_what_was_counted() {
        let mut aws = provider();
        count(&mut aws, &said(false, 1), News::Change, at(2));
        assert!(!count(&mut aws, &said(false, 1), News::First, at(50)));
        assert!(count(&mut aws, &said(false, 40), News::First, at(50)));
    }

    #[test]
    fn who_has_not_met_an_outage_yet_does_not_end_it() {
        let mut aws = open();
        assert!(
            !count(&mut aws, &said(true, 1), News::Change, at(4)),
            "of before the failure, heard late"
        );
        assert!(
            !count(&mut aws, &said(true, 9), News::First, at(9)),
            "it was created before the circuit opened"
        );
        assert_eq!(state(&aws), CircuitState::Open);
        assert!(count(&mut aws, &said(true, 10), News::Recovery, at(10)));
        assert_eq!(state(&aws), CircuitState::Closed);
    }

    #[test]
    fn a_success_of_before_a_failure_does_not_take_it_back() {
        let mut aws = provider();
        count(&mut aws, &said(false, 5), News::Change, at(6));
        assert!(!count(&mut aws, &said(true, 4), News::First, at(7)));
        assert_eq!(aws.status.as_ref().unwrap().consecutive_failures, 1);
        assert!(count(&mut aws, &said(true, 8), News::First, at(8)));
        assert_eq!(aws.status.as_ref().unwrap().consecutive_failures, 0);
    }

    #[test]
    fn a_probe_that_does_well_closes() {
        let mut aws = open();
        assert!(age(&mut aws, at(63)));
        assert!(count(&mut aws, &said(true, 70), News::First, at(70)));
        assert_eq!(state(&aws), CircuitState::Closed);
    }
}
