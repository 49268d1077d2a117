//! What the machine of a peer is made from, and made anew when the network's key changes.

use crate::config::{NetworkId, PeerConfig, PeerId};
use crate::node::{Network, Node};
use crate::path::assumed_bytes;
use netloom_base::Time;
use netloom_wireguard::{Tunnel, TunnelConfig};

impl Node {
    /// Gives every peer of a network a new machine, after the network's key has changed.
    pub(crate) fn restart_tunnels(&mut self, now: Time, network_id: NetworkId) {
        let ids: Vec<PeerId> = self.peers(network_id).map(|(_, id)| id).collect();
        for id in ids {
            let seed = self.rng.fork();
            let Some(network) = self.networks.get(&network_id) else { return };
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            let mut config = tunnel_config(&peer.config, network);
            let heard_at = peer.tunnel.endpoint();
            config.timestamp_floor = peer.tunnel.newest_timestamp();
            peer.tunnel.close(&mut self.indexes);
            // A key that one private key could use is of high order, so any other can.
            if let Ok(tunnel) = Tunnel::new(network.identity.clone(), config, id.0, seed, now) {
                peer.tunnel = tunnel;
                peer.tunnel.was_heard_at(heard_at);
                peer.path = None;
            }
            self.settle(id);
        }
    }
}

pub(crate) fn tunnel_config(config: &PeerConfig, network: &Network) -> TunnelConfig {
    TunnelConfig {
        remote: config.public_key,
        preshared: config.psk.clone().unwrap_or_default(),
        agrees_keys: config.is_node,
        rekey_after: network.key_rotation,
        suite: config.suite,
        endpoint: config.endpoint,
        keepalive: config.keepalive,
        mtu_bytes: assumed_bytes(config, network.mtu_bytes),
        timestamp_floor: None,
    }
}
