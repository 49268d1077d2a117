//! The addresses of a prefix by their number, and those that it keeps for itself.

use crate::fabric::Reserved;
use ipnet::IpNet;
use std::net::IpAddr;

/// The gateway of a prefix: its second address, as in AWS, or the last but one.
pub fn gateway(prefix: IpNet, reserved: Reserved) -> IpAddr {
    own(prefix, reserved, 1)
}

/// The resolver of a prefix: its third address, as in AWS, or the last but two.
pub fn resolver(prefix: IpNet, reserved: Reserved) -> IpAddr {
    own(prefix, reserved, 2)
}

/// An address that a prefix keeps for itself, counted from the end where they are.
fn own(prefix: IpNet, reserved: Reserved, place: u128) -> IpAddr {
    match reserved {
        Reserved::First => nth(prefix, place),
        Reserved::Last => nth(prefix, size(prefix) - 1 - place),
    }
}

/// How many addresses at one end of a prefix are never given to workloads.
pub(super) const RESERVED_COUNT: u128 = 4;

/// How many workloads a prefix has addresses for.
pub(crate) fn room(prefix: IpNet) -> u128 {
    size(prefix).saturating_sub(RESERVED_COUNT + 1)
}

/// Whether an address of `prefix` is one of the five that it keeps: both ends, and three beside one.
pub fn is_reserved(prefix: IpNet, reserved: Reserved, address: IpAddr) -> bool {
    let offset = number(address) - number(prefix.network());
    let from_end = size(prefix) - 1 - offset;
    let (here, there) = match reserved {
        Reserved::First => (offset, from_end),
        Reserved::Last => (from_end, offset),
    };
    here < RESERVED_COUNT || there == 0
}

pub(super) fn size(prefix: IpNet) -> u128 {
    let host_bits = u32::from(prefix.max_prefix_len() - prefix.prefix_len());
    1u128.checked_shl(host_bits).unwrap_or(u128::MAX)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

pub(super) fn nth(prefix: IpNet, offset: u128) -> IpAddr {
    match prefix {
        IpNet::V4(v4) => {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            IpAddr::from((u32::from(v4.network()).saturating_add(offset)).to_be_bytes())
        }
        IpNet::V6(v6) => {
            IpAddr::from((u128::from(v6.network()).saturating_add(offset)).to_be_bytes())
        }
    }
}
