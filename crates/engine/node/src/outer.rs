//! Datagrams from the UDP port: data to its sessions, handshakes to where they wait.

use crate::config::PeerId;
use crate::counters::DropReason;
use crate::inbound::{ArrivalRange, Group, Inbound, Sealed};
use crate::inner::is_syn;
use crate::node::Node;
use netloom_base::packet::IpView;
use netloom_base::{PacketBatch, Time, ecn};
use netloom_path::message::is_to_node;
use netloom_path::mss;
use netloom_wireguard::message::{AES_INITIATION, DATA_OVERHEAD_BYTES, Data, PARTIAL_DATA};
use netloom_wireguard::{DropReason as WireguardDropReason, Message};
use std::net::SocketAddr;
use std::ops::Range;

/// The first type that is not WireGuard's: all but our own are left alone.
const FOREIGN_TYPE_MIN: u8 = 16;

fn is_foreign(kind: u8) -> bool {
    kind >= FOREIGN_TYPE_MIN && !matches!(kind, AES_INITIATION | PARTIAL_DATA)
}

impl Node {
    /// Takes a batch of datagrams from one address: opens data in place, answers handshakes.
    /// `inbound` says which packets came out, and for which networks.
    ///
    /// Addresses are compared as they are: a driver with one socket for both families gives IPv4
    /// addresses as such, not mapped into IPv6, and leaves the flow label out.
    pub fn handle_outer(
        &mut self,
        now: Time,
        from: SocketAddr,
        batch: &mut PacketBatch,
        inbound: &mut Inbound,
    ) {
        self.plan_outer(now, |_| from, batch, inbound);
        inbound.open(batch);
        self.finish_outer(now, batch, inbound);
        self.handle_handshakes(now, usize::MAX);
    }

    /// The part of [`Self::handle_outer`] before [`Inbound::open`]: finds the keys of data packets, and
    /// keeps handshakes for [`Self::handle_handshakes`]. `from` tells the source of each packet of
    /// the batch.
    pub fn plan_outer(
        &mut self,
        now: Time,
        from: impl Fn(usize) -> SocketAddr,
        batch: &PacketBatch,
        inbound: &mut Inbound,
    ) {
        inbound.clear();
        for (index, datagram) in batch.iter().enumerate() {
            // A batch has far fewer packets than 32 bits count.
            let packet = index as u32;
            if datagram.first().is_some_and(|kind| is_foreign(*kind)) {
                inbound.foreign.push(packet);
                continue;
            }
            let from = from(index);
            let handled = match Message::parse(datagram) {
                Ok(Message::Data(data)) => self.plan_data(now, from, packet, data, inbound),
                Ok(Message::Initiation(message)) => {
                    self.keep_initiation(now, from, &message, datagram)
                }
                Ok(Message::Response(message)) => self.keep_response(now, from, &message, datagram),
                Ok(Message::CookieReply(message)) => self.handle_cookie_reply(now, &message),
                Err(reason) => Err(reason.into()),
            };
            if let Err(reason) = handled {
                self.counters.drop_packet(reason);
            }
        }
    }

    /// The part of [`Self::handle_outer`] after [`Inbound::open`]: refuses replays and sources
    /// that their peer does not own, and lets the sessions know.
    pub fn finish_outer(&mut self, now: Time, batch: &mut PacketBatch, inbound: &mut Inbound) {
        inbound.sealed.sort_unstable_by_key(|sealed| (sealed.group, sealed.packet));
        let mut start = 0;
        while let Some(first) = inbound.sealed.get(start) {
            let group = first.group;
            let len = inbound.sealed[start..].iter().take_while(|s| s.group == group).count();
            let range = start..start + len;
            start = range.end;
            self.accept(now, batch, inbound, group as usize, range);
        }
    }

    // === data ===

    fn plan_data(
        &mut self,
        now: Time,
        from: SocketAddr,
        packet: u32,
        data: Data,
        inbound: &mut Inbound,
    ) -> Result<(), DropReason> {
        let Data { receiver: index, counter, is_partial } = data;
        let group = match inbound.group(index, from) {
            Some(group) => group,
            None => {
                let unknown = WireguardDropReason::UnknownIndex;
                let id = PeerId(self.indexes.owner(index).ok_or(unknown)?);
                let peer = self.peers.get(&id).ok_or(unknown)?;
                let key = Some(peer.tunnel.open_key(now, index)?.clone());
                let is_node = peer.config.is_node;
                inbound.groups.push(Group { index, from, peer: id, is_node, key });
                inbound.groups.len() as u32 - 1
            }
        };
        let is_node = inbound.groups[group as usize].is_node;
        if is_partial && !is_node {
            return Err(WireguardDropReason::UnknownType.into());
        }
        inbound.sealed.push(Sealed { group, packet, counter, is_partial, is_open: false });
        Ok(())
    }

    /// Judges the opened packets of one session, and tells it about them.
    fn accept(
        &mut self,
        now: Time,
        batch: &mut PacketBatch,
        inbound: &mut Inbound,
        group: usize,
        range: Range<usize>,
    ) {
        let Group { index, from, peer: id, .. } = inbound.groups[group];
        let start = inbound.delivered.len();
        // The session may have gone between planning and finishing.
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.tunnel.has_index(index)) else {
            for _ in range {
                self.counters.drop_packet(WireguardDropReason::UnknownIndex);
            }
            return;
        };
        let mut bytes = 0;
        for sealed in &inbound.sealed[range] {
            let packet_bytes = batch.packet(sealed.packet as usize).len();
            let verdict = if sealed.is_open {
                peer.tunnel.accept(index, sealed.counter)
            } else {
                Err(WireguardDropReason::BadTag)
            };
            match verdict {
                Err(reason) => self.counters.drop_packet(reason),
                Ok(()) => {
                    bytes += (packet_bytes + DATA_OVERHEAD_BYTES) as u64;
                    if packet_bytes == 0 {
                        self.counters.keepalives += 1;
                    } else if is_to_node(batch.packet(sealed.packet as usize)) {
                        inbound.messages.push(sealed.packet);
                    } else {
                        inbound.delivered.push(sealed.packet);
                    }
                }
            }
        }
        if bytes == 0 {
            return;
        }
        let has_data = inbound.delivered.len() > start || !inbound.messages.is_empty();
        let network = peer.network;
        let was_down = peer.heard();
        peer.tunnel.received(now, from, index, has_data, bytes, &mut self.indexes);
        let awaits_session = peer.path.as_ref().is_some_and(|path| path.awaits_session);
        self.settle(id);
        if awaits_session {
            self.begin_path(now, id);
        }
        if was_down {
            self.choose_exits(network);
        }
        if !inbound.messages.is_empty() {
            self.handle_messages(now, id, batch, inbound);
        }
        self.check_sources(id, batch, inbound, start);
        let end = inbound.delivered.len();
        if end > start {
            inbound.arrivals.push(ArrivalRange { network, peer: id, start, end });
        }
    }

    /// Keeps of the packets from `start` on those whose source their peer owns.
    fn check_sources(
        &mut self,
        id: PeerId,
        batch: &mut PacketBatch,
        inbound: &mut Inbound,
        start: usize,
    ) {
        let Some(peer) = self.peers.get(&id) else { return };
        let Some(network) = self.networks.get(&peer.network) else { return };
        let (mut kept, mut last) = (start, None);
        for place in start..inbound.delivered.len() {
            let packet = inbound.delivered[place];
            let view = IpView::parse(batch.packet(packet as usize));
            let Some(view) = view else {
                self.counters.drop_packet(DropReason::NotIp);
                continue;
            };
            let source = view.source;
            if last == Some(source) || peer.owns(&network.routes, id, source) {
                last = Some(source);
            } else if !peer.tells_of_its_own(&network.routes, id, &view) {
                self.counters.drop_packet(DropReason::ForeignSource);
                continue;
            }
            let (total_bytes, is_syn) = (view.total_bytes, is_syn(&view));
            let met = batch.ecn(packet as usize);
            if !ecn::decapsulate(batch.packet_mut(packet as usize), met) {
                self.counters.drop_packet(DropReason::CongestionExperienced);
                continue;
            }
            batch.narrow(packet as usize, 0..total_bytes);
            if is_syn {
                let announced = peer.announced_bytes(network.mtu_bytes);
                let is_partial = batch.is_partial(packet as usize);
                mss::clamp(batch.packet_mut(packet as usize), announced, is_partial);
            }
            inbound.delivered[kept] = packet;
            kept += 1;
        }
        inbound.delivered.truncate(kept);
        self.counters.opened_packets += (kept - start) as u64;
    }
}
