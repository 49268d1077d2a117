//! From where a peer may send: its own addresses, what it leads to, and errors about what was sent to those.

use crate::config::PeerId;
use crate::node::Peer;
use netloom_base::PrefixTrie;
use netloom_base::packet::{IpView, PROTOCOL_ICMP, PROTOCOL_ICMPV6};
use std::net::IpAddr;

/// What of an error comes before the packet that it quotes (RFC 792, RFC 4443 §3).
const ERROR_HEADER_BYTES: usize = 8;

impl Peer {
    /// Whether an address is the peer's, or of what it leads to.
    pub(crate) fn owns(&self, routes: &PrefixTrie<PeerId>, id: PeerId, address: IpAddr) -> bool {
        match routes.longest_match(address) {
            Some((_, owner)) => *owner == id,
            None => self.sends_from.longest_match(address).is_some(),
        }
    }

    /// Whether a packet is an error about one that was sent to the peer or to what it leads to, from an address that
    /// is no peer's. A router behind it, or the stack of its node, has such ones; without them nobody learns what
    /// the way there takes.
    pub(crate) fn tells_of_its_own(
        &self,
        routes: &PrefixTrie<PeerId>,
        id: PeerId,
        error: &IpView<'_>,
    ) -> bool {
        is_unicast(error.source)
            && routes.longest_match(error.source).is_none()
            && quoted_destination(error).is_some_and(|address| self.owns(routes, id, address))
    }
}

/// Whether an address can be a router's: nobody answers from the others.
fn is_unicast(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_broadcast)
}

/// Where the packet went that an error is about; `None` of what is no error.
fn quoted_destination(error: &IpView<'_>) -> Option<IpAddr> {
    let quoted = error.payload.get(ERROR_HEADER_BYTES..)?;
    let version = quoted.first()? >> 4;
    match (error.protocol, error.payload.first()?, version) {
        (PROTOCOL_ICMP, 3 | 11 | 12, 4) => {
            quoted.get(16..20)?.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes))
        }
        (PROTOCOL_ICMPV6, 1..=4, 6) => {
            quoted.get(24..40)?.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes))
        }
        _ => None,
    }
}
