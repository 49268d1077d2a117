//! What is said of a piece beside its bytes.

use crate::system;

/// One control message with the size of the parts of a piece: `UDP_SEGMENT` when sending (16 bits),
/// `UDP_GRO` when receiving (32 bits).
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct SegmentControl {
    header: libc::cmsghdr,
    value: [u8; 8],
}

impl Default for SegmentControl {
    fn default() -> Self {
        Self { header: system::zeroed(), value: [0; 8] }
    }
}

impl SegmentControl {
    pub(super) fn new(part_bytes: usize) -> Self {
        let mut control = Self::default();
        control.header.cmsg_len = size_of::<libc::cmsghdr>() + size_of::<u16>();
        control.header.cmsg_level = libc::SOL_UDP;
        control.header.cmsg_type = libc::UDP_SEGMENT;
        // A packet is below 2^16.
        control.value[..2].copy_from_slice(&(part_bytes as u16).to_ne_bytes());
        control
    }

    /// What the kernel says of the parts, if it has filled `received_bytes` of this.
    pub(super) fn part_bytes(&self, received_bytes: usize) -> Option<usize> {
        let is_said = received_bytes >= size_of::<libc::cmsghdr>() + size_of::<u32>()
            && self.header.cmsg_level == libc::SOL_UDP
            && self.header.cmsg_type == libc::UDP_GRO;
        let bytes =
            u32::from_ne_bytes([self.value[0], self.value[1], self.value[2], self.value[3]]);
        usize::try_from(bytes).ok().filter(|bytes| is_said && *bytes > 0)
    }
}
