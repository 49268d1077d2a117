//! What is said between nodes inside their tunnels: probes, canaries, packets in parts.

use super::MessageTransmit;
use crate::config::PeerId;
use crate::counters::{Counters, DropReason};
use crate::inbound::Inbound;
use crate::limits::OUTPUT_QUEUE_MAX;
use crate::node::Node;
use netloom_base::packet::IpView;
use netloom_base::{PacketBatch, Time, ecn};
use netloom_path::canary::TAIL;
use netloom_path::message::{HEADER_BYTES, is_to_node};
use netloom_path::{Liveness, Message, Oversize, Part, Round, Whole};
use netloom_wireguard::Transmit;
use std::collections::VecDeque;

impl Node {
    /// The next message to a node. To be drained after every other call, like
    /// [`Self::poll_transmit`].
    pub fn poll_message(&mut self) -> Option<MessageTransmit> {
        self.messages.pop_front()
    }

    /// Looks for what a peer's path takes as soon as packets that have waited for a session leave: who gets an answer to the
    /// first of them may send large ones at once.
    pub(crate) fn begin_path(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(path) = peer.path.as_mut().filter(|path| path.awaits_session) else { return };
        if peer.tunnel.has_session(now) {
            path.awaits_session = false;
            path.mtu.sending(now, 0, 0);
            self.settle_path(now, id);
            self.settle(id);
        }
    }

    /// Sends what a peer's path wants to be said.
    pub(crate) fn settle_path(&mut self, now: Time, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(path) = &mut peer.path else { return };
        let limit = path.mtu.limit_bytes();
        if peer.tunnel.mtu_bytes() != limit {
            peer.tunnel.set_mtu_bytes(limit);
        }
        let mut error = None;
        if path.mtu.take_shrunk() && path.sample.len() > limit {
            // Its sender would go on with that size until it loses patience.
            if let Oversize::Tell(told) = Oversize::of(&path.sample, limit) {
                error = Some((peer.network, told));
            }
            path.sample.clear();
        }
        let mut packet = Vec::new();
        while let Some(probe) = path.mtu.poll_probe() {
            packet.clear();
            let packet_bytes = u16::try_from(probe.packet_bytes).unwrap_or(u16::MAX);
            Message::Probe { id: probe.id, packet_bytes }.encode(&mut packet);
            keep(
                &mut self.messages,
                &mut self.counters,
                peer.tunnel.seal_packet(now, &packet).map(alone),
            );
        }
        if let Some(id) = path.liveness.poll_probe() {
            packet.clear();
            let packet_bytes = u16::try_from(HEADER_BYTES + 8).unwrap_or(u16::MAX);
            Message::Probe { id, packet_bytes }.encode(&mut packet);
            match peer.tunnel.seal_packet(now, &packet) {
                Some(transmit) => {
                    keep(&mut self.messages, &mut self.counters, [alone(transmit)]);
                }
                // Without a session there is nobody to ask, until one is there.
                None => peer.tunnel.call(now),
            }
        }
        while let Some(round) = path.canary.poll_question() {
            packet.clear();
            Message::CanaryQuestion { round }.encode(&mut packet);
            keep(
                &mut self.messages,
                &mut self.counters,
                peer.tunnel.seal_packet(now, &packet).map(alone),
            );
        }
        while let Some(round) = path.canary.poll_round() {
            let mut seal = |is_alone, place, packet_bytes| {
                packet.clear();
                let packet_bytes = u16::try_from(packet_bytes).unwrap_or(u16::MAX);
                let part = Message::CanaryPart { round: round.id, is_alone, place, packet_bytes };
                part.encode(&mut packet);
                peer.tunnel.seal_packet(now, &packet)
            };
            keep(&mut self.messages, &mut self.counters, canary_messages(&round, &mut seal));
        }
        if let Some((network, error)) = error {
            self.give(network, error);
        }
        self.settle_keys(now, id);
    }

    /// Takes the messages of a peer out of the batch.
    pub(crate) fn handle_messages(
        &mut self,
        now: Time,
        id: PeerId,
        batch: &PacketBatch,
        inbound: &mut Inbound,
    ) {
        for place in 0..inbound.messages.len() {
            let index = inbound.messages[place] as usize;
            let is_congested = batch.ecn(index) == ecn::CE;
            if self.handle_message(now, id, batch.packet(index), is_congested).is_none() {
                self.counters.drop_packet(DropReason::ForeignMessage);
            }
        }
        inbound.messages.clear();
        self.settle_path(now, id);
        self.settle(id);
    }

    /// Takes a message of a peer, which may have met congestion; `None` if it is not understood.
    fn handle_message(
        &mut self,
        now: Time,
        id: PeerId,
        packet: &[u8],
        is_congested: bool,
    ) -> Option<()> {
        let peer = self.peers.get_mut(&id)?;
        let network = self.networks.get(&peer.network)?;
        let path = peer.path_mut(network)?;
        match Message::parse(packet)? {
            Message::Probe { id, packet_bytes } => {
                let mut answer = Vec::with_capacity(64);
                Message::ProbeAnswer { id, packet_bytes, takes_partial: true }.encode(&mut answer);
                keep(
                    &mut self.messages,
                    &mut self.counters,
                    peer.tunnel.seal_packet(now, &answer).map(alone),
                );
            }
            Message::ProbeAnswer { id, packet_bytes, takes_partial } => {
                path.takes_partial = takes_partial;
                // That it came at all is what probes of liveness are for.
                if !Liveness::is_number(id) {
                    path.mtu.answered(now, id, usize::from(packet_bytes));
                }
            }
            Message::CanaryPart { round, is_alone, place, .. } => {
                path.heard.part(round, is_alone, place);
            }
            Message::CanaryQuestion { round } => {
                let (in_piece, single) = path.heard.answer(round);
                let mut answer = Vec::with_capacity(64);
                Message::CanaryAnswer { round, in_piece, alone: single, takes_partial: true }
                    .encode(&mut answer);
                keep(
                    &mut self.messages,
                    &mut self.counters,
                    peer.tunnel.seal_packet(now, &answer).map(alone),
                );
            }
            Message::CanaryAnswer { round, in_piece, alone, takes_partial } => {
                path.takes_partial = takes_partial;
                path.canary.answered(now, round, in_piece, alone);
            }
            Message::Fragment { id: number, offset, is_last, part } => {
                let part = Part { id: number, offset, is_last, bytes: part, is_congested };
                return match path.reassembly.add(now, &part) {
                    Some(whole) => self.handle_whole(now, id, whole),
                    None => Some(()),
                };
            }
            Message::KeyAsk { id, held, key } if !path.asks => {
                path.exchange.asked(now, id, held, key, &self.rng.block());
            }
            Message::KeyAnswer { id, ciphertext } if path.asks => {
                path.exchange.answered(now, id, ciphertext);
            }
            Message::KeyConfirmation { id } if !path.asks => path.exchange.confirmed(id),
            // Both ends know who asks.
            Message::KeyAsk { .. }
            | Message::KeyAnswer { .. }
            | Message::KeyConfirmation { .. } => return None,
        }
        Some(())
    }

    /// Takes what came from a peer in parts; `None` if it is a message that is not understood.
    fn handle_whole(&mut self, now: Time, id: PeerId, whole: Whole) -> Option<()> {
        let Whole { mut packet, is_congested } = whole;
        if is_to_node(&packet) {
            // Only what is no part itself: nothing goes round in circles.
            let is_part = matches!(Message::parse(&packet)?, Message::Fragment { .. });
            return if is_part { None } else { self.handle_message(now, id, &packet, false) };
        }
        let peer = self.peers.get(&id)?;
        let (network, routes) = (peer.network, &self.networks.get(&peer.network)?.routes);
        let view = IpView::parse(&packet).filter(|view| view.total_bytes == packet.len())?;
        let is_own = peer.owns(routes, id, view.source) || peer.tells_of_its_own(routes, id, &view);
        if !is_own {
            self.counters.drop_packet(DropReason::ForeignSource);
        } else if !ecn::decapsulate(&mut packet, if is_congested { ecn::CE } else { 0 }) {
            self.counters.drop_packet(DropReason::CongestionExperienced);
        } else {
            self.counters.opened_packets += 1;
            self.give(network, packet);
        }
        Some(())
    }
}

/// The messages of a round: a piece, then its single datagrams.
fn canary_messages(
    round: &Round,
    seal: &mut impl FnMut(bool, u8, usize) -> Option<Transmit>,
) -> Vec<MessageTransmit> {
    // At most 62 places.
    let places = |count: usize| (0..count as u8).map(|place| (place, round.packet_bytes));
    let tail = || round.tail_bytes.map(|packet_bytes| (TAIL, packet_bytes));
    let sealed = places(round.in_piece).chain(tail());
    let sealed: Vec<_> =
        sealed.filter_map(|(place, packet_bytes)| seal(false, place, packet_bytes)).collect();
    let piece = sealed.first().map(|first| first.to).map(|to| MessageTransmit {
        to,
        datagrams: sealed.into_iter().map(|transmit| transmit.datagram).collect(),
        ecn: 0,
    });
    let singles = places(round.alone).chain(tail());
    let singles =
        singles.filter_map(|(place, packet_bytes)| seal(true, place, packet_bytes)).map(alone);
    piece.into_iter().chain(singles).collect()
}

/// Keeps messages until they are fetched; what comes when [`OUTPUT_QUEUE_MAX`] wait is lost and counted.
pub(crate) fn keep(
    messages: &mut VecDeque<MessageTransmit>,
    counters: &mut Counters,
    new: impl IntoIterator<Item = MessageTransmit>,
) {
    for message in new {
        if messages.len() < OUTPUT_QUEUE_MAX {
            messages.push_back(message);
        } else {
            counters.drop_packets(DropReason::OutputFull, message.datagrams.len() as u64);
        }
    }
}

pub(crate) fn alone(Transmit { to, datagram, ecn }: Transmit) -> MessageTransmit {
    MessageTransmit { to, datagrams: vec![datagram], ecn }
}
