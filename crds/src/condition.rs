//! What a configuration object says of itself: whether the platform decides by it, and if not, what
//! is wrong with it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Condition of a configuration object: whether the platform decides by it.
pub const ACCEPTED: &str = "Accepted";

/// Condition of a workload: whether it has a place.
pub const PLACED: &str = "Placed";
/// Condition of a workload: whether everything it is made of is there and ready.
pub const RESOURCES_READY: &str = "ResourcesReady";
/// Condition of a workload: whether its provider takes what it is asked; the circuit breaker counts
/// by it.
pub const PROVIDER_HEALTHY: &str = "ProviderHealthy";

/// The API server takes no longer message.
const LONGEST_MESSAGE: usize = 32_768;

/// The status of a configuration object that has nothing else to report.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatus {
    /// `Accepted`: whether the platform decides by this object, and if not, what is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The condition of an object of `generation` in which `errors` were found, given the one that it
/// has; none where that says so already.
#[must_use]
pub fn accepted(
    errors: &[String],
    generation: Option<i64>,
    present: Option<&Condition>,
    now: Timestamp,
) -> Option<Condition> {
    let (status, reason) = if errors.is_empty() { ("True", "Valid") } else { ("False", "Invalid") };
    // The time tells since when it is so, not when that was last found out.
    let since = present
        .filter(|present| present.status == status)
        .map(|present| present.last_transition_time.clone());
    let condition = Condition {
        type_: ACCEPTED.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: shortened(errors.join("\n")),
        observed_generation: generation,
        last_transition_time: since.unwrap_or(Time(now)),
    };
    (present != Some(&condition)).then_some(condition)
}

fn shortened(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn says_what_is_wrong_and_since_when() {
        let wrong = [
            "spec.weights: must sum to 1".to_owned(),
            "spec.rtoMinutes: must not be negative".to_owned(),
        ];
        let first = accepted(&wrong, Some(1), None, at(0)).unwrap();
        assert_eq!((first.status.as_str(), first.reason.as_str()), ("False", "Invalid"));
        assert_eq!(
            first.message,
            "spec.weights: must sum to 1\nspec.rtoMinutes: must not be negative"
        );

        // Still wrong, in another way: since then.
        let second = accepted(&wrong[..1], Some(2), Some(&first), at(5)).unwrap();
        assert_eq!(
            (second.observed_generation, second.last_transition_time),
            (Some(2), Time(at(0)))
        );

        let third = accepted(&[], Some(3), Some(&first), at(9)).unwrap();
        assert_eq!(
            (third.status.as_str(), third.reason.as_str(), third.message.as_str()),
            ("True", "Valid", "")
        );
        assert_eq!(third.last_transition_time, Time(at(9)));
    }

    #[test]
    fn what_it_says_already_is_not_said_again() {
        for errors in [vec![], vec!["spec.order: is no number".to_owned()]] {
            let said = accepted(&errors, Some(1), None, at(0)).unwrap();
            assert_eq!(accepted(&errors, Some(1), Some(&said), at(100)), None);
            assert!(
                accepted(&errors, Some(2), Some(&said), at(100)).is_some(),
                "of this generation"
            );
        }
    }

    #[test]
    fn a_message_is_not_longer_than_the_api_server_takes() {
        let said = accepted(&["ü".repeat(LONGEST_MESSAGE)], None, None, at(0)).unwrap();
        assert_eq!(said.message.len(), LONGEST_MESSAGE);
    }
}
