//! The machine of one peer: handshakes, sessions, timers, and packets waiting for a session.

mod data;
mod handshake;
mod preshared;
mod sessions;
mod settings;
#[cfg(test)]
mod tests;
mod timers;

use crate::cookie::CookieJar;
use crate::identity::Identity;
use crate::index_table::IndexTable;
use crate::key::{PresharedKey, PublicKey, SharedSecret};
use crate::limits::REKEY_AFTER_TIME;
use crate::noise::Initiating;
use crate::rng::ErasingRng;
use crate::session::Role;
use crate::suite::Suite;
use crate::tai64n::{Tai64n, TimestampSource};
use netloom_base::{Seed, Time};
use preshared::PresharedKeys;
use sessions::Sessions;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use timers::Timers;

pub use data::{Reservation, ReserveError};

/// What a tunnel is built from.
#[derive(Clone, Debug)]
pub struct TunnelConfig {
    /// The peer's static key.
    pub remote: PublicKey,
    /// Mixed into every handshake.
    pub preshared: PresharedKey,
    /// Whether the peer agrees upon further keys inside the tunnel ([`Tunnel::adopt_preshared`]).
    pub agrees_keys: bool,
    /// Sessions are replaced after this, or after [`crate::limits::REKEY_AFTER_TIME`] if that is sooner.
    pub rekey_after: Duration,
    /// What handshakes ask for that this side starts; those of the peer are answered in theirs.
    pub suite: Suite,
    /// Where the peer is, if known; afterwards it follows what the peer sends.
    pub endpoint: Option<SocketAddr>,
    /// Send something at least this often, so that a NAT keeps its mapping.
    pub keepalive: Option<Duration>,
    /// The inner MTU; padding does not exceed it.
    pub mtu_bytes: usize,
    /// Initiations must be newer than this: [`Tunnel::newest_timestamp`] of an earlier run.
    pub timestamp_floor: Option<Tai64n>,
}

/// Why there is no tunnel to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NewTunnelError {
    /// Everybody would know what is shared with this key.
    #[error("the peer's public key is of low order")]
    LowOrderKey,
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub datagram: Vec<u8>,
    /// The two bits of Explicit Congestion Notification that its IP header is to have: those of the packet inside (RFC 6040
    /// §4.1), 0 for handshakes and keepalives.
    pub ecn: u8,
}

/// What happened to a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelEvent {
    /// A session is ready for use in both directions.
    HandshakeCompleted {
        /// Who started the handshake.
        started_by: Role,
    },
    /// No answer for [`crate::limits::REKEY_ATTEMPT_TIME`]; what was waiting is gone.
    HandshakeFailed,
    /// The tunnel wants to start a handshake and does not know where the peer is.
    EndpointWanted,
    /// The peer now sends from another address, and is sent to there.
    EndpointChanged {
        /// Where it was.
        from: Option<SocketAddr>,
        /// Where it is.
        to: SocketAddr,
    },
    /// Long without a handshake: all keys are wiped.
    SessionExpired,
}

/// Running totals of a tunnel, in bytes of whole datagrams, handshakes included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelStats {
    /// Sent.
    pub tx_bytes: u64,
    /// Received and authenticated.
    pub rx_bytes: u64,
    /// Packets that gave way while waiting for a handshake.
    pub waiting_dropped: u64,
    /// Handshakes completed.
    pub handshakes: u64,
    /// When the last handshake completed.
    pub last_handshake: Option<Time>,
}

/// A handshake that this side has started.
struct Attempt {
    index: u32,
    state: Initiating,
}

/// The machine of one peer.
pub struct Tunnel {
    identity: Arc<Identity>,
    /// The number under which this tunnel's indexes stand in the [`IndexTable`].
    owner: u32,
    remote: PublicKey,
    preshared: PresharedKeys,
    agrees_keys: bool,
    suite: Suite,
    static_static: SharedSecret,
    endpoint: Option<SocketAddr>,
    /// Where the peer is by declaration, wherever it was heard from since.
    declared_endpoint: Option<SocketAddr>,
    keepalive: Option<Duration>,
    mtu_bytes: usize,
    rekey_after: Duration,

    sessions: Sessions,
    /// Behind a pointer, so that nothing of its secrets stays here when it is given up.
    attempt: Option<Box<Attempt>>,
    /// Initiations since the last handshake that were not answered.
    unanswered: u32,
    /// When attempts began for which there is still no session.
    attempting_since: Option<Time>,
    last_handshake_sent: Option<Time>,
    newest_timestamp: Option<Tai64n>,
    last_initiation_at: Option<Time>,
    timestamps: TimestampSource,
    jar: CookieJar,
    timers: Timers,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    rng: ErasingRng,
    stats: TunnelStats,
    transmits: VecDeque<Transmit>,
    events: VecDeque<TunnelEvent>,
}

impl Tunnel {
    /// A tunnel without a session. `owner` is the caller's number for it, given back by
    /// [`IndexTable::owner`].
    ///
    /// # Errors
    /// [`NewTunnelError::LowOrderKey`].
    pub fn new(
        identity: Arc<Identity>,
        config: TunnelConfig,
        owner: u32,
        seed: Seed,
        now: Time,
    ) -> Result<Self, NewTunnelError> {
        let static_static =
            identity.private.diffie_hellman(&config.remote).ok_or(NewTunnelError::LowOrderKey)?;
        let mut tunnel = Self {
            identity,
            owner,
            remote: config.remote,
            preshared: PresharedKeys::new(config.preshared),
            agrees_keys: config.agrees_keys,
            rekey_after: config.rekey_after.min(REKEY_AFTER_TIME),
            suite: config.suite,
            static_static,
            endpoint: config.endpoint,
            declared_endpoint: config.endpoint,
            keepalive: None,
            mtu_bytes: config.mtu_bytes,
            sessions: Sessions::default(),
            attempt: None,
            unanswered: 0,
            attempting_since: None,
            last_handshake_sent: None,
            newest_timestamp: config.timestamp_floor,
            last_initiation_at: None,
            timestamps: TimestampSource::default(),
            jar: CookieJar::new(&config.remote),
            timers: Timers::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            rng: ErasingRng::new(seed),
            stats: TunnelStats::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        tunnel.set_keepalive(now, config.keepalive);
        Ok(tunnel)
    }

    /// Who the peer is.
    pub fn remote(&self) -> PublicKey {
        self.remote
    }

    /// Where the peer is, as far as known.
    pub fn endpoint(&self) -> Option<SocketAddr> {
        self.endpoint
    }

    /// The inner MTU.
    pub fn mtu_bytes(&self) -> usize {
        self.mtu_bytes
    }

    /// The tunnel's totals.
    pub fn stats(&self) -> TunnelStats {
        self.stats
    }

    /// The newest timestamp of an initiation from the peer. To be stored and given back as
    /// [`TunnelConfig::timestamp_floor`], or an old initiation can be replayed after a restart.
    pub fn newest_timestamp(&self) -> Option<Tai64n> {
        self.newest_timestamp
    }

    /// Refuses initiations that are not newer than `floor`, too.
    pub fn raise_timestamp_floor(&mut self, floor: Tai64n) {
        self.newest_timestamp = self.newest_timestamp.max(Some(floor));
    }

    /// Whether packets can be sent at once.
    pub fn has_session(&self, now: Time) -> bool {
        self.sessions.current().is_some_and(|session| !session.is_expired(now))
    }

    /// Gives all indexes back; the tunnel is not to be used any more.
    pub fn close(&mut self, indexes: &mut IndexTable) {
        self.wipe(indexes);
        self.drop_waiting();
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        pop_or_release(&mut self.transmits)
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<TunnelEvent> {
        pop_or_release(&mut self.events)
    }

    fn wipe(&mut self, indexes: &mut IndexTable) {
        self.sessions.clear(indexes);
        self.abandon_attempt(indexes);
    }

    fn abandon_attempt(&mut self, indexes: &mut IndexTable) {
        if let Some(attempt) = self.attempt.take() {
            indexes.release(attempt.index);
        }
    }

    fn drop_waiting(&mut self) {
        self.stats.waiting_dropped += self.waiting.len() as u64;
        self.waiting = VecDeque::new();
        self.waiting_bytes = 0;
    }

    fn transmit(&mut self, to: SocketAddr, datagram: Vec<u8>, ecn: u8) {
        self.stats.tx_bytes += datagram.len() as u64;
        self.transmits.push_back(Transmit { to, datagram, ecn });
    }
}

/// What is next; an empty queue keeps no memory, since ten thousand peers have one each.
fn pop_or_release<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let next = queue.pop_front();
    if next.is_none() {
        *queue = VecDeque::new();
    }
    next
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("remote", &self.remote)
            .field("endpoint", &self.endpoint)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
