//! What a node counts: packets through, and every packet dropped, by reason.

use netloom_wireguard::DropReason as WireguardDropReason;

/// Why a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum DropReason {
    /// A datagram that the protocol refused.
    #[error(transparent)]
    Wireguard(#[from] WireguardDropReason),
    /// An initiation for one of our keys, by somebody who is no peer of that network.
    #[error("the sender is no peer of the network")]
    UnknownPeer,
    /// A packet from the interface of a network that the node does not have.
    #[error("the network is not known")]
    UnknownNetwork,
    /// Not a whole IPv4 or IPv6 packet, from the interface or out of a tunnel.
    #[error("not a whole IP packet")]
    NotIp,
    /// No peer of the network has the packet's destination.
    #[error("no peer has this destination")]
    NoRoute,
    /// Longer than the network's MTU, or without room for header and tag in its slot.
    #[error("the packet is too long")]
    TooLong,
    /// Out of a tunnel, with a source address that its peer does not own.
    #[error("the peer does not own the packet's source")]
    ForeignSource,
    /// Too many handshakes wait for an answer already.
    #[error("too many handshakes wait")]
    HandshakesFull,
    /// Longer than the path to its peer takes, and not to be sent in parts; its sender was told, unless it is an error itself.
    #[error("the path does not take the packet")]
    PathTooSmall,
    /// A message to this node itself, of a kind that it does not know or from a peer that is no node.
    #[error("not a message that this node understands")]
    ForeignMessage,
    /// Datagrams that the driver has not fetched fill the queue.
    #[error("the queue of datagrams is full")]
    OutputFull,
    /// What an interface or the port handed over cannot be read, or split where it stands for many packets; or an empty datagram.
    #[error("what the kernel handed over cannot be read")]
    Unreadable,
    /// Marked outside of the tunnel as having met congestion, which its sender would not understand (RFC 6040 §4.2).
    #[error("the packet met congestion, and its sender takes no marks")]
    CongestionExperienced,
}

const OWN: [DropReason; 12] = [
    DropReason::UnknownPeer,
    DropReason::UnknownNetwork,
    DropReason::NotIp,
    DropReason::NoRoute,
    DropReason::TooLong,
    DropReason::ForeignSource,
    DropReason::OutputFull,
    DropReason::HandshakesFull,
    DropReason::PathTooSmall,
    DropReason::ForeignMessage,
    DropReason::Unreadable,
    DropReason::CongestionExperienced,
];

const REASONS: usize = WireguardDropReason::ALL.len() + OWN.len();

/// Running totals of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets from interfaces that were sealed.
    pub sealed_packets: u64,
    /// Packets from interfaces that wait for a handshake, or did.
    pub waiting_packets: u64,
    /// Packets out of tunnels that were handed on.
    pub opened_packets: u64,
    /// Keepalives received.
    pub keepalives: u64,
    /// Events that nobody fetched in time.
    pub events_lost: u64,
    dropped: [u64; REASONS],
}

impl DropReason {
    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        WireguardDropReason::ALL.into_iter().map(Self::Wireguard).chain(OWN)
    }

    fn index(self) -> usize {
        let own = |place| WireguardDropReason::ALL.len() + place;
        match self {
            Self::Wireguard(reason) => reason.index(),
            Self::UnknownPeer => own(0),
            Self::UnknownNetwork => own(1),
            Self::NotIp => own(2),
            Self::NoRoute => own(3),
            Self::TooLong => own(4),
            Self::ForeignSource => own(5),
            Self::OutputFull => own(6),
            Self::HandshakesFull => own(7),
            Self::PathTooSmall => own(8),
            Self::ForeignMessage => own(9),
            Self::Unreadable => own(10),
            Self::CongestionExperienced => own(11),
        }
    }
}

impl Counters {
    /// How many packets were dropped for a reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason.index()]
    }

    /// The reasons for which packets were dropped, with how many.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::all().map(|reason| (reason, self.dropped(reason))).filter(|(_, n)| *n > 0)
    }

    pub(crate) fn drop_packet(&mut self, reason: impl Into<DropReason>) {
        self.drop_packets(reason.into(), 1);
    }

    pub(crate) fn drop_packets(&mut self, reason: DropReason, packets: u64) {
        self.dropped[reason.index()] += packets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        for (place, reason) in DropReason::all().enumerate() {
            assert_eq!(reason.index(), place, "{reason}");
        }
    }
}
