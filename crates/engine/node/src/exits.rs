//! Where packets go that are for nobody's own address: by the subnet that they come from, to the first
//! of several peers that answers.

use crate::config::{Exit, NetworkId, PeerId};
use crate::node::Node;
use netloom_base::{PrefixTrie, Time};
use netloom_wireguard::PublicKey;
use std::net::IpAddr;

/// The exits of a network.
#[derive(Debug, Default)]
pub(crate) struct Exits {
    /// As declared, so that repeating it changes nothing.
    declared: Vec<Exit>,
    /// By source, then by destination: a place in `groups`.
    by_source: PrefixTrie<PrefixTrie<usize>>,
    groups: Vec<Group>,
}

/// Peers of which one is used.
#[derive(Debug)]
struct Group {
    peers: Vec<PublicKey>,
    /// Which one packets go to: it stays until it is down, so that connections do not move without need.
    current: usize,
}

impl Exits {
    fn new(declared: Vec<Exit>, former: &Self) -> Self {
        let mut exits = Self::default();
        for exit in &declared {
            let place = exits.groups.iter().position(|group| group.peers == exit.peers);
            let place = place.unwrap_or_else(|| {
                let current = former.current_of(&exit.peers);
                exits.groups.push(Group { peers: exit.peers.clone(), current });
                exits.groups.len() - 1
            });
            let mut by_destination = exits.by_source.remove(exit.from).unwrap_or_default();
            by_destination.insert(exit.to, place);
            exits.by_source.insert(exit.from, by_destination);
        }
        exits.declared = declared;
        exits
    }

    /// The place among `peers` of the one that a group with some of them uses: another list of gateways
    /// moves no connections.
    fn current_of(&self, peers: &[PublicKey]) -> usize {
        let shared = |group: &&Group| group.peers.iter().filter(|key| peers.contains(key)).count();
        let former = self.groups.iter().max_by_key(shared);
        let used = former.and_then(|group| group.peers.get(group.current));
        used.and_then(|used| peers.iter().position(|key| key == used)).unwrap_or(0)
    }

    /// The group and the key of the peer that takes a packet.
    pub(crate) fn of(&self, source: IpAddr, destination: IpAddr) -> Option<(usize, PublicKey)> {
        let (_, by_destination) = self.by_source.longest_match(source)?;
        let (_, place) = by_destination.longest_match(destination)?;
        let group = self.groups.get(*place)?;
        Some((*place, *group.peers.get(group.current)?))
    }
}

impl Node {
    /// Says where packets of a network go that no peer owns the destination of; whether there is such
    /// a network.
    pub fn set_exits(&mut self, id: NetworkId, exits: Vec<Exit>) -> bool {
        let Some(network) = self.networks.get_mut(&id) else { return false };
        if network.exits.declared != exits {
            network.exits = Exits::new(exits, &network.exits);
        }
        // A peer may have gone, or be down since before.
        self.choose_exits(id);
        true
    }

    /// The peer to which packets from a source go for a destination that no peer owns.
    pub fn exit_of(
        &self,
        network: NetworkId,
        source: IpAddr,
        destination: IpAddr,
    ) -> Option<PublicKey> {
        Some(self.networks.get(&network)?.exits.of(source, destination)?.1)
    }

    /// Exits were used: the peers of those that have a choice are watched.
    pub(crate) fn used_exits(&mut self, now: Time, network: NetworkId, used: &[usize]) {
        for place in used {
            for id in self.choices(network, *place) {
                let Some(peer) = self.peers.get_mut(&id) else { continue };
                let Some(network) = self.networks.get(&network) else { return };
                let has_session = peer.tunnel.has_session(now);
                if let Some(path) = peer.path_mut(network) {
                    path.liveness.used(now, path.mtu.round_trip(), has_session);
                }
                self.settle(id);
            }
        }
    }

    /// The peers of an exit, up to the one in use and the next one; none where there is no choice.
    fn choices(&self, network: NetworkId, place: usize) -> Vec<PeerId> {
        let Some(network) = self.networks.get(&network) else { return Vec::new() };
        let Some(group) = network.exits.groups.get(place) else { return Vec::new() };
        if group.peers.len() < 2 {
            return Vec::new();
        }
        let peers = group.peers.iter().take(group.current + 2);
        peers.filter_map(|key| network.peers.get(key).copied()).collect()
    }

    /// Leaves exits whose peer is down for the first one that is not.
    pub(crate) fn choose_exits(&mut self, id: NetworkId) {
        let Some(network) = self.networks.get_mut(&id) else { return };
        let is_down = |key: &PublicKey| {
            let peer = network.peers.get(key).and_then(|id| self.peers.get(id));
            peer.is_none_or(|peer| peer.is_down())
        };
        for group in &mut network.exits.groups {
            if !group.peers.get(group.current).is_none_or(is_down) {
                continue;
            }
            if let Some(next) = group.peers.iter().position(|key| !is_down(key)) {
                group.current = next;
            }
        }
    }
}
