//! That something has changed, as server-sent events: pages look again then.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::unfold;

use crate::Sources;
use crate::api::ask::{Known, Problem};
use crate::snapshot::Snapshot;

/// How soon a change is told; those that come sooner are told together.
const LOOKS: Duration = Duration::from_secs(1);

/// What a change changes: the index's version, and which catalog there is.
struct Seen {
    version: u64,
    catalog: Option<Arc<Snapshot>>,
}

impl Seen {
    fn now(sources: &Sources) -> Self {
        Seen { version: sources.placements.version(), catalog: sources.snapshot.get() }
    }

    fn is_other_than(&self, before: &Seen) -> bool {
        let same = match (&self.catalog, &before.catalog) {
            (Some(now), Some(before)) => Arc::ptr_eq(now, before),
            (now, before) => now.is_none() && before.is_none(),
        };
        self.version != before.version || !same
    }
}

/// That something has changed, as server-sent events: `data: changed`.
#[utoipa::path(get, path = "/api/v1/events", tag = "workloads",
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn changes(_: Known, State(sources): State<Sources>) -> impl IntoResponse {
    let changes = unfold((Seen::now(&sources), sources), |(before, sources)| async move {
        loop {
            let look = tokio::time::sleep(LOOKS);
            sources.stopping.run_until_cancelled(look).await?;
            let now = Seen::now(&sources);
            if now.is_other_than(&before) {
                return Some((
                    Ok::<_, Infallible>(Event::default().data("changed")),
                    (now, sources),
                ));
            }
        }
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}
