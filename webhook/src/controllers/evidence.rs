//! What every composite resource says of its provider now.

use std::collections::{HashMap, HashSet};

use idp_core::circuit::{Health, Report};
use idp_crds::condition::PROVIDER_HEALTHY;
use idp_crds::product::ProductApi;
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::placements::GroupKind;

/// What a composite resource says of the provider where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    uid: String,
    workload: String,
    tenant: String,
    provider: String,
    region: String,
    /// Why its resources are not taken; none where they are.
    error: Option<String>,
    /// Since when the condition is as it is. Another message makes it another.
    since: Timestamp,
}

impl Observation {
    /// What `object` says, if it says anything.
    pub(super) fn of(object: &DynamicObject) -> Option<Observation> {
        let placement = object.data.pointer("/status/placement")?;
        let place = |field: &str| Some(placement.get(field)?.as_str()?.to_owned());
        let conditions = object.data.pointer("/status/conditions")?.as_array()?;
        let condition = conditions.iter().find(|condition| {
            condition.get("type").and_then(Value::as_str) == Some(PROVIDER_HEALTHY)
        })?;
        let error = match condition.get("status")?.as_str()? {
            "True" => None,
            "False" => {
                let message = condition.get("message").and_then(Value::as_str);
                Some(message.unwrap_or_default().to_owned())
            }
            _ => return None,
        };
        let (workload, tenant) = workload(object)?;
        Some(Observation {
            uid: object.uid()?,
            workload,
            tenant,
            provider: place("provider")?,
            region: place("region")?,
            error,
            since: condition.get("lastTransitionTime")?.as_str()?.parse().ok()?,
        })
    }
}

/// What the composite resource is of: `<plural>.<group>/<namespace>/<name>` of its claim, or its own,
/// and the namespace.
fn workload(object: &DynamicObject) -> Option<(String, String)> {
    let own = object.types.as_ref()?;
    // Crossplane's own field, which users may not set.
    let claim = object.data.pointer("/spec/claimRef");
    let of_claim = |field: &str| Some(claim?.get(field)?.as_str()?.to_owned());
    let api_version = of_claim("apiVersion").unwrap_or_else(|| own.api_version.clone());
    let kind = of_claim("kind").unwrap_or_else(|| own.kind.clone());
    let namespace = of_claim("namespace").or_else(|| object.namespace()).unwrap_or_default();
    let name = of_claim("name").unwrap_or_else(|| object.name_any());
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let workload = format!("{}.{group}/{namespace}/{name}", ProductApi::plural(&kind));
    Some((workload, namespace))
}

/// What everybody has said last.
#[derive(Debug, Default)]
pub(super) struct Evidence(HashMap<GroupKind, OfKind>);

#[derive(Debug, Default)]
struct OfKind {
    /// Whether all that were there at the start have been heard, or cannot be.
    is_known: bool,
    /// By uid.
    said: HashMap<String, Observation>,
}

impl Evidence {
    /// Takes note of an observation, heard at `now`.
    ///
    /// Who fails does so since it began, whatever else it says meanwhile: a message with the number
    /// of a request in it is another every time. What happens while we watch happens now; only of
    /// what was there before the condition says since when.
    pub(super) fn record(
        &mut self,
        kind: &GroupKind,
        mut observation: Observation,
        now: Timestamp,
    ) {
        let of_kind = self.0.entry(kind.clone()).or_default();
        let before = of_kind.said.get(&observation.uid);
        observation.since = match before {
            Some(before)
                if before.provider == observation.provider
                    && before.region == observation.region
                    && before.error.is_some() == observation.error.is_some() =>
            {
                before.since
            }
            None if !of_kind.is_known => observation.since.min(now),
            Some(_) | None => now,
        };
        of_kind.said.insert(observation.uid.clone(), observation);
    }

    pub(super) fn forget(&mut self, kind: &GroupKind, uid: &str) {
        if let Some(of_kind) = self.0.get_mut(kind) {
            of_kind.said.remove(uid);
        }
    }

    /// These are all there are: others went while nobody watched.
    pub(super) fn listed(&mut self, kind: &GroupKind, uids: &HashSet<String>) {
        let of_kind = self.0.entry(kind.clone()).or_default();
        of_kind.said.retain(|uid, _| uids.contains(uid));
        of_kind.is_known = true;
    }

    /// Nothing more is to be heard for now: what was said stands.
    pub(super) fn lost(&mut self, kind: &GroupKind) {
        self.0.entry(kind.clone()).or_default().is_known = true;
    }

    pub(super) fn forget_kind(&mut self, kind: &GroupKind) {
        self.0.remove(kind);
    }

    /// Whether there is enough to go by: before all of `kinds` have been listed, two that fail may
    /// be all that have been heard of a thousand.
    pub(super) fn is_complete(&self, mut kinds: impl Iterator<Item = GroupKind>) -> bool {
        kinds.all(|kind| self.0.get(&kind).is_some_and(|of_kind| of_kind.is_known))
    }

    /// What there is of `provider`; `is_its` tells the provider's errors from others.
    pub(super) fn reports(&self, provider: &str, is_its: impl Fn(&str) -> bool) -> Vec<Report> {
        let all = self.0.values().flat_map(|of_kind| of_kind.said.values());
        let here = all.filter(|said| said.provider == provider);
        here.map(|said| Report {
            workload: said.workload.clone(),
            tenant: said.tenant.clone(),
            region: said.region.clone(),
            health: match &said.error {
                None => Health::Well { since: said.since },
                Some(message) if is_its(message) => Health::Failing { since: said.since },
                Some(_) => Health::Faulty,
            },
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use idp_crds::provider_error::ProviderErrors;
    use serde_json::json;

    use super::*;

    /// By what is the provider's where it does not say otherwise.
    fn reports(evidence: &Evidence, provider: &str) -> Vec<Report> {
        let errors = ProviderErrors::new(None).unwrap();
        evidence.reports(provider, |message| errors.is_in(message))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn kind() -> GroupKind {
        GroupKind::new("db.example.org", "XDatabase")
    }

    fn said(uid: &str, error: Option<&str>, second: i64) -> Observation {
        let condition = json!({
            "type": "ProviderHealthy",
            "status": if error.is_none() { "True" } else { "False" },
            "message": error.unwrap_or("aws"),
            "lastTransitionTime": at(second).to_string(),
        });
        let object = json!({
            "apiVersion": "db.example.org/v1", "kind": "XDatabase",
            "metadata": {"name": "orders-x", "uid": uid},
            "spec": {"claimRef": {
                "apiVersion": "db.example.org/v1", "kind": "Database", "namespace": "team", "name": uid,
            }},
            "status": {
                "placement": {"provider": "aws", "region": "us-east-1"},
                "conditions": [condition],
            },
        });
        Observation::of(&serde_json::from_value(object).unwrap()).unwrap()
    }

    const DOWN: Option<&str> = Some("aws: instance: dial tcp: no such host");

    fn health(evidence: &Evidence) -> Vec<Health> {
        reports(evidence, "aws").into_iter().map(|report| report.health).collect()
    }

    #[test]
    fn a_workload_is_its_claim_and_its_namespace_the_tenant() {
        let mut evidence = Evidence::default();
        evidence.record(&kind(), said("a", DOWN, 1), at(2));
        let said = reports(&evidence, "aws");
        assert_eq!(said[0].workload, "databases.db.example.org/team/a");
        assert_eq!((said[0].tenant.as_str(), said[0].region.as_str()), ("team", "us-east-1"));
        assert_eq!(reports(&evidence, "gcp"), []);
    }

    #[test]
    fn finding_7_another_message_is_not_another_failure() {
        let mut evidence = Evidence::default();
        evidence.record(&kind(), said("a", Some("aws: dial tcp, request 1"), 1), at(2));
        evidence.listed(&kind(), &["a".to_owned()].into());
        for second in 10..20 {
            let message = format!("aws: dial tcp, request {second}");
            evidence.record(&kind(), said("a", Some(&message), second), at(second));
        }
        assert_eq!(health(&evidence), [Health::Failing { since: at(1) }]);
        evidence.record(&kind(), said("a", Some("aws: AccessDenied"), 30), at(30));
        assert_eq!(health(&evidence), [Health::Faulty]);
        evidence.record(&kind(), said("a", None, 40), at(41));
        assert_eq!(health(&evidence), [Health::Well { since: at(41) }]);
    }

    #[test]
    fn what_begins_while_we_watch_begins_now() {
        let mut evidence = Evidence::default();
        evidence.listed(&kind(), &HashSet::new());
        // By a clock that is wrong, or late.
        evidence.record(&kind(), said("a", DOWN, 1000), at(50));
        assert_eq!(health(&evidence), [Health::Failing { since: at(50) }]);
        // It was there before; its clock is ahead of ours.
        let mut evidence = Evidence::default();
        evidence.record(&kind(), said("a", DOWN, 1000), at(50));
        assert_eq!(health(&evidence), [Health::Failing { since: at(50) }]);
    }

    #[test]
    fn there_is_enough_to_go_by_once_all_kinds_are_listed_or_cannot_be() {
        let other = GroupKind::new("db.example.org", "XCache");
        let mut evidence = Evidence::default();
        let complete =
            |evidence: &Evidence| evidence.is_complete([kind(), other.clone()].into_iter());
        evidence.record(&kind(), said("a", DOWN, 1), at(1));
        assert!(!complete(&evidence));
        evidence.listed(&kind(), &["a".to_owned()].into());
        assert!(!complete(&evidence));
        evidence.lost(&other);
        assert!(complete(&evidence));
        evidence.lost(&kind());
        assert_eq!(health(&evidence).len(), 1, "what was said stands");
        evidence.forget_kind(&kind());
        assert!(!complete(&evidence));
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut evidence = Evidence::default();
        for number in 0..10_000 {
            let uid = number.to_string();
            evidence.record(&kind(), said(&uid, DOWN, 1), at(1));
            evidence.forget(&kind(), &uid);
        }
        evidence.record(&kind(), said("a", DOWN, 1), at(1));
        evidence.record(&kind(), said("b", DOWN, 1), at(1));
        evidence.listed(&kind(), &["b".to_owned()].into());
        assert_eq!(evidence.0[&kind()].said.keys().collect::<Vec<_>>(), ["b"]);
        evidence.forget_kind(&kind());
        assert!(evidence.0.is_empty());
    }

    #[test]
    fn restarts_and_replicas_hear_the_same() {
        // One that has watched all along, and one that comes later and hears only how it is.
        let mut first = Evidence::default();
        first.listed(&kind(), &HashSet::new());
        for (uid, second) in [("a", 1), ("b", 2), ("c", 3)] {
            first.record(&kind(), said(uid, None, second), at(second));
        }
        for (uid, second) in [("b", 20), ("a", 21)] {
            first.record(&kind(), said(uid, DOWN, second), at(second));
        }
        let mut second = Evidence::default();
        for observation in [said("c", None, 3), said("a", DOWN, 21), said("b", DOWN, 20)] {
            second.record(&kind(), observation, at(50));
        }
        second.listed(&kind(), &["a", "b", "c"].map(str::to_owned).into());
        let sorted = |evidence: &Evidence| {
            let mut reports = reports(evidence, "aws");
            reports.sort_by(|a, b| a.workload.cmp(&b.workload));
            reports
        };
        assert_eq!(sorted(&first), sorted(&second));
    }
}
