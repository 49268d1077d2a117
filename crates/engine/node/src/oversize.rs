//! Packets that their path does not take in one: their senders are told, or they go in parts.

use crate::counters::DropReason;
use crate::node::Node;
use crate::outbound::Outbound;
use crate::path::alone;
use netloom_base::packet::IpView;
use netloom_base::{PacketBatch, Time};
use netloom_path::{Oversize, fragments};
use std::net::IpAddr;

impl Node {
    /// Deals with packets that their path does not take in one.
    pub(crate) fn handle_oversize(&mut self, now: Time, batch: &PacketBatch, out: &mut Outbound) {
        let mut told = None;
        for place in 0..out.oversize.len() {
            let (id, index) = out.oversize[place];
            let packet = batch.packet(index as usize);
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            let Some(network) = self.networks.get(&peer.network) else { continue };
            let path_bytes = peer.path_bytes(network.mtu_bytes);
            self.counters.drop_packet(DropReason::PathTooSmall);
            match Oversize::of(packet, path_bytes) {
                // Segments of one flow follow each other, and its sender needs to hear once.
                Oversize::Tell(error) if told != ends(packet) => {
                    told = ends(packet);
                    let network = peer.network;
                    self.give(network, error);
                }
                Oversize::Tell(_) | Oversize::Drop => {}
                Oversize::Fragments(parts) => {
                    let sealed = parts.iter().map(|part| peer.tunnel.seal_packet(now, part));
                    self.messages.extend(sealed.flatten().map(alone));
                }
                Oversize::Parts => {
                    let Some(path) = peer.path_mut(network) else { continue };
                    let number = path.next_packet;
                    path.next_packet = number.wrapping_add(1);
                    for part in fragments(packet, number, path_bytes) {
                        self.messages.extend(peer.tunnel.seal_packet(now, &part).map(alone));
                    }
                }
            }
            self.settle(id);
        }
    }
}

fn ends(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    IpView::parse(packet).map(|view| (view.source, view.destination))
}
