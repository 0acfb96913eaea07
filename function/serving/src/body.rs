//! The body of a request: its bytes are held of the server's room until the request is answered,
//! and it must arrive in time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::limits::{BEGINNING, Limit, Limits, Refused, Room, WAIT};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is held for one request; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    room: Arc<Room>,
    beginning: AtomicUsize,
    rest: AtomicUsize,
}

impl Held {
    pub(crate) fn nothing(limits: &Limits) -> Self {
        let room = Arc::clone(&limits.room);
        Held { room, beginning: AtomicUsize::new(0), rest: AtomicUsize::new(0) }
    }

    /// Takes room for `length` bytes more. What is answered is to be waited for.
    fn take(&self, length: usize) -> usize {
        let share = length.min(BEGINNING.saturating_sub(self.beginning.load(Ordering::Relaxed)));
        let share = if take_of(&self.room.beginnings, share) { share } else { 0 };
        self.beginning.fetch_add(share, Ordering::Relaxed);
        let rest = length - share;
        if take_of(&self.room.rests, rest) {
            self.rest.fetch_add(rest, Ordering::Relaxed);
            return 0;
        }
        rest
    }
}

fn take_of(room: &Semaphore, bytes: usize) -> bool {
    let taken = u32::try_from(bytes).is_ok_and(|bytes| {
        let permit = room.try_acquire_many(bytes);
        permit.map(|permit| permit.forget()).is_ok()
    });
    bytes == 0 || taken
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.beginnings.add_permits(*self.beginning.get_mut());
        self.room.rests.add_permits(*self.rest.get_mut());
    }
}

type Waiting = Pin<
    Box<dyn Future<Output = Result<Result<OwnedSemaphorePermit, AcquireError>, Elapsed>> + Send>,
>;

/// A body within its limits.
pub(crate) struct Bounded<B> {
    body: B,
    limits: Limits,
    held: Arc<Held>,
    began: Instant,
    /// Set once the body is not there at once, as most are.
    late: Option<Pin<Box<Sleep>>>,
    /// Bytes that there is no room for yet.
    waiting: Option<(Bytes, Waiting)>,
}

impl<B> Bounded<B> {
    pub(crate) fn new(body: B, limits: &Limits, held: Arc<Held>) -> Self {
        let began = Instant::now();
        Bounded { body, limits: limits.clone(), held, began, late: None, waiting: None }
    }

    fn refuse(&self, refused: Refused) -> BoxError {
        let limit = match refused {
            Refused::Late(_) => Limit::RequestTime,
            Refused::Busy => Limit::BytesInFlight,
        };
        self.limits.refusals.count(limit);
        refused.into()
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let end = self.began + self.limits.arrival;
        self.late.get_or_insert_with(|| Box::pin(sleep_until(end))).as_mut().poll(cx).is_ready()
    }
}

impl<B> HttpBody for Bounded<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some((data, mut waiting)) = this.waiting.take() {
            match waiting.as_mut().poll(cx) {
                Poll::Pending => {
                    this.waiting = Some((data, waiting));
                    return Poll::Pending;
                }
                Poll::Ready(Ok(Ok(permit))) => {
                    this.held.rest.fetch_add(permit.num_permits(), Ordering::Relaxed);
                    permit.forget();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(_) => return Poll::Ready(Some(Err(this.refuse(Refused::Busy)))),
            }
        }
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let arrival = this.limits.arrival;
            return if this.is_late(cx) {
                Poll::Ready(Some(Err(this.refuse(Refused::Late(arrival)))))
            } else {
                Poll::Pending
            };
        };
        let data = match frame {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            },
        };
        match this.held.take(data.len()) {
            0 => Poll::Ready(Some(Ok(Frame::data(data)))),
            wanted => {
                let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
                let room = Arc::clone(&this.held.room.rests);
                let waiting = Box::pin(timeout(WAIT, room.acquire_many_owned(wanted)));
                this.waiting = Some((data, waiting));
                self.poll_frame(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt as _;

    use super::super::limits::{LimitArgs, Refusals};
    use super::*;

    fn limits() -> Limits {
        let args = LimitArgs { max_bytes_in_flight: 1 << 20, ..LimitArgs::default() };
        Limits::new(&args, 0, Refusals::default())
    }

    async fn read(limits: &Limits, body: Body) -> (Result<usize, Refused>, Arc<Held>) {
        let held = Arc::new(Held::nothing(limits));
        let read = Bounded::new(body, limits, Arc::clone(&held)).collect().await;
        let read = read.map(|body| body.to_bytes().len());
        (read.map_err(|error| *error.downcast::<Refused>().unwrap()), held)
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_held_until_the_request_is_answered_and_small_ones_find_room() {
        let limits = limits();
        let large = || Body::from(vec![0; 700 << 10]);
        let small = || Body::from(vec![0; 10 << 10]);
        let (first, held) = read(&limits, large()).await;
        assert_eq!(first, Ok(700 << 10));
        assert_eq!(read(&limits, large()).await.0, Err(Refused::Busy));
        assert_eq!(read(&limits, small()).await.0, Ok(10 << 10));
        // One that waits gets what another gives back.
        let waiting = tokio::spawn({
            let limits = limits.clone();
            async move { read(&limits, large()).await.0 }
        });
        tokio::time::sleep(WAIT / 2).await;
        drop(held);
        assert_eq!(waiting.await.unwrap(), Ok(700 << 10));
        assert_eq!(limits.room.rests.available_permits(), 768 << 10);
        assert_eq!(limits.room.beginnings.available_permits(), 256 << 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_an_end_is_not_waited_for() {
        let limits = limits();
        let began = Instant::now();
        let body = Body::from_stream(futures::stream::pending::<Result<Bytes, BoxError>>());
        assert_eq!(read(&limits, body).await.0, Err(Refused::Late(limits.arrival)));
        assert_eq!(began.elapsed(), limits.arrival);
    }
}
