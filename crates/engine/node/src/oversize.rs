//! Packets that their path does not take in one: their senders are told, or they go in parts.

use crate::config::PeerId;
use crate::counters::DropReason;
use crate::node::Node;
use crate::outbound::Outbound;
use crate::path::{alone, keep};
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
            match Oversize::of(packet, path_bytes) {
                Oversize::Tell(error) => {
                    self.counters.drop_packet(DropReason::PathTooSmall);
                    // Segments of one flow follow each other, and its sender needs to hear once.
                    if told != ends(packet) {
                        told = ends(packet);
                        let network = peer.network;
                        self.give(network, error);
                    }
                }
                Oversize::Drop => self.counters.drop_packet(DropReason::PathTooSmall),
                Oversize::Fragments(parts) => self.send_parts(now, id, parts),
                Oversize::Parts => {
                    let Some(path) = peer.path_mut(network) else { continue };
                    let number = path.next_packet;
                    path.next_packet = number.wrapping_add(1);
                    self.send_parts(now, id, fragments(packet, number, path_bytes));
                }
            }
            self.settle(id);
        }
    }

    /// Sends the parts of one packet, or has them wait for a session like any packet.
    fn send_parts(&mut self, now: Time, id: PeerId, parts: impl IntoIterator<Item = Vec<u8>>) {
        let mut waits = false;
        for part in parts {
            let Some(peer) = self.peers.get_mut(&id) else { return };
            match peer.tunnel.seal_packet(now, &part) {
                Some(transmit) => {
                    keep(&mut self.messages, &mut self.counters, [alone(transmit)]);
                }
                None => {
                    self.enqueue(now, id, &part);
                    waits = true;
                }
            }
        }
        if waits {
            self.counters.waiting_packets += 1;
        } else {
            self.counters.sealed_packets += 1;
        }
    }
}

fn ends(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    IpView::parse(packet).map(|view| (view.source, view.destination))
}
