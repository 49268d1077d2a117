//! What can be changed of a tunnel while it is there.

use super::Tunnel;
use crate::limits::REKEY_AFTER_TIME;
use crate::suite::Suite;
use netloom_base::Time;
use std::net::SocketAddr;
use std::time::Duration;

impl Tunnel {
    /// Changes where the peer is, until it sends from elsewhere.
    pub fn set_endpoint(&mut self, now: Time, endpoint: Option<SocketAddr>) {
        (self.endpoint, self.declared_endpoint) = (endpoint, endpoint);
        // Packets may have been waiting for just this.
        if endpoint.is_some() && self.attempt.is_none() && self.timers.initiate.is_some() {
            self.timers.initiate = Some(now);
        }
    }

    /// The peer was last heard from there, before this machine was made: it is called there, and where it is declared to be.
    pub fn was_heard_at(&mut self, endpoint: Option<SocketAddr>) {
        self.endpoint = endpoint.or(self.endpoint);
    }

    /// Asks for a handshake without anything to send.
    pub fn call(&mut self, now: Time) {
        self.want_handshake(now);
    }

    /// Changes the suite of the handshakes that this side starts. A session in another one stays
    /// until the next handshake, which is asked for at once.
    pub fn set_suite(&mut self, now: Time, suite: Suite) {
        self.suite = suite;
        if self.session_suite(now).is_some_and(|current| current != suite) {
            self.want_handshake(now);
        }
    }

    /// A session of a handshake that began before the faster suite was known is replaced. Not the
    /// other way round, or two ends that know different things would replace sessions for good.
    pub(super) fn want_faster_suite(&mut self, now: Time) {
        let is_slower = self.session_suite(now) == Some(Suite::ChaCha20Poly1305);
        if is_slower && self.suite == Suite::Aes256Gcm {
            self.want_handshake(now);
        }
    }

    /// The suite of the session that is sent in, if there is one.
    pub fn session_suite(&self, now: Time) -> Option<Suite> {
        self.sessions.current().filter(|session| !session.is_expired(now)).map(|one| one.suite)
    }

    /// Changes when sessions are replaced, if that is sooner than the paper has it.
    pub fn set_rekey_after(&mut self, rekey_after: Duration) {
        self.rekey_after = rekey_after.min(REKEY_AFTER_TIME);
    }

    /// Changes the inner MTU.
    pub fn set_mtu_bytes(&mut self, mtu_bytes: usize) {
        self.mtu_bytes = mtu_bytes;
    }

    /// Changes the persistent keepalive; one that is switched on starts with a packet at once.
    pub fn set_keepalive(&mut self, now: Time, keepalive: Option<Duration>) {
        let keepalive = keepalive.filter(|interval| !interval.is_zero());
        if keepalive != self.keepalive {
            self.keepalive = keepalive;
            self.timers.persistent = keepalive.map(|_| now);
        }
    }
}
