//! A tunnel's data packets: counters to seal with, keys to open with, and the queue before them.

use super::{Transmit, Tunnel};
use crate::drop_reason::DropReason;
use crate::index_table::IndexTable;
use crate::limits::{
    KEEPALIVE_TIMEOUT, REJECT_AFTER_TIME, REKEY_TIMEOUT, WAITING_BYTES_MAX, WAITING_PACKETS_MAX,
};
use crate::session::{OpenKey, Role, SealKey};
use netloom_base::{Time, ecn};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// Counters that are the caller's to use: `first_counter` and as many as were asked for.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// Where the sealed packets go.
    pub to: SocketAddr,
    /// What seals them.
    pub key: Arc<SealKey>,
    /// The counter of the first packet.
    pub first_counter: u64,
}

/// Why packets cannot be sealed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// There is no session; a handshake has been asked for. See [`Tunnel::enqueue`].
    #[error("there is no session yet")]
    NoSession,
}

impl Tunnel {
    /// Takes counters for `packets` packets of data that become datagrams of `bytes` in total.
    /// They count as sent.
    ///
    /// # Errors
    /// [`ReserveError::NoSession`].
    pub fn reserve(
        &mut self,
        now: Time,
        packets: u64,
        bytes: u64,
    ) -> Result<Reservation, ReserveError> {
        let reservation = self.reserve_any(now, packets).ok_or(ReserveError::NoSession)?;
        self.stats.tx_bytes += bytes;
        self.data_sent(now);
        Ok(reservation)
    }

    fn reserve_any(&mut self, now: Time, packets: u64) -> Option<Reservation> {
        let (endpoint, rekey_after, mtu_bytes) = (self.endpoint, self.rekey_after, self.mtu_bytes);
        let taken = self.sessions.current_mut().and_then(|session| {
            let to = endpoint?;
            let first_counter = session.take_counters(now, packets, mtu_bytes)?;
            let is_worn = session.next_counter > session.suite.rekey_after_messages(mtu_bytes)
                || (session.role == Role::Initiator && session.age(now) >= rekey_after);
            Some((Reservation { to, key: session.seal_key.clone(), first_counter }, is_worn))
        });
        let Some((reservation, is_worn)) = taken else {
            self.want_handshake(now);
            return None;
        };
        if is_worn {
            self.want_handshake(now);
        }
        self.authenticated_sent(now);
        Some(reservation)
    }

    /// Seals one packet as it is, without padding, if there is a session. It counts as sent.
    pub fn seal_packet(&mut self, now: Time, packet: &[u8]) -> Option<Transmit> {
        let Reservation { to, key, first_counter } = self.reserve_any(now, 1)?;
        let datagram = key.seal_copy(first_counter, packet, packet.len());
        self.stats.tx_bytes += datagram.len() as u64;
        self.data_sent(now);
        Some(Transmit { to, datagram, ecn: ecn::of(packet) })
    }

    /// Keeps a packet until there is a session, which is asked for. Beyond `bytes_max`, [`WAITING_BYTES_MAX`] or
    /// [`WAITING_PACKETS_MAX`], the oldest gives way: what is new is more likely to be still wanted.
    pub fn enqueue(&mut self, now: Time, packet: &[u8], bytes_max: usize) {
        self.want_handshake(now);
        // Somebody still wants the peer, so attempts go on (§6.4).
        self.attempting_since = Some(now);
        self.waiting.push_back(packet.to_vec());
        self.waiting_bytes += packet.len();
        let bytes_max = bytes_max.min(WAITING_BYTES_MAX);
        while self.waiting.len() > WAITING_PACKETS_MAX || self.waiting_bytes > bytes_max {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.waiting_bytes -= oldest.len();
            self.stats.waiting_dropped += 1;
        }
    }

    /// Bytes of packets that wait for a session.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Sends what was waiting; whether there was anything.
    pub(super) fn flush_waiting(&mut self, now: Time) -> bool {
        let mut flushed = false;
        while let Some(packet) = self.waiting.pop_front() {
            let Some(reservation) = self.reserve_any(now, 1) else {
                self.waiting.push_front(packet);
                return flushed;
            };
            self.waiting_bytes -= packet.len();
            let Reservation { to, key, first_counter } = reservation;
            let datagram = key.seal_copy(first_counter, &packet, self.mtu_bytes);
            self.transmit(to, datagram, ecn::of(&packet));
            self.data_sent(now);
            flushed = true;
        }
        self.waiting = VecDeque::new();
        flushed
    }

    /// Sends an empty packet (§6.5), or asks for a session to send it in.
    pub(super) fn send_keepalive(&mut self, now: Time) {
        if let Some(Reservation { to, key, first_counter }) = self.reserve_any(now, 1) {
            let datagram = key.seal_copy(first_counter, &[], self.mtu_bytes);
            self.transmit(to, datagram, 0);
        }
    }

    /// The key that opens packets to a local index.
    ///
    /// # Errors
    /// [`DropReason::UnknownIndex`] or [`DropReason::SessionExpired`].
    pub fn open_key(&self, now: Time, index: u32) -> Result<&Arc<OpenKey>, DropReason> {
        let session = self.sessions.by_index(index).ok_or(DropReason::UnknownIndex)?;
        if session.is_expired(now) {
            return Err(DropReason::SessionExpired);
        }
        Ok(&session.open_key)
    }

    /// Whether a session has this local index.
    pub fn has_index(&self, index: u32) -> bool {
        self.sessions.by_index(index).is_some()
    }

    /// Judges a packet to a local index that [`OpenKey::open`] found authentic, and marks its
    /// counter as seen.
    ///
    /// # Errors
    /// [`DropReason::UnknownIndex`], [`DropReason::SessionExpired`] past the last counter, or
    /// [`DropReason::Replayed`].
    pub fn accept(&mut self, index: u32, counter: u64) -> Result<(), DropReason> {
        let session = self.sessions.by_index_mut(index).ok_or(DropReason::UnknownIndex)?;
        if counter >= session.suite.reject_after_messages() {
            return Err(DropReason::SessionExpired);
        }
        if session.replay.accept(counter) { Ok(()) } else { Err(DropReason::Replayed) }
    }

    /// Notes that authenticated, new packets came in for a local index: once per batch.
    /// `has_data` says whether any of them was not a keepalive; `bytes` counts whole datagrams.
    pub fn received(
        &mut self,
        now: Time,
        from: SocketAddr,
        index: u32,
        has_data: bool,
        bytes: u64,
        indexes: &mut IndexTable,
    ) {
        self.stats.rx_bytes += bytes;
        self.follow(from);
        self.authenticated_received(now);
        if has_data {
            self.data_received(now);
        }
        if self.sessions.confirm(index, now, indexes) {
            self.abandon_attempt(indexes);
            self.complete(now, Role::Responder);
            self.flush_waiting(now);
        }
        self.rekey_before_rejection(now);
    }

    /// An initiator that only receives would let the session run out: it asks for a new one while
    /// there is time for a handshake and its repetition (§6.2).
    fn rekey_before_rejection(&mut self, now: Time) {
        let age_max = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;
        let is_old = self
            .sessions
            .current()
            .is_some_and(|session| session.role == Role::Initiator && session.age(now) >= age_max);
        if is_old && !self.timers.last_minute {
            self.timers.last_minute = true;
            self.want_handshake(now);
        }
    }
}
