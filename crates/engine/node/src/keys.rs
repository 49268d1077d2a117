//! Preshared keys that nodes agree upon inside their tunnels.

use crate::config::PeerId;
use crate::node::Node;
use crate::path::{alone, keep};
use netloom_base::Time;
use netloom_path::fragments;
use netloom_path::key_exchange::Step;
use zeroize::Zeroizing;

impl Node {
    /// Asks for a key if one is due, and does what the exchange says.
    pub(crate) fn settle_keys(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(network) = self.networks.get(&peer.network) else { return };
        let Some(path) = &mut peer.path else { return };
        if path.asks
            && path.exchange.is_due(now, peer.tunnel.has_agreed_key(now))
            && peer.tunnel.has_session(now)
        {
            let (first, second) = (self.rng.block(), self.rng.block());
            let mut random = Zeroizing::new([0; 64]);
            random[..32].copy_from_slice(&*first);
            random[32..].copy_from_slice(&*second);
            path.exchange.ask(now, network.key_rotation, &random);
        }
        while let Some(step) = path.exchange.poll_step() {
            match step {
                Step::Offer(secret) => peer.tunnel.offer_preshared(&secret),
                Step::Promote => peer.tunnel.promote_preshared(),
                Step::Adopt(secret) => peer.tunnel.adopt_preshared(now, &secret),
                Step::Say(packet) => {
                    let limit = path.mtu.limit_bytes();
                    let parts = if packet.len() > limit {
                        let number = path.next_packet;
                        path.next_packet = number.wrapping_add(1);
                        fragments(&packet, number, limit).collect()
                    } else {
                        vec![packet]
                    };
                    for part in &parts {
                        let sealed = peer.tunnel.seal_packet(now, part).map(alone);
                        keep(&mut self.messages, &mut self.counters, sealed);
                    }
                }
            }
        }
    }
}
