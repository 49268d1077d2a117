//! How peers are doing.

use crate::config::{NetworkId, PeerConfig, PeerId};
use crate::node::{Node, Peer};
use netloom_base::Time;
use netloom_path::Segmentation;
use netloom_wireguard::{PublicKey, Suite, Tai64n};
use std::net::SocketAddr;
use std::time::Duration;

/// How a peer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its number.
    pub peer: PeerId,
    /// Where it is, as far as known.
    pub endpoint: Option<SocketAddr>,
    /// Whether packets to it can be sent at once.
    pub has_session: bool,
    /// What they are sealed with.
    pub suite: Option<Suite>,
    /// When the last handshake completed.
    pub last_handshake: Option<Time>,
    /// Handshakes completed.
    pub handshakes: u64,
    /// Bytes of datagrams received from it, handshakes included.
    pub rx_bytes: u64,
    /// Bytes of datagrams sent to it, handshakes included.
    pub tx_bytes: u64,
    /// Packets that gave way while waiting for a handshake.
    pub waiting_dropped: u64,
    /// The largest packet that its path takes, once probes have shown it.
    pub path_bytes: Option<usize>,
    /// The smoothed round trip of probes.
    pub round_trip: Option<Duration>,
    /// How datagrams to it are put together; `None` for a stock peer, or before anything was sent.
    pub segmentation: Option<Segmentation>,
    /// Rounds of the canary that were answered, and how often pieces were found broken.
    pub canary: (u64, u64),
    /// Whether its session has a preshared key that was agreed upon, and how many exchanges there were.
    pub key_exchange: (bool, u64),
    /// To be stored, and given back by [`Node::set_timestamp_floor`] after a restart.
    pub newest_timestamp: Option<Tai64n>,
}

impl Node {
    /// How a peer is doing.
    pub fn peer_status(
        &self,
        now: Time,
        network: NetworkId,
        key: &PublicKey,
    ) -> Option<PeerStatus> {
        let id = *self.networks.get(&network)?.peers.get(key)?;
        let Peer { tunnel, path, .. } = &**self.peers.get(&id)?;
        let path = path.as_ref();
        let stats = tunnel.stats();
        Some(PeerStatus {
            peer: id,
            endpoint: tunnel.endpoint(),
            has_session: tunnel.has_session(now),
            suite: tunnel.session_suite(now),
            last_handshake: stats.last_handshake,
            handshakes: stats.handshakes,
            rx_bytes: stats.rx_bytes,
            tx_bytes: stats.tx_bytes,
            waiting_dropped: stats.waiting_dropped,
            path_bytes: path.filter(|one| one.mtu.is_confirmed()).map(|one| one.mtu.limit_bytes()),
            round_trip: path.and_then(|path| path.mtu.round_trip()),
            segmentation: path.map(|path| path.canary.segmentation()),
            canary: path.map_or((0, 0), |path| path.canary.totals()),
            key_exchange: (
                tunnel.has_agreed_key(now),
                path.map_or(0, |path| path.exchange.completed()),
            ),
            newest_timestamp: tunnel.newest_timestamp(),
        })
    }

    /// A peer as it was last set.
    pub fn peer_config(&self, network: NetworkId, key: &PublicKey) -> Option<&PeerConfig> {
        let id = self.networks.get(&network)?.peers.get(key)?;
        Some(&self.peers.get(id)?.config)
    }
}
