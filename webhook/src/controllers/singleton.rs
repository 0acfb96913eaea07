//! Reconciles what there is one of.
//!
//! kube's `Controller` reconciles the objects of a store. The registration is two objects that only
//! we make, of rules from the whole catalog; the certificate is a Secret that we may read by its name
//! alone. Both come into being by being reconciled, and no store has them before.

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::time::sleep;

/// One thing that is kept as it should be.
pub(super) trait Singleton {
    /// Why it could not be made what it should be.
    type Error;

    /// Makes it what it should be; says when to look again, though nothing has happened.
    fn reconcile(&mut self) -> impl Future<Output = Result<Duration, Self::Error>> + Send;

    /// When to try again.
    fn error_policy(&self, error: &Self::Error) -> Duration;
}

/// Reconciles for ever: at first, at every trigger, and when it is time to look again.
pub(super) async fn run(mut this: impl Singleton, triggers: impl Stream<Item = ()>) {
    // Once all triggers have ended, time is left.
    let mut triggers = pin!(triggers.chain(futures::stream::pending()));
    loop {
        let again = match this.reconcile().await {
            Ok(again) => again,
            Err(error) => this.error_policy(&error),
        };
        tokio::select! {
            _ = triggers.next() => {}
            () = sleep(again) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Fails the first time.
    struct Counter(Arc<AtomicU32>);

    impl Singleton for Counter {
        type Error = ();

        async fn reconcile(&mut self) -> Result<Duration, ()> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Err(()),
                _ => Ok(Duration::from_secs(3600)),
            }
        }

        fn error_policy(&self, (): &()) -> Duration {
            Duration::from_secs(5)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_reconciles_at_first_after_errors_at_triggers_and_in_time() {
        let count = Arc::new(AtomicU32::new(0));
        let (trigger, triggers) = futures::channel::mpsc::unbounded();
        let running = tokio::spawn(run(Counter(Arc::clone(&count)), triggers));
        let reached = async |seconds, expected| {
            sleep(Duration::from_secs(seconds)).await;
            assert_eq!(count.load(Ordering::SeqCst), expected);
        };
        reached(1, 1).await;
        reached(5, 2).await;
        trigger.unbounded_send(()).unwrap();
        reached(1, 3).await;
        reached(3600, 4).await;
        // Without triggers it goes on.
        drop(trigger);
        reached(3600, 5).await;
        running.abort();
    }
}
