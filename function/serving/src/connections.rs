//! The connections of a port, as many as are taken at once. At the limit the one that has been idle
//! for longest makes room: whoever connects and says nothing keeps nobody out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::limits::{Limit, Limits};

/// The connections of a port.
pub(crate) struct Connections {
    most: usize,
    taken: Mutex<BTreeMap<u64, Arc<Seat>>>,
    next: AtomicU64,
    began: Instant,
}

/// One of them.
pub(crate) struct Seat {
    connections: Arc<Connections>,
    number: u64,
    /// Requests that are being answered.
    busy: AtomicUsize,
    /// Milliseconds at which it became idle.
    idle_since: AtomicU64,
    /// Cancelled when it has to make room.
    pub(crate) leave: CancellationToken,
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let (taken, next) = (Mutex::default(), AtomicU64::new(0));
        Arc::new(Connections { most: limits.connections, taken, next, began: Instant::now() })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Seat>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A place for one more; none where all are busy.
    pub(crate) fn take(self: &Arc<Self>, limits: &Limits) -> Option<Taken> {
        let mut taken = self.taken();
        if taken.len() >= self.most {
            let idle = taken.iter().filter(|(_, seat)| seat.busy.load(Ordering::Relaxed) == 0);
            let longest = idle.min_by_key(|(_, seat)| seat.idle_since.load(Ordering::Relaxed));
            let Some(number) = longest.map(|(number, _)| *number) else {
                limits.refusals.count(Limit::Connections);
                return None;
            };
            if let Some(seat) = taken.remove(&number) {
                seat.leave.cancel();
            }
            limits.refusals.count(Limit::IdleConnections);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat {
            connections: Arc::clone(self),
            number,
            busy: AtomicUsize::new(0),
            idle_since: AtomicU64::new(self.now()),
            leave: CancellationToken::new(),
        });
        taken.insert(number, Arc::clone(&seat));
        Some(Taken(seat))
    }
}

/// A place that is given back when it is dropped.
pub(crate) struct Taken(pub(crate) Arc<Seat>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.connections.taken().remove(&self.0.number);
    }
}

impl Seat {
    /// Until what is answered is dropped, the connection is busy.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }
}

/// A request that is being answered.
pub(crate) struct Busy(Arc<Seat>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.connections.now(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn at_the_limit_the_longest_idle_one_makes_room() {
        let limits = Limits { connections: 3, ..Limits::default() };
        let connections = Connections::new(&limits);
        let mut seats = Vec::new();
        for _ in 0..3 {
            seats.push(connections.take(&limits).unwrap());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // The first has had a request since, the second is having one.
        drop(seats[0].0.busy());
        let busy = seats[1].0.busy();
        let fourth = connections.take(&limits).unwrap();
        let gone = |seats: &[Taken]| {
            seats.iter().map(|taken| taken.0.leave.is_cancelled()).collect::<Vec<_>>()
        };
        assert_eq!(gone(&seats), [false, false, true]);
        let _all_busy = [seats[0].0.busy(), fourth.0.busy()];
        assert!(connections.take(&limits).is_none());
        drop(busy);
        assert!(connections.take(&limits).is_some());
        assert_eq!(gone(&seats), [false, true, true]);
        seats.clear();
        assert_eq!(connections.taken().len(), 1);
    }
}
