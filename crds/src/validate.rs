//! What a schema cannot say about a configuration object, checked in one place for the webhook, the
//! function and the command line.

use std::collections::BTreeMap;

use crate::contract::metadata::is_dns_label;
use crate::contract::{FieldError, Problem};
use crate::names::{DIMENSIONS, EXPERIMENT_WEIGHTS_TOLERANCE, TIER_WEIGHTS_TOLERANCE};
use crate::provider_error::ProviderErrors;
use crate::{
    CandidateSpec, CloudProviderSpec, ExperimentSpec, FeatureFlagSpec, ProductSpec, TierSpec,
};

/// A configuration kind that can say everything that is wrong with itself.
pub trait Validate {
    /// Every error, with paths from `spec`. Empty: good.
    fn errors(&self) -> Vec<FieldError>;
}

impl Validate for CandidateSpec {
    fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.provider.contains('-') {
            // `<provider>-<region>` must be one place only.
            let message =
                format!("must be letters and digits, without '-', not {:?}", self.provider);
            errors.push(invalid("spec.provider", message));
        }
        for (field, value) in [("provider", &self.provider), ("region", &self.region)] {
            if !is_dns_label(value) {
                errors.push(invalid(
                    format!("spec.{field}"),
                    format!("must be lower-case letters, digits and '-', not {value:?}"),
                ));
            }
        }
        if self.runtime_cluster.is_empty() {
            errors.push(FieldError::new("spec.runtimeCluster", Problem::Required, "is required"));
        }
        errors.extend(unit_numbers("spec.scores", &self.scores));
        errors.extend(distinct("spec.capabilities", &self.capabilities));
        errors
    }
}

impl Validate for TierSpec {
    fn errors(&self) -> Vec<FieldError> {
        let mut errors = weights("spec.weights", &self.weights, TIER_WEIGHTS_TOLERANCE);
        errors.extend(distinct("spec.requiredCapabilities", &self.required_capabilities));
        if let Some(required) = &self.failover.required_capabilities {
            errors.extend(distinct("spec.failover.requiredCapabilities", required));
        }
        for (field, minutes) in [("rtoMinutes", self.rto_minutes), ("rpoMinutes", self.rpo_minutes)]
        {
            if minutes < 0 {
                errors.push(invalid(
                    format!("spec.{field}"),
                    format!("must be >= 0 minutes, not {minutes}"),
                ));
            }
        }
        errors
    }
}

impl Validate for CloudProviderSpec {
    fn errors(&self) -> Vec<FieldError> {
        let breaker = &self.circuit_breaker;
        let mut errors = Vec::new();
        if breaker.failure_threshold == 0 {
            errors.push(invalid("spec.circuitBreaker.failureThreshold", "must be >= 1"));
        }
        for (position, pattern) in breaker.errors.iter().flatten().enumerate() {
            if let Err(error) = ProviderErrors::new(Some(std::slice::from_ref(pattern))) {
                let field = format!("spec.circuitBreaker.errors[{position}]");
                let why = error.to_string();
                let why = why.lines().next_back().unwrap_or_default();
                errors.push(invalid(field, format!("is no regular expression: {why}")));
            }
        }
        if errors.is_empty() && ProviderErrors::new(breaker.errors.as_deref()).is_err() {
            errors
                .push(invalid("spec.circuitBreaker.errors", "are too large together: give fewer"));
        }
        errors
    }
}

impl Validate for ExperimentSpec {
    fn errors(&self) -> Vec<FieldError> {
        let mut errors =
            weights("spec.variantWeights", &self.variant_weights, EXPERIMENT_WEIGHTS_TOLERANCE);
        if !(0.0..=1.0).contains(&self.traffic_share) {
            errors.push(invalid(
                "spec.trafficShare",
                format!("must be between 0 and 1, not {}", self.traffic_share),
            ));
        }
        errors
    }
}

impl Validate for FeatureFlagSpec {
    fn errors(&self) -> Vec<FieldError> {
        Vec::new()
    }
}

impl Validate for ProductSpec {
    /// The shape only: whether expressions compile is the composer's to say.
    fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let kinds = self.api.kinds();
        for (at, (field, kind)) in kinds.iter().enumerate() {
            if kinds.iter().take(at).any(|(_, earlier)| earlier == kind) {
                let message = format!(
                    "{kind:?} is used twice: claim, composite and namespaced composite have different kinds"
                );
                errors.push(invalid(format!("spec.api.{field}"), message));
            }
        }
        let names: Vec<String> = self.parameters.iter().map(|p| p.name.clone()).collect();
        errors.extend(distinct("spec.parameters", &names));
        for (at, parameter) in self.parameters.iter().enumerate() {
            let path = format!("spec.parameters[{at}]");
            if crate::contract::COMMON.contains(&parameter.name.as_str())
                || crate::contract::forbidden::DECIDED_BY_PLATFORM
                    .contains(&parameter.name.as_str())
            {
                errors.push(invalid(
                    format!("{path}.name"),
                    format!("{:?} is the platform's own: choose another name", parameter.name),
                ));
            }
            errors.extend(crate::contract::check_specification(parameter, &path));
        }
        if self.providers.is_empty() {
            errors.push(FieldError::new(
                "spec.providers",
                Problem::Required,
                "is required: at least one provider",
            ));
        }
        for (provider, templates) in &self.providers {
            let path = format!("spec.providers.{provider}");
            let names: Vec<String> = templates.resources.iter().map(|r| r.name.clone()).collect();
            errors.extend(distinct(&format!("{path}.resources"), &names));
            for key in templates.connection.keys().filter(|key| !self.connection_keys.contains(key))
            {
                errors.push(invalid(
                    format!("{path}.connection.{key}"),
                    "is not among spec.connectionKeys: the connection secret has the same keys on every provider",
                ));
            }
            for key in
                self.connection_keys.iter().filter(|key| !templates.connection.contains_key(*key))
            {
                errors.push(FieldError::new(
                    format!("{path}.connection.{key}"),
                    Problem::Required,
                    "is missing: the connection secret has the same keys on every provider",
                ));
            }
        }
        errors
    }
}

fn invalid(path: impl Into<String>, message: impl Into<String>) -> FieldError {
    FieldError::new(path, Problem::Invalid, message)
}

/// Errors of a set of weights: known dimensions, none negative, together 1 within `tolerance`.
#[must_use]
pub fn weights(path: &str, weights: &BTreeMap<String, f64>, tolerance: f64) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (dimension, weight) in weights {
        if !DIMENSIONS.contains(&dimension.as_str()) {
            let known = DIMENSIONS.join(", ");
            errors.push(invalid(
                format!("{path}.{dimension}"),
                format!("is not a score dimension: they are {known}"),
            ));
        }
        if !(weight.is_finite() && *weight >= 0.0) {
            errors.push(invalid(
                format!("{path}.{dimension}"),
                format!("must not be negative: it is {weight}"),
            ));
        }
    }
    let sum: f64 = weights.values().sum();
    if (sum - 1.0).abs() > tolerance {
        errors.push(invalid(path, format!("must sum to 1, not {}", (sum * 1e6).round() / 1e6)));
    }
    errors
}

fn unit_numbers(path: &str, numbers: &BTreeMap<String, f64>) -> Vec<FieldError> {
    numbers
        .iter()
        .filter(|(_, number)| !(0.0..=1.0).contains(*number))
        .map(|(name, number)| {
            invalid(format!("{path}.{name}"), format!("must be between 0 and 1, not {number}"))
        })
        .collect()
}

fn distinct(path: &str, names: &[String]) -> Vec<FieldError> {
    names
        .iter()
        .enumerate()
        .filter(|(at, name)| names.iter().take(*at).any(|earlier| earlier == *name))
        .map(|(at, name)| invalid(format!("{path}[{at}]"), format!("{name:?} is listed twice")))
        .collect()
}
