//! Packets of one flow that follow each other, put together into a large one as a device would (GRO).
//!
//! Packets are only named, not copied: a run is a header of its own and the payloads of its packets.
//! TCP segments are put together that a sender has cut from one stream: same addresses, ports,
//! acknowledgement, window and options, in order, all of one size but the last; UDP datagrams of one
//! flow and one size. What does not fit stays as it is, and the order within a flow stays.

mod candidate;

use crate::checksum;
use crate::offload::{
    Gso, LARGE_PACKET_BYTES_MAX, OffloadHeader, addresses, checksum_place, set_ip_length, transport,
};
use candidate::Candidate;

/// Longest IP and TCP headers that are put together.
pub const HEADER_BYTES_MAX: usize = 40 + 60;
/// Most packets of a run: the vectors of one system call.
pub const RUN_PACKETS_MAX: usize = 64;
/// Open runs that a packet is compared with: flows that are interleaved.
const OPEN_RUNS_MAX: usize = 16;
const TCP_PSH: u8 = 0x08;
const IPV4_DONT_FRAGMENT: u8 = 0x40;

/// Packets that are written as one.
#[derive(Debug)]
pub struct Run {
    packets: Vec<u32>,
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: usize,
    transport_at: usize,
    gso: Gso,
    segment_bytes: usize,
    payload_bytes: usize,
    next_sequence: u32,
    is_open: bool,
    /// Whether the checksums of its packets are known to be right.
    is_checked: bool,
    /// Where the checksum of its first packet is to be put, if that was left out.
    partial: Option<(u16, u16)>,
}

/// Puts the packets of a batch together. To be kept and used again: nothing is allocated once it has
/// grown to the size of the batches.
#[derive(Debug, Default)]
pub struct Coalescer {
    runs: Vec<Run>,
    used: usize,
    with_udp: bool,
}

impl Coalescer {
    /// An empty one. UDP needs a device that takes it.
    pub fn new(with_udp: bool) -> Self {
        Self { with_udp, ..Self::default() }
    }

    /// Forgets all packets.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The runs, in the order of their first packets.
    pub fn runs(&self) -> &[Run] {
        &self.runs[..self.used]
    }

    /// Adds the packet with number `index`, whose checksum may have been left out ([`crate::PacketBatch::is_partial`]).
    pub fn add(&mut self, index: u32, packet: &[u8], is_partial: bool) {
        let partial = if is_partial { checksum_place(packet) } else { None };
        let Some(candidate) = Candidate::of(packet, self.with_udp, partial.is_some()) else {
            self.close_flow(packet);
            self.begin(index, packet, None, partial);
            return;
        };
        let open = self.used.saturating_sub(OPEN_RUNS_MAX)..self.used;
        let place = open.rev().find(|place| self.runs[*place].is_same_flow(packet, &candidate));
        if let Some(place) = place {
            if self.runs[place].takes(packet, &candidate) {
                self.runs[place].append(index, packet, &candidate);
                return;
            }
            self.runs[place].is_open = false;
        }
        self.begin(index, packet, Some(candidate), partial);
    }

    /// What follows in a flow does not overtake this packet.
    fn close_flow(&mut self, packet: &[u8]) {
        let open = self.used.saturating_sub(OPEN_RUNS_MAX)..self.used;
        for run in &mut self.runs[open] {
            run.is_open &= !run.shares_addresses(packet);
        }
    }

    fn begin(
        &mut self,
        index: u32,
        packet: &[u8],
        candidate: Option<Candidate>,
        partial: Option<(u16, u16)>,
    ) {
        if self.used == self.runs.len() {
            self.runs.push(Run::empty());
        }
        let run = &mut self.runs[self.used];
        self.used += 1;
        run.packets.clear();
        run.packets.push(index);
        run.partial = partial;
        let Some(candidate) = candidate else {
            (run.is_open, run.is_checked) = (false, false);
            (run.header_bytes, run.payload_bytes) = (0, packet.len());
            return;
        };
        let Candidate { gso, transport_at, header_bytes, sequence, is_pushed } = candidate;
        run.header[..header_bytes].copy_from_slice(&packet[..header_bytes]);
        (run.gso, run.transport_at, run.header_bytes) = (gso, transport_at, header_bytes);
        run.segment_bytes = packet.len() - header_bytes;
        run.payload_bytes = run.segment_bytes;
        // Payloads are below 2^16.
        run.next_sequence = sequence.wrapping_add(run.segment_bytes as u32);
        (run.is_open, run.is_checked) = (!is_pushed, true);
    }
}

impl Run {
    fn empty() -> Self {
        Self {
            packets: Vec::with_capacity(RUN_PACKETS_MAX),
            header: [0; HEADER_BYTES_MAX],
            header_bytes: 0,
            transport_at: 0,
            gso: Gso::Tcp,
            segment_bytes: 0,
            payload_bytes: 0,
            next_sequence: 0,
            is_open: false,
            is_checked: false,
            partial: None,
        }
    }

    /// Numbers of its packets, in order.
    pub fn packets(&self) -> &[u32] {
        &self.packets
    }

    /// How many bytes of each packet are headers, which [`Self::header`] has in their place; 0 if
    /// the run is one packet, which is written as it is.
    pub fn header_bytes(&self) -> usize {
        if self.packets.len() > 1 { self.header_bytes } else { 0 }
    }

    /// The header of the large packet into `header`; gives what is said of it.
    pub fn header(&self, header: &mut [u8; HEADER_BYTES_MAX]) -> (OffloadHeader, bool) {
        let is_ipv6 = self.transport_at == 40;
        if self.packets.len() == 1 {
            let is_valid = self.is_checked && self.partial.is_none();
            let said =
                OffloadHeader { checksum: self.partial, is_valid, ..OffloadHeader::default() };
            return (said, is_ipv6);
        }
        *header = self.header;
        let (ip, transport) = header[..self.header_bytes].split_at_mut(self.transport_at);
        let segment_bytes = self.header_bytes - self.transport_at + self.payload_bytes;
        set_ip_length(ip, self.transport_at + segment_bytes, 0);
        let (source, destination) = addresses(ip);
        let (protocol, at) = (self.gso.protocol(), self.gso.checksum_at());
        if self.gso == Gso::Udp {
            transport[4..6].copy_from_slice(&(segment_bytes as u16).to_be_bytes());
        }
        let sum = checksum::pseudo_header(source, destination, protocol, segment_bytes);
        transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        // All of them are below 2^16: the packet is.
        let said = OffloadHeader {
            checksum: Some((self.transport_at as u16, at as u16)),
            is_valid: false,
            segments: Some((self.gso, self.segment_bytes as u16)),
            header_bytes: self.header_bytes as u16,
        };
        (said, is_ipv6)
    }

    fn shares_addresses(&self, packet: &[u8]) -> bool {
        let Some((transport_at, _)) = transport(packet) else { return false };
        let end = if self.transport_at == 40 { 40 } else { 20 };
        let start = if end == 40 { 8 } else { 12 };
        self.header_bytes > 0
            && packet[0] >> 4 == self.header[0] >> 4
            && transport_at >= end
            && packet[start..end] == self.header[start..end]
    }

    /// Same IP version, protocol, addresses and ports.
    fn is_same_flow(&self, packet: &[u8], candidate: &Candidate) -> bool {
        let at = self.transport_at;
        self.header_bytes > 0
            && self.gso == candidate.gso
            && at == candidate.transport_at
            && self.shares_addresses(packet)
            && packet[at..at + 4] == self.header[at..at + 4]
    }

    /// Whether a packet of the flow continues the run.
    fn takes(&self, packet: &[u8], candidate: &Candidate) -> bool {
        let payload_bytes = packet.len() - candidate.header_bytes;
        if !self.is_open
            || self.packets.len() == RUN_PACKETS_MAX
            || candidate.header_bytes != self.header_bytes
            || payload_bytes > self.segment_bytes
            || self.header_bytes + self.payload_bytes + payload_bytes > LARGE_PACKET_BYTES_MAX
        {
            return false;
        }
        let same = |range: std::ops::Range<usize>| packet[range.clone()] == self.header[range];
        let at = self.transport_at;
        // Class of service, lifetime, and that it is not to be cut: what is put together is cut again.
        let same_ip = if at == 20 {
            same(1..2)
                && same(8..9)
                && packet[6] & IPV4_DONT_FRAGMENT == self.header[6] & IPV4_DONT_FRAGMENT
        } else {
            same(0..4) && same(7..8)
        };
        let same_transport = match self.gso {
            Gso::Tcp => {
                candidate.sequence == self.next_sequence
                    && same(at + 8..at + 13)
                    && same(at + 14..at + 16)
                    && same(at + 18..self.header_bytes)
            }
            Gso::Udp => true,
        };
        same_ip && same_transport
    }

    fn append(&mut self, index: u32, packet: &[u8], candidate: &Candidate) {
        let payload_bytes = packet.len() - self.header_bytes;
        self.packets.push(index);
        self.payload_bytes += payload_bytes;
        self.next_sequence = self.next_sequence.wrapping_add(payload_bytes as u32);
        if candidate.is_pushed {
            self.header[self.transport_at + 13] |= TCP_PSH;
        }
        self.is_open = payload_bytes == self.segment_bytes && !candidate.is_pushed;
    }
}

#[cfg(test)]
mod tests;
