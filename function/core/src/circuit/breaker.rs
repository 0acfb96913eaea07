//! One circuit as a state machine. What happens, and when, comes in from outside.

use idp_crds::cloud_provider::{CircuitState, CircuitStatus};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// Opens it, or begins its cooldown anew.
pub fn trip(circuit: &mut CircuitStatus, now: Timestamp) {
    circuit.state = CircuitState::Open;
    circuit.opened_at = Some(MicroTime(now));
    circuit.closed_at = None;
}

/// Closes it: what has failed since before counts no more.
pub fn close(circuit: &mut CircuitStatus, now: Timestamp) {
    circuit.state = CircuitState::Closed;
    circuit.opened_at = None;
    circuit.closed_at = Some(MicroTime(now));
}

/// An open one whose cooldown is over is half-open. In seconds of floating point, as the reference
/// counts them.
pub fn cool(circuit: &mut CircuitStatus, cooldown: SignedDuration, now: Timestamp) {
    let since = instant(circuit.opened_at.as_ref()).unwrap_or(Timestamp::UNIX_EPOCH);
    let waited = seconds(now) - seconds(since);
    if circuit.state == CircuitState::Open && waited >= cooldown.as_secs_f64() {
        circuit.state = CircuitState::HalfOpen;
    }
}

/// A time of the status.
pub(super) fn instant(time: Option<&MicroTime>) -> Option<Timestamp> {
    time.map(|MicroTime(time)| *time)
}

fn seconds(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}
