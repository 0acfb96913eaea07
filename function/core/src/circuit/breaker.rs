//! The circuit breaker of a provider, as a state machine. Time comes in from outside.

/// A circuit breaker: `threshold` consecutive failures open it; after the cooldown it is half-open;
/// a success closes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Breaker {
    /// Consecutive failures that open it.
    pub threshold: u32,
    /// Seconds from the last failure until it is half-open.
    pub cooldown: f64,
    state: BreakerState,
    failures: u32,
    last_failure: f64,
}

/// The states of a [`Breaker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Placements go through.
    Closed,
    /// None do.
    Open,
    /// A probe does.
    HalfOpen,
}

impl Breaker {
    /// A closed breaker without failures.
    #[must_use]
    pub fn new(threshold: u32, cooldown: f64) -> Self {
        Breaker { threshold, cooldown, state: BreakerState::Closed, failures: 0, last_failure: 0.0 }
    }

    /// A breaker as it was persisted.
    #[must_use]
    pub fn restore(
        threshold: u32,
        cooldown: f64,
        state: BreakerState,
        failures: u32,
        last_failure: f64,
    ) -> Self {
        Breaker { threshold, cooldown, state, failures, last_failure }
    }

    /// A placement or its resources failed at `now`, seconds.
    pub fn failure(&mut self, now: f64) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = now;
        if self.failures >= self.threshold {
            self.state = BreakerState::Open;
        }
    }

    /// One succeeded.
    pub fn success(&mut self) {
        self.failures = 0;
        self.state = BreakerState::Closed;
    }

    /// The state at `now`, seconds: an open one whose cooldown is over becomes half-open.
    pub fn state(&mut self, now: f64) -> BreakerState {
        if self.state == BreakerState::Open && now - self.last_failure >= self.cooldown {
            self.state = BreakerState::HalfOpen;
        }
        self.state
    }

    /// Consecutive failures.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether a placement is let through at `now`. That only one is while half-open is the
    /// caller's to ensure, by compare-and-swap on the provider's status: a state machine in one
    /// process cannot.
    pub fn allows(&mut self, now: f64) -> bool {
        self.state(now) != BreakerState::Open
    }
}
