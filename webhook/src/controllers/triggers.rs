//! When to reconcile.

use futures::Stream;
use futures::stream::{self, StreamExt as _, select_all};
use tokio::sync::watch;

/// Now, and whenever a value changes.
pub(super) fn changes<T: Send + Sync + 'static>(
    mut value: watch::Receiver<T>,
) -> stream::BoxStream<'static, ()> {
    value.mark_changed();
    // It ends when nothing can change any more.
    stream::unfold(value, async |mut value| value.changed().await.ok().map(|()| ((), value)))
        .boxed()
}

/// Whenever one of them does.
pub(super) fn any<const N: usize>(
    triggers: [stream::BoxStream<'static, ()>; N],
) -> impl Stream<Item = ()> + Send + use<N> {
    select_all(triggers)
}
