//! Which of the errors that workloads report are their provider's: only those say anything of
//! whether others can be placed there.

use regex::{RegexSet, RegexSetBuilder};

/// What the clouds and the ways to them say when they are unreachable, overloaded, broken or out of
/// capacity. A quota that is used up, a refusal and a wrong input are none of theirs.
///
/// Sources: the AWS SDK for Go v2 (`https response error StatusCode: …`, `api error …`) and the
/// common errors of AWS's APIs; `google.api_core` and `googleapi.Error` (`googleapi: Error 503: …`),
/// the reasons of Google's Compute Engine API; OCI's API errors and its SDK for Go (`Http Status Code: …`);
/// gRPC's status codes; Go's `net`, `net/http` and `context`.
pub const DEFAULT: &[&str] = &[
    // Unreachable.
    r"\bdial (tcp|udp)\b",
    r"\bno such host\b",
    r"\bconnection (refused|reset|timed out)\b",
    r"\bnetwork is unreachable\b",
    r"\bi/o timeout\b",
    r"\bTLS handshake timeout\b",
    r"\bcontext deadline exceeded\b",
    r"\bunexpected EOF\b",
    // Any status of the server's, or too many requests.
    r"\bStatus ?Code: (5\d\d|429)\b",
    r"\bgoogleapi: Error (5\d\d|429)\b",
    r"\b(5\d\d|429)-(InternalError|InternalServerError|ServiceUnavailable|TooManyRequests)\b",
    r"\bcode = (Unavailable|Internal|DeadlineExceeded|ResourceExhausted)\b",
    // Overloaded.
    r"\bThrottling(Exception)?\b",
    r"\b(RequestLimitExceeded|TooManyRequests|TooManyRequestsException|SlowDown)\b",
    r"\b(rateLimitExceeded|userRateLimitExceeded)\b",
    // Broken.
    r"\b(InternalFailure|InternalError|InternalServerError|InternalServiceError)\b",
    r"\b(ServiceUnavailable|ServiceUnavailableException|backendError)\b",
    // Out of capacity.
    r"\bInsufficient(DBInstance|DBCluster|Instance|Host|CacheCluster)Capacity(Fault|Exception)?\b",
    r"\b(STOCKOUT|ZONE_RESOURCE_POOL_EXHAUSTED(_WITH_DETAILS)?)\b",
    r"\bOut of host capacity\b",
];

/// The memory that a CloudProvider's patterns may take, compiled.
const MOST_BYTES: usize = 1 << 20;

/// Compiled patterns.
#[derive(Debug, Clone)]
pub struct ProviderErrors(RegexSet);

impl ProviderErrors {
    /// Those of a CloudProvider, or [`DEFAULT`].
    ///
    /// # Errors
    /// What is wrong with the first wrong one.
    pub fn new(given: Option<&[String]>) -> Result<Self, regex::Error> {
        let compile = |patterns: &mut dyn Iterator<Item = &str>| {
            let mut set = RegexSetBuilder::new(patterns);
            set.case_insensitive(true).size_limit(MOST_BYTES).build()
        };
        let set = match given {
            Some(patterns) => compile(&mut patterns.iter().map(String::as_str)),
            None => compile(&mut DEFAULT.iter().copied()),
        };
        set.map(ProviderErrors)
    }

    /// Whether `message` tells of a fault of the provider's.
    #[must_use]
    pub fn is_in(&self, message: &str) -> bool {
        self.0.is_match(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default() -> ProviderErrors {
        ProviderErrors::new(None).unwrap()
    }

    #[test]
    fn what_clouds_say_when_they_fail_is_theirs() {
        for message in [
            "aws: instance: observe failed: operation error RDS: DescribeDBInstances, https response error StatusCode: 503, RequestID: 4c2e, api error ServiceUnavailable: try again",
            "aws: instance: creating RDS DB Instance: operation error RDS: CreateDBInstance, https response error StatusCode: 400, RequestID: 1, InsufficientDBInstanceCapacity: none left",
            "aws: service: ThrottlingException: Rate exceeded",
            "aws: instance: RequestError: send request failed caused by: Post \"https://rds.us-east-1.amazonaws.com/\": dial tcp: lookup rds.us-east-1.amazonaws.com: no such host",
            "gcp: instance: googleapi: Error 503: The service is currently unavailable., backendError",
            "gcp: instance: rpc error: code = Unavailable desc = connection error",
            "oci: db: Error returned by MySQL Service. Http Status Code: 500. Error Code: InternalServerError. Opc request id: x",
            "oci: db: 500-InternalError, Out of host capacity.",
            "cannot observe: context deadline exceeded",
        ] {
            assert!(default().is_in(message), "{message}");
        }
    }

    #[test]
    fn what_a_user_or_an_account_did_wrong_is_not() {
        for message in [
            "aws: instance: https response error StatusCode: 400, RequestID: 5003, InvalidParameterValue: The parameter MasterUsername is not valid",
            "aws: instance: https response error StatusCode: 403, RequestID: x, AccessDenied: User is not authorized",
            "aws: instance: api error InstanceQuotaExceeded: you have 40 of 40",
            "gcp: instance: googleapi: Error 403: The client is not authorized to make this request., notAuthorized",
            "gcp: instance: googleapi: Error 400: Invalid value for: image 5xx",
            "oci: db: Http Status Code: 400. Error Code: LimitExceeded",
            "service: cannot resolve references: referenced field was empty (referenced resource may not yet be ready)",
            "instance: spec.forProvider.region: Invalid value: \"503\"",
            "",
        ] {
            assert!(!default().is_in(message), "{message}");
        }
    }

    #[test]
    fn a_provider_may_bring_its_own() {
        let own = ProviderErrors::new(Some(&["no more of them".to_owned()])).unwrap();
        assert!(own.is_in("sorry: No More Of Them"));
        assert!(!own.is_in("dial tcp"));
        assert!(!ProviderErrors::new(Some(&[])).unwrap().is_in("dial tcp"));
        assert!(ProviderErrors::new(Some(&["(".to_owned()])).is_err());
        assert!(ProviderErrors::new(Some(&[r"(\w{1000}){1000}".to_owned()])).is_err());
    }
}
