//! One interface: its key, its port, and its peers as they have been set.

use crate::uapi::{Change, PeerChange};
use ipnet::IpNet;
use netloom_node::PeerConfig;
use netloom_wireguard::{PrivateKey, PublicKey};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// How a peer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerState {
    /// Where it was last heard of.
    pub endpoint: Option<SocketAddr>,
    /// When the last handshake completed: time since 1970.
    pub last_handshake: Option<Duration>,
    /// Bytes of datagrams received from it.
    pub rx_bytes: u64,
    /// Bytes of datagrams sent to it.
    pub tx_bytes: u64,
}

/// What has been set of an interface.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// Its key; without one it has no peers to talk to.
    pub private_key: Option<PrivateKey>,
    /// Its UDP port; 0 before it has one.
    pub listen_port: u16,
    /// The mark of what it sends; 0 is none.
    pub mark: u32,
    /// Its peers.
    pub peers: BTreeMap<PublicKey, PeerConfig>,
}

impl Interface {
    /// Makes a change. An address that is set for one peer leaves the one that had it, as in the kernel.
    pub fn apply(&mut self, change: Change) {
        let Change { private_key, listen_port, mark, replace_peers, peers } = change;
        if let Some(key) = private_key {
            self.private_key = key;
        }
        self.listen_port = listen_port.unwrap_or(self.listen_port);
        self.mark = mark.unwrap_or(self.mark);
        if replace_peers {
            self.peers.clear();
        }
        for peer in peers {
            self.apply_peer(peer);
        }
        // Nobody is a peer of itself.
        if let Some(key) = &self.private_key {
            self.peers.remove(&key.public());
        }
    }

    fn apply_peer(&mut self, change: PeerChange) {
        let key = change.public_key;
        if change.remove {
            self.peers.remove(&key);
            return;
        }
        if change.update_only && !self.peers.contains_key(&key) {
            return;
        }
        for prefix in &change.allow {
            for (_, other) in self.peers.iter_mut().filter(|(other, _)| **other != key) {
                other.allowed.retain(|allowed| allowed != prefix);
            }
        }
        let peer = self.peers.entry(key).or_insert_with(|| PeerConfig::new(key));
        if let Some(psk) = change.psk {
            peer.psk = psk;
        }
        peer.endpoint = change.endpoint.or(peer.endpoint);
        if let Some(keepalive) = change.keepalive {
            peer.keepalive = keepalive;
        }
        if change.replace_allowed {
            peer.allowed.clear();
        }
        let dropped: &[IpNet] = &change.disallow;
        peer.allowed.retain(|allowed| !dropped.contains(allowed));
        peer.allowed.extend(change.allow);
        peer.allowed.sort_unstable();
        peer.allowed.dedup();
    }
}
