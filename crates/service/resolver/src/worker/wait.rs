//! Waiting for every socket of a resolver at once.

use super::{ERROR_PAUSE, Worker};
use netloom_dns::forwarder::ExchangeId;
use netloom_sys::clock;
use netloom_sys::poll::{Interest, PollSet};
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

/// Idle connections are looked for this often.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ready {
    Waker,
    Udp(usize),
    Listener(usize),
    Read(u64),
    Write(u64),
    Upstream(ExchangeId, usize),
}

impl Worker {
    /// Waits until something is ready or due.
    pub(super) fn wait(&self) -> Vec<Ready> {
        let mut set = PollSet::new();
        let mut meanings = vec![Ready::Waker];
        set.add(self.shared.waker.as_fd(), Interest::Read);
        for (place, sockets) in self.sockets.iter().enumerate() {
            set.add(sockets.udp.as_fd(), Interest::Read);
            set.add(sockets.tcp.as_fd(), Interest::Read);
            meanings.extend([Ready::Udp(place), Ready::Listener(place)]);
        }
        for (number, connection) in &self.connections {
            if connection.wants_read() {
                set.add(connection.stream().as_fd(), Interest::Read);
                meanings.push(Ready::Read(*number));
            }
            if connection.wants_write() {
                set.add(connection.stream().as_fd(), Interest::Write);
                meanings.push(Ready::Write(*number));
            }
        }
        for (exchange, attempts) in &self.upstreams.attempts {
            for (place, attempt) in attempts.iter().enumerate() {
                set.add(attempt.socket.as_fd(), Interest::Read);
                meanings.push(Ready::Upstream(*exchange, place));
            }
        }
        if set.wait(self.patience()).is_err() {
            // Only a lack of memory can be the cause, which passes or ends the process.
            thread::sleep(ERROR_PAUSE);
            return Vec::new();
        }
        let ready = meanings.into_iter().enumerate().filter(|(place, _)| set.is_ready(*place));
        ready.map(|(_, meaning)| meaning).collect()
    }

    fn patience(&self) -> Option<Duration> {
        let due = self.forwarder.poll_timeout().map(|(time, _)| time - clock::monotonic_now());
        let idle = (!self.connections.is_empty()).then_some(IDLE_CHECK);
        due.into_iter().chain(idle).min()
    }
}
