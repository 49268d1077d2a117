//! `GET /v1/events`: the status, and the new one each time that it has changed.
//!
//! Server-sent events (WHATWG HTML §9.2), each `event: status` with the whole status as its data. One
//! task makes the status for all who listen, at most [`PER_SECOND_MAX`] times a second; whoever reads
//! too slowly misses the ones between, and gets the newest.

use super::{Caller, Desk, Failure, Role, view};
use crate::access;
use crate::office::Office;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Most events in a second.
const PER_SECOND_MAX: u32 = 4;
/// Most listeners at once.
const LISTENERS_MAX: usize = 64;
/// A listener hears at least this often that control is there.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The newest status, for those who listen.
#[derive(Debug)]
pub(crate) struct Events {
    newest: watch::Sender<Arc<str>>,
    seats: Arc<Semaphore>,
}

impl Events {
    /// With a task that follows what is published.
    pub(crate) fn start(office: Arc<Office>, published: watch::Receiver<u64>) -> Arc<Self> {
        let newest = watch::Sender::new(Arc::from(""));
        let events = Arc::new(Self { newest, seats: Arc::new(Semaphore::new(LISTENERS_MAX)) });
        tokio::spawn(follow(Arc::clone(&events), office, published));
        events
    }
}

async fn follow(events: Arc<Events>, office: Arc<Office>, mut published: watch::Receiver<u64>) {
    while published.changed().await.is_ok() {
        if events.newest.receiver_count() > 0
            && let Some(now) = status(&office).await
        {
            let changes = |before: &mut Arc<str>| {
                let changed = *before != now;
                *before = now;
                changed
            };
            events.newest.send_if_modified(changes);
        }
        tokio::time::sleep(Duration::from_secs(1) / PER_SECOND_MAX).await;
    }
}

/// The status as an event. What is looked at for it may wait for a lock.
async fn status(office: &Arc<Office>) -> Option<Arc<str>> {
    let office = Arc::clone(office);
    let made = tokio::task::spawn_blocking(move || {
        let text = serde_json::to_string(&view::status(&office)).ok()?;
        Some(Arc::from(format!("event: status\ndata: {text}\n\n")))
    });
    made.await.ok().flatten()
}

/// One who listens.
struct Listener {
    office: Arc<Office>,
    caller: Caller,
    newest: watch::Receiver<Arc<str>>,
    /// What was heard last.
    heard: Option<Arc<str>>,
    /// What was made at the beginning, until it is heard.
    first: Option<Arc<str>>,
    _seat: OwnedSemaphorePermit,
}

pub(super) async fn events(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Failure> {
    let Ok(seat) = Arc::clone(&desk.events.seats).try_acquire_owned() else {
        let text = format!("{LISTENERS_MAX} listeners follow the events already");
        let solution = "close a page, or ask for GET /v1/status now and then";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, text, solution));
    };
    // Listened to before the first is made: what changes between is an event.
    let newest = desk.events.newest.subscribe();
    let first = status(&desk.office).await;
    let office = desk.office;
    let listener = Listener { office, caller, newest, heard: None, first, _seat: seat };
    let body = Body::from_stream(stream::unfold(listener, next));
    let headers = [("content-type", "text/event-stream"), ("cache-control", "no-store")];
    Ok((headers, body).into_response())
}

/// What a listener hears next; the end if it may not listen any more.
async fn next(mut listener: Listener) -> Option<(Result<Bytes, Infallible>, Listener)> {
    let text = match listener.first.take() {
        Some(first) => first,
        None => listener.newer().await?,
    };
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    if !text.starts_with(':') {
        listener.heard = Some(text);
    }
    Some((Ok(bytes), listener))
}

impl Listener {
    /// Something that was not heard yet, or a sign of life.
    async fn newer(&mut self) -> Option<Arc<str>> {
        let deadline = tokio::time::Instant::now() + SILENCE_MAX;
        loop {
            let changed = tokio::time::timeout_at(deadline, self.newest.changed()).await;
            if !self.is_welcome() {
                return None;
            }
            match changed {
                Ok(Ok(())) => {
                    let newest = Arc::clone(&self.newest.borrow_and_update());
                    if self.heard.as_ref() != Some(&newest) {
                        return Some(newest);
                    }
                }
                Ok(Err(_)) => return None,
                Err(_) => return Some(Arc::from(": still here\n\n")),
            }
        }
    }

    /// Whether what it has shown is valid still.
    fn is_welcome(&self) -> bool {
        let Some(secret) = &self.caller.secret else { return true };
        access::holder(&self.office, secret).is_some_and(|caller| caller.role >= Role::Viewer)
    }
}
