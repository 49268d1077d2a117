//! Initiations of peers that are not known yet, kept for a moment: who has just joined often calls
//! before all others have heard of it, and its next call is seconds away.

use crate::config::NetworkId;
use crate::limits::STRANGERS_MAX;
use crate::node::Node;
use netloom_base::Time;
use netloom_wireguard::limits::REKEY_TIMEOUT;
use netloom_wireguard::{OpenedInitiation, PublicKey};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Calls of strangers, the oldest first. Nothing of them is proven.
#[derive(Default)]
pub(crate) struct Strangers(VecDeque<Call>);

struct Call {
    arrived: Time,
    from: SocketAddr,
    network: NetworkId,
    initiation: OpenedInitiation,
}

impl Strangers {
    /// Keeps the newest call of each; where they are too many, the oldest gives way.
    pub(crate) fn keep(
        &mut self,
        now: Time,
        from: SocketAddr,
        network: NetworkId,
        initiation: OpenedInitiation,
    ) {
        self.0
            .retain(|call| call.network != network || call.initiation.remote != initiation.remote);
        if self.0.len() >= STRANGERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Call { arrived: now, from, network, initiation });
    }

    /// The call of somebody who is known now, unless it will call again by itself.
    fn take(
        &mut self,
        now: Time,
        network: NetworkId,
        key: &PublicKey,
    ) -> Option<(SocketAddr, OpenedInitiation)> {
        let is_it = |call: &Call| call.network == network && call.initiation.remote == *key;
        let call = self.0.remove(self.0.iter().position(is_it)?)?;
        let is_fresh = now.saturating_since(call.arrived) < REKEY_TIMEOUT;
        is_fresh.then_some((call.from, call.initiation))
    }

    /// Calls to a network that has another key now, or is gone, can be answered no more.
    pub(crate) fn forget(&mut self, network: NetworkId) {
        self.0.retain(|call| call.network != network);
    }
}

impl Node {
    /// Answers a peer that has called before it was known here; whether it had, and has proven
    /// that it is the one. To be called once all that is known of the peer is set.
    pub fn answer_early_call(&mut self, now: Time, network: NetworkId, key: &PublicKey) -> bool {
        let Some((from, initiation)) = self.strangers.take(now, network, key) else { return false };
        let Some(id) = self.peer_id(network, key) else { return false };
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        let answered = peer.tunnel.handle_initiation(now, from, initiation, &mut self.indexes);
        self.settle(id);
        match answered {
            Ok(()) => true,
            Err(reason) => {
                self.counters.drop_packet(reason);
                false
            }
        }
    }
}
