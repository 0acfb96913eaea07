//! That something has changed, as server-sent events: pages look again then.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::unfold;

use crate::Sources;
use crate::api::ask::{Asker, Problem};

/// How soon a change is told; those that come sooner are told together.
const LOOKS: Duration = Duration::from_secs(1);

/// What a change changes: the index's version, and which catalog there is.
type Seen = (u64, usize);

fn seen(sources: &Sources) -> Seen {
    let catalog = sources.snapshot.get().map_or(0, |snapshot| Arc::as_ptr(&snapshot) as usize);
    (sources.placements.version(), catalog)
}

/// That something has changed, as server-sent events: `data: changed`.
#[utoipa::path(get, path = "/api/v1/events", tag = "workloads",
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn changes(_: Asker, State(sources): State<Sources>) -> impl IntoResponse {
    let changes = unfold((seen(&sources), sources), |(before, sources)| async move {
        loop {
            let look = tokio::time::sleep(LOOKS);
            sources.stopping.run_until_cancelled(look).await?;
            let now = seen(&sources);
            if now != before {
                return Some((
                    Ok::<_, Infallible>(Event::default().data("changed")),
                    (now, sources),
                ));
            }
        }
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}
