//! Open connections: bounded in number, and all of them cut when the server stops.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The connections of one server.
#[derive(Debug)]
pub(super) struct Pool {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Slots taken, connected or not yet.
    taken: usize,
    next: u64,
    open: BTreeMap<u64, TcpStream>,
}

/// Room for one connection.
#[derive(Debug)]
pub(super) struct Slot {
    pool: Arc<Pool>,
}

/// A connection that the pool can cut.
#[derive(Debug)]
pub(super) struct Connection {
    slot: Slot,
    number: u64,
    stream: TcpStream,
}

impl Pool {
    /// An empty one.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for room; `None` when the server stops.
    pub(super) fn enter(pool: &Arc<Self>) -> Option<Slot> {
        let mut state = pool.lock();
        while !state.closed && state.taken >= pool.limit {
            state = pool.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        state.taken += 1;
        Some(Slot { pool: Arc::clone(pool) })
    }

    /// Whether the server stops.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Cuts every connection and lets no new one in.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for stream in state.open.values() {
            // Gone already is as good as cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    /// Waits until the last connection is closed.
    pub(super) fn wait_empty(&self) {
        let mut state = self.lock();
        while state.taken > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Takes the connection in; `None`, and closed, when the server stops or it is broken.
    pub(super) fn hold(self, stream: TcpStream) -> Option<Connection> {
        let twin = stream.try_clone().ok()?;
        let mut state = self.pool.lock();
        if state.closed {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.open.insert(number, twin);
        drop(state);
        Some(Connection { slot: self, number, stream })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.lock().taken -= 1;
        self.pool.changed.notify_all();
    }
}

impl Connection {
    /// The connection.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.slot.pool.lock().open.remove(&self.number);
    }
}
