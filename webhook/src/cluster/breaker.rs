//! The circuit breakers: what composite resources say of their providers, counted into `CloudProvider.status`.
//!
//! Only the leader writes, and by compare-and-swap, as admission takes probes from the same status.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use idp_crds::CloudProvider;
use idp_crds::cloud_provider::{CircuitState, CloudProviderStatus};
use idp_function::schedule::breaker::{Breaker, BreakerState};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

/// The condition by which the function reports on a composite resource's provider.
const CONDITION: &str = "ProviderHealthy";
/// How often cooldowns are looked at.
const TICK: Duration = Duration::from_secs(5);
/// A probe that has no outcome after this long is given to somebody else: its holder may be gone.
const PROBE_SECONDS: f64 = 900.0;
/// Whoever loses this often against other writers leaves it to the next event.
const ATTEMPTS: usize = 5;

/// What the watches tell the breaker.
#[derive(Debug)]
pub(super) enum Report {
    /// A composite resource of this kind says something of its provider.
    Says(Kind, Observation),
    /// The one with this uid is gone.
    Gone(Kind, String),
    /// These uids, and no others, are there.
    Listed(Kind, HashSet<String>),
    /// Nothing of this kind is looked at any more.
    Unwatched(Kind),
}

/// A kind of composite resources: its group and name.
pub(super) type Kind = (String, String);

/// What a composite resource says of its provider.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Observation {
    /// The composite resource.
    uid: String,
    provider: String,
    healthy: bool,
    /// Since when it says so.
    since: Timestamp,
}

impl Observation {
    /// What `object` says, if it says anything.
    pub(super) fn of(object: &DynamicObject) -> Option<Observation> {
        let provider = object.data.pointer("/status/placement/provider")?.as_str()?;
        let conditions = object.data.pointer("/status/conditions")?.as_array()?;
        let condition = conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(CONDITION))?;
        let healthy = match condition.get("status")?.as_str()? {
            "True" => true,
            "False" => false,
            _ => return None,
        };
        let since = condition.get("lastTransitionTime")?.as_str()?.parse().ok()?;
        Some(Observation { uid: object.uid()?, provider: provider.to_owned(), healthy, since })
    }
}

/// What every composite resource that exists has said last.
#[derive(Debug, Default)]
struct Memory(HashMap<Kind, HashMap<String, Observation>>);

/// How an observation relates to what was known.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// The same again.
    None,
    /// The first that is known of this resource.
    First,
    /// Another than before.
    Change,
}

impl Memory {
    /// One per transition, not one per reconcile.
    fn learn(&mut self, kind: Kind, observation: &Observation) -> News {
        let of_kind = self.0.entry(kind).or_default();
        match of_kind.insert(observation.uid.clone(), observation.clone()) {
            None => News::First,
            Some(before) if before == *observation => News::None,
            Some(_) => News::Change,
        }
    }

    fn forget(&mut self, kind: &Kind, uid: &str) {
        if let Some(of_kind) = self.0.get_mut(kind) {
            of_kind.remove(uid);
        }
    }

    /// For what went while nobody watched.
    fn keep_only(&mut self, kind: &Kind, uids: &HashSet<String>) {
        if let Some(of_kind) = self.0.get_mut(kind) {
            of_kind.retain(|uid, _| uids.contains(uid));
        }
    }

    fn forget_kind(&mut self, kind: &Kind) {
        self.0.remove(kind);
    }
}

/// Counts observations for ever.
pub(super) async fn run(client: Client, leading: watch::Receiver<bool>, mut reports: mpsc::Receiver<Report>) {
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
                        let change = |provider: &mut CloudProvider, now| count(provider, &observation, news == News::Change, now);
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
                    report_failure(&provider.name_any(), write(providers, &provider.name_any(), age).await);
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

/// Changes a provider's status by compare-and-swap, if `change` says that there is something to write.
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

/// Counts an observation. One of a resource that is `known` is news; one that was listed after a start counts only where it is
/// newer than what was counted before.
fn count(provider: &mut CloudProvider, observation: &Observation, known: bool, now: Timestamp) -> bool {
    let mut breaker = restore(provider);
    let status = provider.status.get_or_insert_default();
    let counted = status.last_failure_time.as_ref().is_some_and(|MicroTime(last)| observation.since <= *last);
    if !known && counted {
        return false;
    }
    if observation.healthy {
        if status.consecutive_failures == 0 && status.state == CircuitState::Closed {
            return false;
        }
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
    let half_opens = status.state == CircuitState::Open && breaker.state(seconds(now)) == BreakerState::HalfOpen;
    let stale = status.probe.as_ref().is_some_and(|probe| seconds(now) - seconds(probe.since.0) > PROBE_SECONDS);
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
    Breaker::restore(settings.failure_threshold, settings.cooldown_seconds.into(), state, status.consecutive_failures, last)
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

    fn state(provider: &CloudProvider) -> CircuitState {
        provider.status.clone().unwrap().state
    }

    #[test]
    fn opens_at_the_threshold_half_opens_after_the_cooldown_and_closes_on_success() {
        let mut aws = provider();
        assert!(!count(&mut aws, &said(true, 0), false, at(0)), "health is nothing to write");
        assert!(count(&mut aws, &said(false, 1), true, at(1)));
        assert_eq!(state(&aws), CircuitState::Closed);
        assert!(count(&mut aws, &said(false, 2), true, at(2)));
        assert_eq!(state(&aws), CircuitState::Open);
        assert!(!age(&mut aws, at(61)));
        assert!(age(&mut aws, at(62)));
        assert_eq!(state(&aws), CircuitState::HalfOpen);
        assert!(count(&mut aws, &said(true, 70), true, at(70)));
        let status = aws.status.unwrap();
        assert_eq!((status.state, status.consecutive_failures, status.opened_at), (CircuitState::Closed, 0, None));
    }

    #[test]
    fn a_failed_probe_opens_again_and_frees_the_slot() {
        let mut aws = provider();
        let probe = Some(Probe { holder: "a".to_owned(), since: MicroTime(at(0)) });
        let status = CloudProviderStatus { state: CircuitState::HalfOpen, consecutive_failures: 2, probe, ..Default::default() };
        aws.status = Some(status);
        assert!(count(&mut aws, &said(false, 5), true, at(5)));
        let status = aws.status.unwrap();
        assert_eq!((status.state, status.probe), (CircuitState::Open, None));
    }

    #[test]
    fn a_probe_without_outcome_is_taken_back() {
        let mut aws = provider();
        let probe = Some(Probe { holder: "a".to_owned(), since: MicroTime(at(0)) });
        aws.status = Some(CloudProviderStatus { state: CircuitState::HalfOpen, probe, ..Default::default() });
        assert!(!age(&mut aws, at(900)));
        assert!(age(&mut aws, at(901)));
        assert_eq!(aws.status.unwrap().probe, None);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let kind = || ("db.example.org".to_owned(), "XDatabase".to_owned());
        let of = |uid: &str, second| Observation { uid: uid.to_owned(), ..said(false, second) };
        let mut memory = Memory::default();
        assert_eq!(memory.learn(kind(), &of("a", 0)), News::First);
        assert_eq!(memory.learn(kind(), &of("a", 0)), News::None);
        assert_eq!(memory.learn(kind(), &of("a", 1)), News::Change);
        memory.forget(&kind(), "a");
        assert_eq!(memory.learn(kind(), &of("a", 1)), News::First);

        // A cluster in which composites come and go.
        for number in 0..10_000 {
            let uid = number.to_string();
            memory.learn(kind(), &of(&uid, 0));
            memory.forget(&kind(), &uid);
        }
        assert_eq!(memory.0[&kind()].len(), 1);

        memory.learn(kind(), &of("b", 0));
        memory.keep_only(&kind(), &["b".to_owned()].into());
        assert_eq!(memory.0[&kind()].keys().collect::<Vec<_>>(), ["b"]);
        memory.forget_kind(&kind());
        assert!(memory.0.is_empty());
    }

    #[test]
    fn a_restart_does_not_count_again_what_was_counted() {
        let mut aws = provider();
        count(&mut aws, &said(false, 1), true, at(2));
        assert!(!count(&mut aws, &said(false, 1), false, at(50)));
        assert!(count(&mut aws, &said(false, 40), false, at(50)));
    }
}
