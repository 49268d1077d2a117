//! A harness that feeds arbitrary bytes to every parser of netlink replies.

use crate::netlink::{Acknowledgement, Frames};
use crate::{conntrack, monitor, nft, route};

/// Reads `datagram` as the kernel's answer to each request; nothing may panic or hang.
pub fn netlink_reply(datagram: &[u8]) {
    monitor::parse_anything(datagram);
    for frame in Frames::new(datagram) {
        let Ok(frame) = frame else { break };
        let _ = Acknowledgement::parse(&frame);
        route::parse_anything(frame.payload);
        nft::parse_anything(frame.payload);
        let _ = conntrack::parse(frame.payload);
    }
}
