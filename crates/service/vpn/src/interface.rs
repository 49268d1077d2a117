//! One interface: its key, its port, and its peers as they have been set.

use crate::uapi::{Change, PeerChange};
use ipnet::IpNet;
use netloom_node::{PeerConfig, SetPeerError, limits};
use netloom_wireguard::{PrivateKey, PublicKey};
use std::collections::{BTreeMap, BTreeSet};
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
    peers: BTreeMap<PublicKey, PeerConfig>,
    /// Whose each allowed prefix is.
    owners: BTreeMap<IpNet, PublicKey>,
}

/// What a change has taken the place of.
#[derive(Debug)]
pub struct Before {
    /// The key.
    pub private_key: Option<PrivateKey>,
    /// The UDP port.
    pub listen_port: u16,
    /// The mark.
    pub mark: u32,
    /// The peers that the change concerns, as they were; none for one that was not there.
    pub peers: BTreeMap<PublicKey, Option<PeerConfig>>,
    /// Those of them that the change removed. One that is there again has nothing to do with what it was.
    pub removed: BTreeSet<PublicKey>,
}

/// What peers lose to others by a change.
type Taken = BTreeMap<PublicKey, BTreeSet<IpNet>>;

impl Interface {
    /// One without key and peers.
    pub fn on_port(listen_port: u16) -> Self {
        Self { listen_port, ..Self::default() }
    }

    /// Its peers.
    pub fn peers(&self) -> &BTreeMap<PublicKey, PeerConfig> {
        &self.peers
    }

    /// Makes a change, at the cost of what it concerns; gives what was there before. An address that is
    /// set for one peer leaves the one that had it, as in the kernel.
    pub fn apply(&mut self, change: Change) -> Before {
        let Change { private_key, listen_port, mark, replace_peers, peers } = change;
        let mut before = Before {
            private_key: self.private_key.clone(),
            listen_port: self.listen_port,
            mark: self.mark,
            peers: BTreeMap::new(),
            removed: BTreeSet::new(),
        };
        let mut taken = Taken::new();
        if let Some(key) = private_key {
            self.private_key = key;
        }
        self.listen_port = listen_port.unwrap_or(self.listen_port);
        self.mark = mark.unwrap_or(self.mark);
        if replace_peers {
            self.owners.clear();
            let gone = std::mem::take(&mut self.peers).into_iter();
            before.peers.extend(gone.map(|(key, peer)| (key, Some(peer))));
            before.removed.extend(before.peers.keys());
        }
        for peer in peers {
            self.cut(peer.public_key, &mut taken);
            self.apply_peer(peer, &mut before, &mut taken);
        }
        while let Some(key) = taken.keys().next().copied() {
            self.cut(key, &mut taken);
        }
        // Nobody is a peer of itself.
        if let Some(key) = self.private_key.as_ref().map(PrivateKey::public) {
            self.put(key, None, &mut before);
        }
        before
    }

    /// Whether the peers that a change concerned can be served, as the engine will see it once they are.
    ///
    /// # Errors
    /// What the engine would refuse.
    pub fn check(&self, before: &Before) -> Result<(), SetPeerError> {
        if self.peers.len() > limits::PEERS_MAX {
            return Err(SetPeerError::TooManyPeers);
        }
        for (key, was) in &before.peers {
            let Some(peer) = self.peers.get(key) else { continue };
            if peer.allowed.len() > limits::ALLOWED_PREFIXES_MAX {
                return Err(SetPeerError::TooManyPrefixes(peer.allowed.len()));
            }
            if was.is_none() && key.is_low_order() {
                return Err(SetPeerError::LowOrderKey);
            }
        }
        Ok(())
    }

    /// Goes back to what was there before the last change.
    pub fn take_back(&mut self, before: Before) {
        let Before { private_key, listen_port, mark, peers, removed: _ } = before;
        (self.private_key, self.listen_port, self.mark) = (private_key, listen_port, mark);
        // Prefixes leave all of them before any of them gets one back.
        for key in peers.keys() {
            self.release(key);
        }
        for (key, peer) in peers {
            if let Some(peer) = peer {
                self.owners.extend(peer.allowed.iter().map(|prefix| (*prefix, key)));
                self.peers.insert(key, peer);
            }
        }
    }

    fn apply_peer(&mut self, change: PeerChange, before: &mut Before, taken: &mut Taken) {
        let key = change.public_key;
        let known = self.peers.get(&key).cloned();
        if change.remove {
            if known.is_some() {
                before.removed.insert(key);
            }
            return self.put(key, None, before);
        }
        if change.update_only && known.is_none() {
            return;
        }
        self.take_from_others(key, &change.allow, before, taken);
        let mut peer = known.unwrap_or_else(|| PeerConfig::new(key));
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
        let dropped: BTreeSet<IpNet> = change.disallow.into_iter().collect();
        peer.allowed.retain(|allowed| !dropped.contains(allowed));
        peer.allowed.extend(change.allow);
        peer.allowed.sort_unstable();
        peer.allowed.dedup();
        self.put(key, Some(peer), before);
    }

    /// Takes prefixes that one peer gets from those that have them, who are cut later, once for all that they lose.
    fn take_from_others(
        &mut self,
        key: PublicKey,
        prefixes: &[IpNet],
        before: &mut Before,
        taken: &mut Taken,
    ) {
        for prefix in prefixes {
            let Some(other) = self.owners.get(prefix).copied().filter(|other| *other != key) else {
                continue;
            };
            before.peers.entry(other).or_insert_with(|| self.peers.get(&other).cloned());
            taken.entry(other).or_default().insert(*prefix);
            self.owners.remove(prefix);
        }
    }

    /// Cuts a peer down to what has not been taken from it.
    fn cut(&mut self, key: PublicKey, taken: &mut Taken) {
        if let (Some(prefixes), Some(peer)) = (taken.remove(&key), self.peers.get_mut(&key)) {
            peer.allowed.retain(|allowed| !prefixes.contains(allowed));
        }
    }

    /// Puts a peer in the place of what was there, which is kept where it is the first time.
    fn put(&mut self, key: PublicKey, peer: Option<PeerConfig>, before: &mut Before) {
        let was = self.release(&key);
        if was.is_some() || peer.is_some() {
            before.peers.entry(key).or_insert(was);
        }
        if let Some(peer) = peer {
            self.owners.extend(peer.allowed.iter().map(|prefix| (*prefix, key)));
            self.peers.insert(key, peer);
        }
    }

    fn release(&mut self, key: &PublicKey) -> Option<PeerConfig> {
        let was = self.peers.remove(key)?;
        for prefix in &was.allowed {
            if self.owners.get(prefix) == Some(key) {
                self.owners.remove(prefix);
            }
        }
        Some(was)
    }
}
