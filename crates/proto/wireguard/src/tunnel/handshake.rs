//! A tunnel's handshakes: starting, answering, completing, and taking cookies.

use super::{Attempt, Tunnel, TunnelEvent};
use crate::drop_reason::DropReason;
use crate::identity::OpenedInitiation;
use crate::index_table::IndexTable;
use crate::key::PrivateKey;
use crate::limits::{INITIATION_INTERVAL_MIN, REKEY_TIMEOUT};
use crate::message::{COOKIE_REPLY_BYTES, CookieReply, INITIATION_BYTES, RESPONSE_BYTES, Response};
use crate::noise::{self, InitiatorKeys};
use crate::session::{Role, Session};
use netloom_base::{Time, WallTime};
use std::net::SocketAddr;

impl Tunnel {
    pub(super) fn initiate(&mut self, now: Time, wall: WallTime, indexes: &mut IndexTable) {
        let Some(endpoint) = self.endpoint_to_call() else {
            self.events.push_back(TunnelEvent::EndpointWanted);
            self.timers.initiate = Some(now + REKEY_TIMEOUT);
            return;
        };
        self.abandon_attempt(indexes);
        let index = indexes.allocate(self.owner);
        let ephemeral = PrivateKey::random(&mut self.rng);
        let timestamp = self.timestamps.next(wall);
        let timestamp = self.without_key_if_so(timestamp);
        let keys = InitiatorKeys {
            suite: self.suite,
            local: self.identity.public,
            remote: &self.remote,
            static_static: &self.static_static,
        };
        // The peer's key is not of low order, or the tunnel would not exist.
        let Some((state, mut message)) = noise::initiate(&keys, ephemeral, timestamp, index) else {
            indexes.release(index);
            return;
        };
        self.jar.sign(now, &mut message);
        self.attempt = Some(Box::new(Attempt { index, state }));
        self.unanswered = self.unanswered.saturating_add(1);
        self.transmit(endpoint, message.to_vec(), 0);
        self.initiation_sent(now);
    }

    /// Where the peer is; every second call in vain goes to where it is declared to be. Who was on the way for a while and has sent
    /// the peer's packets from an address of its own would otherwise cut both ends off by going away.
    fn endpoint_to_call(&self) -> Option<SocketAddr> {
        let declared = self.declared_endpoint.filter(|_| self.unanswered % 2 == 1);
        declared.or(self.endpoint)
    }

    /// Verifies an initiation, answers it, and follows the peer to where it came from.
    ///
    /// # Errors
    /// [`DropReason::BadHandshake`], [`DropReason::StaleTimestamp`] or
    /// [`DropReason::InitiationFlood`]; the tunnel is then as it was.
    pub fn handle_initiation(
        &mut self,
        now: Time,
        from: SocketAddr,
        initiation: OpenedInitiation,
        indexes: &mut IndexTable,
    ) -> Result<(), DropReason> {
        let (responding, timestamp) =
            initiation.opening.verify(&self.static_static).ok_or(DropReason::BadHandshake)?;
        if self.newest_timestamp.is_some_and(|newest| timestamp <= newest) {
            return Err(DropReason::StaleTimestamp);
        }
        let last = self.last_initiation_at;
        if last.is_some_and(|last| now.saturating_since(last) < INITIATION_INTERVAL_MIN) {
            return Err(DropReason::InitiationFlood);
        }
        let ephemeral = PrivateKey::random(&mut self.rng);
        let index = indexes.allocate(self.owner);
        let pair = (index, initiation.sender);
        let (preshared, is_agreed) = self.preshared.answering(self.is_key_lost_there(timestamp));
        let answer = responding.respond(&self.remote, preshared, &ephemeral, pair);
        let Some((keys, mut message)) = answer else {
            indexes.release(index);
            return Err(DropReason::BadHandshake);
        };
        self.newest_timestamp = Some(timestamp);
        self.last_initiation_at = Some(now);
        self.stats.rx_bytes += INITIATION_BYTES as u64;
        self.authenticated_received(now);
        self.follow(from);

        self.jar.sign(now, &mut message);
        let mut session = Session::new(&keys, Role::Responder, pair, now);
        session.is_agreed = is_agreed;
        self.sessions.insert(session, now, indexes);
        self.session_derived(now);
        self.last_handshake_sent = Some(now);
        self.transmit(from, message.to_vec(), 0);
        self.authenticated_sent(now);
        Ok(())
    }

    /// Completes the handshake that this side has started, and sends what was waiting for it, or
    /// a keepalive: the responder may send only after it has received.
    ///
    /// # Errors
    /// [`DropReason::UnexpectedResponse`] or [`DropReason::BadHandshake`]; the tunnel is then as
    /// it was, so that a forged response does not end the handshake.
    pub fn handle_response(
        &mut self,
        now: Time,
        from: SocketAddr,
        response: &Response<'_>,
        indexes: &mut IndexTable,
    ) -> Result<(), DropReason> {
        let attempt = self
            .attempt
            .as_ref()
            .filter(|attempt| attempt.index == response.receiver())
            .ok_or(DropReason::UnexpectedResponse)?;
        let preshared = self.preshared.opening();
        let finished = attempt.state.finish(&self.identity.private, preshared, response);
        let index = attempt.index;
        let (keys, is_agreed) = finished.ok_or(DropReason::BadHandshake)?;
        // The handshake's index becomes the session's.
        let pair = (index, response.sender());
        self.attempt = None;
        let mut session = Session::new(&keys, Role::Initiator, pair, now);
        session.is_agreed = is_agreed;
        self.sessions.insert(session, now, indexes);
        self.stats.rx_bytes += RESPONSE_BYTES as u64;
        self.authenticated_received(now);
        self.follow(from);
        self.session_derived(now);
        self.complete(now, Role::Initiator);
        if !self.flush_waiting(now) {
            self.send_keepalive(now);
        }
        Ok(())
    }

    /// Takes a cookie, which the next handshake message will prove itself with.
    ///
    /// # Errors
    /// [`DropReason::BadCookieReply`].
    pub fn handle_cookie_reply(
        &mut self,
        now: Time,
        reply: &CookieReply<'_>,
    ) -> Result<(), DropReason> {
        self.jar.receive(now, reply).ok_or(DropReason::BadCookieReply)?;
        self.stats.rx_bytes += COOKIE_REPLY_BYTES as u64;
        Ok(())
    }

    pub(super) fn complete(&mut self, now: Time, started_by: Role) {
        self.handshake_completed(now);
        self.events.push_back(TunnelEvent::HandshakeCompleted { started_by });
        self.want_faster_suite(now);
    }

    /// The peer has authenticated itself from an address: that is where it is now (§2.1).
    pub(super) fn follow(&mut self, from: SocketAddr) {
        if self.endpoint != Some(from) {
            let before = self.endpoint.replace(from);
            self.events.push_back(TunnelEvent::EndpointChanged { from: before, to: from });
        }
    }
}
