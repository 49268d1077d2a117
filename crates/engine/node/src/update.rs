//! Incremental updates: networks and peers are set to what is declared, and only what differs
//! changes.

use crate::config::{NetworkConfig, NetworkId, PeerConfig, PeerId, SetNetworkError, SetPeerError};
use crate::exits::Exits;
use crate::limits::{ALLOWED_PREFIXES_MAX, MTU_BYTES_MIN, NETWORKS_MAX, PEERS_MAX};
use crate::node::{Network, Node, Peer};
use crate::restart::tunnel_config;
use ipnet::IpNet;
use netloom_base::{PrefixTrie, Time};
use netloom_wireguard::{Identity, PublicKey, Tai64n, Tunnel};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

impl Node {
    /// Adds a network, or changes what differs. A new key ends the network's sessions.
    ///
    /// # Errors
    /// [`SetNetworkError`]; nothing has changed then.
    pub fn set_network(
        &mut self,
        now: Time,
        id: NetworkId,
        config: &NetworkConfig,
    ) -> Result<(), SetNetworkError> {
        let NetworkConfig { private_key, mtu_bytes, key_rotation } = config;
        if !(MTU_BYTES_MIN..=usize::from(u16::MAX)).contains(mtu_bytes) {
            return Err(SetNetworkError::Mtu(*mtu_bytes));
        }
        let same_key = |network: &Network| network.identity.is_of(private_key);
        if let Some((other, _)) = self.networks.iter().find(|(n, net)| **n != id && same_key(net)) {
            return Err(SetNetworkError::KeyInUse(*other));
        }
        match self.networks.get(&id) {
            Some(network) if same_key(network) => {
                self.set_mtu(id, *mtu_bytes);
                self.set_key_rotation(id, *key_rotation);
                return Ok(());
            }
            Some(network) if network.peers.contains_key(&private_key.public()) => {
                return Err(SetNetworkError::OwnKeyIsPeer);
            }
            None if self.networks.len() >= NETWORKS_MAX => {
                return Err(SetNetworkError::TooManyNetworks);
            }
            Some(_) | None => {}
        }
        let identity = Arc::new(Identity::new(private_key.clone()));
        if let Some(network) = self.networks.get_mut(&id) {
            network.identity = identity;
            self.strangers.forget(id);
            self.set_mtu(id, *mtu_bytes);
            self.set_key_rotation(id, *key_rotation);
            self.restart_tunnels(now, id);
        } else {
            let (peers, routes) = (BTreeMap::new(), PrefixTrie::new());
            let (mtu_bytes, key_rotation) = (*mtu_bytes, *key_rotation);
            let exits = Exits::default();
            let network = Network { identity, mtu_bytes, key_rotation, peers, routes, exits };
            self.networks.insert(id, network);
        }
        Ok(())
    }

    /// Removes a network with its peers; whether there was one.
    pub fn remove_network(&mut self, id: NetworkId) -> bool {
        let Some(network) = self.networks.remove(&id) else { return false };
        self.strangers.forget(id);
        for peer in network.peers.into_values() {
            self.forget(peer);
        }
        true
    }

    /// Adds a peer, or changes what differs. The session stays through every change; a new
    /// preshared key holds from the next handshake on.
    ///
    /// # Errors
    /// [`SetPeerError`]; nothing has changed then.
    pub fn set_peer(
        &mut self,
        now: Time,
        network: NetworkId,
        mut config: PeerConfig,
    ) -> Result<PeerId, SetPeerError> {
        config.allowed = config.allowed.iter().map(IpNet::trunc).collect();
        config.allowed.sort_unstable();
        config.allowed.dedup();
        self.check_peer(network, &config)?;
        let known = self.networks.get(&network).and_then(|n| n.peers.get(&config.public_key));
        let id = match known.copied() {
            Some(id) => {
                self.update_peer(now, id, config);
                id
            }
            None => self.add_peer(now, network, config)?,
        };
        self.settle(id);
        Ok(id)
    }

    /// Removes a peer; whether there was one.
    pub fn remove_peer(&mut self, network: NetworkId, key: &PublicKey) -> bool {
        let Some(network) = self.networks.get_mut(&network) else { return false };
        let Some(id) = network.peers.remove(key) else { return false };
        for prefix in self.peers.get(&id).into_iter().flat_map(|peer| &peer.config.allowed) {
            network.routes.remove(*prefix);
        }
        self.forget(id);
        true
    }

    /// Sends to a peer at another address from now on, until it is heard from elsewhere; whether
    /// there is such a peer. For path selection, which knows better than the declaration.
    pub fn set_peer_endpoint(
        &mut self,
        now: Time,
        network: NetworkId,
        key: &PublicKey,
        endpoint: Option<SocketAddr>,
    ) -> bool {
        let Some(id) = self.peer_id(network, key) else { return false };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.tunnel.set_endpoint(now, endpoint);
        }
        self.settle(id);
        true
    }

    /// Shakes hands with a peer as soon as timers are handled; whether there is such a peer.
    pub fn call_peer(&mut self, now: Time, network: NetworkId, key: &PublicKey) -> bool {
        let Some(id) = self.peer_id(network, key) else { return false };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.tunnel.call(now);
        }
        self.settle(id);
        true
    }

    /// Refuses initiations of a peer that are not newer than `floor`, which an earlier run of
    /// this node has seen; whether there is such a peer.
    pub fn set_timestamp_floor(
        &mut self,
        network: NetworkId,
        key: &PublicKey,
        floor: Tai64n,
    ) -> bool {
        let Some(id) = self.peer_id(network, key) else { return false };
        let peer = self.peers.get_mut(&id);
        peer.is_some_and(|peer| {
            peer.tunnel.raise_timestamp_floor(floor);
            true
        })
    }

    pub(crate) fn peer_id(&self, network: NetworkId, key: &PublicKey) -> Option<PeerId> {
        self.networks.get(&network)?.peers.get(key).copied()
    }

    fn check_peer(&self, id: NetworkId, config: &PeerConfig) -> Result<(), SetPeerError> {
        let network = self.networks.get(&id).ok_or(SetPeerError::UnknownNetwork(id))?;
        if network.identity.public() == config.public_key {
            return Err(SetPeerError::OwnKey);
        }
        if config.allowed.len() > ALLOWED_PREFIXES_MAX {
            return Err(SetPeerError::TooManyPrefixes(config.allowed.len()));
        }
        let own = network.peers.get(&config.public_key);
        for prefix in &config.allowed {
            let owner = network.routes.get(*prefix).filter(|owner| Some(*owner) != own);
            if let Some(owner) = owner.and_then(|owner| self.peers.get(owner)) {
                return Err(SetPeerError::Overlap {
                    prefix: *prefix,
                    owner: owner.config.public_key,
                    claimant: config.public_key,
                });
            }
        }
        if own.is_none() && self.peers.len() >= PEERS_MAX {
            return Err(SetPeerError::TooManyPeers);
        }
        Ok(())
    }

    fn add_peer(
        &mut self,
        now: Time,
        network_id: NetworkId,
        config: PeerConfig,
    ) -> Result<PeerId, SetPeerError> {
        let seed = self.rng.fork();
        let unknown = SetPeerError::UnknownNetwork(network_id);
        let network = self.networks.get_mut(&network_id).ok_or(unknown)?;
        let id = PeerId(self.next_peer);
        let tunnel =
            Tunnel::new(network.identity.clone(), tunnel_config(&config, network), id.0, seed, now)
                .map_err(|_| SetPeerError::LowOrderKey)?;
        self.next_peer += 1;
        network.peers.insert(config.public_key, id);
        for prefix in &config.allowed {
            network.routes.insert(*prefix, id);
        }
        let sends_from = config.sends_from.iter().map(|prefix| (*prefix, ())).collect();
        let (network, path, deadline) = (network_id, None, None);
        let peer = Peer { network, config, tunnel, sends_from, path, deadline, waiting_bytes: 0 };
        self.peers.insert(id, Box::new(peer));
        Ok(id)
    }

    fn update_peer(&mut self, now: Time, id: PeerId, config: PeerConfig) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let before = std::mem::replace(&mut peer.config, config);
        let after = &peer.config;
        if before.psk != after.psk {
            peer.tunnel.set_preshared(after.psk.clone().unwrap_or_default());
        }
        if before.endpoint != after.endpoint {
            peer.tunnel.set_endpoint(now, after.endpoint);
        }
        if before.suite != after.suite {
            peer.tunnel.set_suite(now, after.suite);
        }
        if before.is_node != after.is_node {
            peer.path = None;
            peer.tunnel.set_agrees_keys(after.is_node);
            if let Some(network) = self.networks.get(&peer.network) {
                peer.tunnel.set_mtu_bytes(peer.path_bytes(network.mtu_bytes));
            }
        }
        if before.sends_from != after.sends_from {
            peer.sends_from = after.sends_from.iter().map(|prefix| (*prefix, ())).collect();
        }
        peer.tunnel.set_keepalive(now, after.keepalive);
        if before.allowed != after.allowed
            && let Some(network) = self.networks.get_mut(&peer.network)
        {
            for prefix in before.allowed.iter().filter(|p| after.allowed.binary_search(p).is_err())
            {
                network.routes.remove(*prefix);
            }
            for prefix in &after.allowed {
                network.routes.insert(*prefix, id);
            }
        }
    }

    fn set_mtu(&mut self, id: NetworkId, mtu_bytes: usize) {
        let Some(network) = self.networks.get_mut(&id) else { return };
        if network.mtu_bytes == mtu_bytes {
            return;
        }
        network.mtu_bytes = mtu_bytes;
        for peer in network.peers.values() {
            if let Some(peer) = self.peers.get_mut(peer) {
                if let Some(path) = &mut peer.path {
                    path.mtu.set_ceiling(mtu_bytes);
                }
                peer.tunnel.set_mtu_bytes(peer.path_bytes(mtu_bytes));
            }
        }
    }

    fn set_key_rotation(&mut self, id: NetworkId, interval: Duration) {
        let Some(network) = self.networks.get_mut(&id) else { return };
        if network.key_rotation == interval {
            return;
        }
        network.key_rotation = interval;
        for peer in network.peers.values() {
            if let Some(peer) = self.peers.get_mut(peer) {
                peer.tunnel.set_rekey_after(interval);
            }
        }
    }
}
