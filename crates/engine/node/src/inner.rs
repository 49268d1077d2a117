//! Packets from interfaces: which peer has the destination, and what seals them.

use crate::config::{NetworkId, PeerId};
use crate::counters::DropReason;
use crate::node::{Network, Node};
use crate::outbound::{DROPPED, Outbound, Sending, has_room};
use netloom_base::packet::{IpView, PROTOCOL_TCP};
use netloom_base::{PacketBatch, Time, ecn};
use netloom_path::message::is_to_node;
use netloom_path::mss;
use std::net::IpAddr;

impl Node {
    /// Seals a batch from a network's interface in place. `out` says which packets go where;
    /// packets for which there is no session yet are kept, and sent by [`Self::poll_transmit`]
    /// once there is one.
    pub fn handle_inner(
        &mut self,
        now: Time,
        network: NetworkId,
        batch: &mut PacketBatch,
        out: &mut Outbound,
    ) {
        self.plan_inner(now, network, batch, out);
        out.seal(batch);
    }

    /// The part of [`Self::handle_inner`] that needs the node: everything but
    /// [`Outbound::seal`]. The packets count as sent. What the SYNs of TCP announce is lowered to what the
    /// peer's path takes.
    pub fn plan_inner(
        &mut self,
        now: Time,
        network: NetworkId,
        batch: &mut PacketBatch,
        out: &mut Outbound,
    ) {
        out.clear();
        let network_id = network;
        let Some(network) = self.networks.get(&network) else {
            for _ in 0..batch.len() {
                self.counters.drop_packet(DropReason::UnknownNetwork);
            }
            return;
        };
        // Packets of a flow follow each other: the last answer is most often the next one.
        let mut last = None;
        for index in 0..batch.len() {
            let (peer, is_syn) = match route(network, batch, index, &mut last) {
                Ok(routed) => {
                    if let Some(exit) = routed.exit.filter(|exit| !out.exits.contains(exit)) {
                        out.exits.push(exit);
                    }
                    (routed.peer, routed.is_syn)
                }
                Err(reason) => {
                    self.counters.drop_packet(reason);
                    out.assigned.push(DROPPED);
                    continue;
                }
            };
            let mtu_bytes = network.mtu_bytes;
            let place = out.group(peer, || {
                self.peers.get(&peer).map_or(mtu_bytes, |peer| peer.path_bytes(mtu_bytes))
            });
            let path_bytes = out.groups[place].mtu_bytes;
            if is_syn {
                let peer = self.peers.get(&peer);
                let announced = peer.map_or(mtu_bytes, |peer| peer.announced_bytes(mtu_bytes));
                let is_partial = batch.is_partial(index);
                mss::clamp(batch.packet_mut(index), announced, is_partial);
            }
            let packet_bytes = batch.packet(index).len();
            if packet_bytes > path_bytes {
                // It is quoted, or goes in parts.
                batch.complete_checksum(index);
                // A batch has far fewer packets than 32 bits count.
                out.oversize.push((peer, index as u32));
                out.assigned.push(DROPPED);
            } else {
                batch.set_ecn(index, ecn::of(batch.packet(index)));
                out.assign(place, packet_bytes);
            }
        }
        out.arrange();
        if !out.exits.is_empty() {
            self.used_exits(now, network_id, &out.exits);
        }
        self.reserve(now, batch, out);
        if !out.oversize.is_empty() {
            self.handle_oversize(now, batch, out);
        }
    }

    /// Gives each group its counters, or has its packets wait.
    fn reserve(&mut self, now: Time, batch: &mut PacketBatch, out: &mut Outbound) {
        for place in 0..out.groups.len() {
            let (id, bytes, packets, longest) = {
                let group = &out.groups[place];
                (group.peer, group.bytes, group.len as u64, group.longest)
            };
            let Some(peer) = self.peers.get_mut(&id).filter(|_| packets > 0) else { continue };
            match peer.tunnel.reserve(now, packets, bytes) {
                Ok(reservation) => {
                    let network = self.networks.get(&peer.network);
                    let segmentation = network
                        .map(|network| peer.sending(now, network, longest, bytes))
                        .unwrap_or_default();
                    peer.sample(|| {
                        let packets = out.packets(place).iter();
                        let packets = packets.map(|index| batch.packet(*index as usize));
                        packets.max_by_key(|packet| packet.len()).unwrap_or_default()
                    });
                    let may_fragment = !peer.config.is_node;
                    let takes_partial = peer.takes_partial();
                    let sending =
                        Sending::new(reservation, segmentation, may_fragment, takes_partial);
                    out.groups[place].sending = Some(sending);
                    self.counters.sealed_packets += packets;
                }
                Err(_no_session) => {
                    let network = self.networks.get(&peer.network);
                    if let Some(path) = network.and_then(|network| peer.path_mut(network)) {
                        path.awaits_session = true;
                    }
                    for packet in out.packets(place) {
                        batch.complete_checksum(*packet as usize);
                        self.enqueue(now, id, batch.packet(*packet as usize));
                    }
                    self.counters.waiting_packets += packets;
                }
            }
            self.settle_path(now, id);
            self.settle(id);
        }
    }
}

/// Where a packet goes.
struct Routed {
    peer: PeerId,
    is_syn: bool,
    /// The exit that it leaves by, if its destination is nobody's.
    exit: Option<usize>,
}

/// Whom the packet before went from and to, and where.
type Before = ((IpAddr, IpAddr), PeerId, Option<usize>);

/// The peer of a packet's destination, and whether it is a SYN of TCP.
fn route(
    network: &Network,
    batch: &PacketBatch,
    index: usize,
    last: &mut Option<Before>,
) -> Result<Routed, DropReason> {
    let packet = batch.packet(index);
    let view = IpView::parse(packet).ok_or(DropReason::NotIp)?;
    let is_syn = is_syn(&view);
    if packet.len() > network.mtu_bytes || !has_room(batch, index, network.mtu_bytes) {
        return Err(DropReason::TooLong);
    }
    let ends = (view.source, view.destination);
    if let Some((before, peer, exit)) = last
        && *before == ends
    {
        return Ok(Routed { peer: *peer, is_syn, exit: *exit });
    }
    if is_to_node(packet) {
        return Err(DropReason::ForeignMessage);
    }
    let (peer, exit) = match network.routes.longest_match(view.destination) {
        Some((_, peer)) => (*peer, None),
        None => {
            let (place, key) = network.exits.of(ends.0, ends.1).ok_or(DropReason::NoRoute)?;
            (*network.peers.get(&key).ok_or(DropReason::NoRoute)?, Some(place))
        }
    };
    *last = Some((ends, peer, exit));
    Ok(Routed { peer, is_syn, exit })
}

/// Whether a packet begins a connection of TCP (RFC 9293 §3.1).
pub(crate) fn is_syn(view: &IpView<'_>) -> bool {
    view.protocol == PROTOCOL_TCP && view.payload.get(13).is_some_and(|flags| flags & 2 != 0)
}
