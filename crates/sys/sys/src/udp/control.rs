//! What is said of a datagram or a piece beside its bytes: the size of its parts, and the congestion that it met.

use crate::system;

/// The bits of a type of service, or of a traffic class, that are about congestion (RFC 3168 §5).
const ECN: u8 = 3;

/// One control message. All that are asked for have up to eight bytes, and so one place each.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct ControlMessage {
    header: libc::cmsghdr,
    value: [u8; 8],
}

impl Default for ControlMessage {
    fn default() -> Self {
        Self { header: system::zeroed(), value: [0; 8] }
    }
}

impl ControlMessage {
    /// Asks for a piece to be cut into parts (`UDP_SEGMENT`, 16 bits).
    pub(super) fn segment(part_bytes: usize) -> Self {
        // A packet is below 2^16.
        Self::new(libc::SOL_UDP, libc::UDP_SEGMENT, &(part_bytes as u16).to_ne_bytes())
    }

    /// Asks for the bits of congestion in the IP header.
    pub(super) fn ecn(ecn: u8, is_ipv6: bool) -> Self {
        let value = i32::from(ecn & ECN).to_ne_bytes();
        if is_ipv6 {
            Self::new(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &value)
        } else {
            Self::new(libc::IPPROTO_IP, libc::IP_TOS, &value)
        }
    }

    fn new(level: i32, kind: i32, value: &[u8]) -> Self {
        let mut message = Self::default();
        message.header.cmsg_len = size_of::<libc::cmsghdr>() + value.len();
        message.header.cmsg_level = level;
        message.header.cmsg_type = kind;
        message.value[..value.len()].copy_from_slice(value);
        message
    }

    fn is(&self, level: i32, kind: i32) -> bool {
        (self.header.cmsg_level, self.header.cmsg_type) == (level, kind)
    }

    fn number(&self) -> i32 {
        i32::from_ne_bytes([self.value[0], self.value[1], self.value[2], self.value[3]])
    }
}

/// What the kernel says of what it hands over, at most.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Received([ControlMessage; 3]);

impl Received {
    /// The size of the parts of a piece (`UDP_GRO`, 32 bits), and the congestion that it met, if the kernel has filled so many bytes.
    pub(super) fn read(&self, received_bytes: usize) -> (Option<usize>, u8) {
        let (mut part_bytes, mut ecn) = (None, 0);
        for message in &self.0[..(received_bytes / size_of::<ControlMessage>()).min(self.0.len())] {
            if message.is(libc::SOL_UDP, libc::UDP_GRO) {
                part_bytes = usize::try_from(message.number()).ok().filter(|bytes| *bytes > 0);
            } else if message.is(libc::IPPROTO_IP, libc::IP_TOS) {
                // A single byte.
                ecn = message.value[0] & ECN;
            } else if message.is(libc::IPPROTO_IPV6, libc::IPV6_TCLASS) {
                // A number below 256.
                ecn = message.number() as u8 & ECN;
            }
        }
        (part_bytes, ecn)
    }
}
