//! Packets from interfaces: which peer has the destination, and what seals them.

use crate::config::{NetworkId, PeerId};
use crate::counters::DropReason;
use crate::node::{Network, Node};
use crate::outbound::{DROPPED, Outbound, has_room};
use netloom_base::packet::IpView;
use netloom_base::{PacketBatch, Time};
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
    /// [`Outbound::seal`]. The packets count as sent.
    pub fn plan_inner(
        &mut self,
        now: Time,
        network: NetworkId,
        batch: &PacketBatch,
        out: &mut Outbound,
    ) {
        out.clear();
        let Some(network) = self.networks.get(&network) else {
            for _ in 0..batch.len() {
                self.counters.drop_packet(DropReason::UnknownNetwork);
            }
            return;
        };
        // Packets of a flow follow each other: the last answer is most often the next one.
        let mut last = None;
        for index in 0..batch.len() {
            match route(network, batch, index, &mut last) {
                Ok(peer) => out.assign(peer, network.mtu_bytes, batch.packet(index).len()),
                Err(reason) => {
                    self.counters.drop_packet(reason);
                    out.assigned.push(DROPPED);
                }
            }
        }
        out.arrange();
        self.reserve(now, batch, out);
    }

    /// Gives each group its counters, or has its packets wait.
    fn reserve(&mut self, now: Time, batch: &PacketBatch, out: &mut Outbound) {
        for place in 0..out.groups.len() {
            let (id, bytes, packets) = {
                let group = &out.groups[place];
                (group.peer, group.bytes, group.len as u64)
            };
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            match peer.tunnel.reserve(now, packets, bytes) {
                Ok(reservation) => {
                    out.groups[place].sending = Some(reservation.into());
                    self.counters.sealed_packets += packets;
                }
                Err(_no_session) => {
                    for packet in out.packets(place) {
                        peer.tunnel.enqueue(now, batch.packet(*packet as usize));
                    }
                    self.counters.waiting_packets += packets;
                }
            }
            self.settle(id);
        }
    }
}

fn route(
    network: &Network,
    batch: &PacketBatch,
    index: usize,
    last: &mut Option<(IpAddr, PeerId)>,
) -> Result<PeerId, DropReason> {
    let packet = batch.packet(index);
    let view = IpView::parse(packet).ok_or(DropReason::NotIp)?;
    if packet.len() > network.mtu_bytes || !has_room(batch, index, network.mtu_bytes) {
        return Err(DropReason::TooLong);
    }
    if let Some((destination, peer)) = last
        && *destination == view.destination
    {
        return Ok(*peer);
    }
    let (_, peer) = network.routes.longest_match(view.destination).ok_or(DropReason::NoRoute)?;
    *last = Some((view.destination, *peer));
    Ok(*peer)
}
