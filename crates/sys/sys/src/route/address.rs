//! Addresses on links, without duplicate address detection, marked by `IFA_PROTO`.

use super::{CREATE, LinkIndex, address, family_of, fixed, octets, unless};
use crate::netlink::{Attributes, Message, NetlinkError, NetlinkSocket};
use ipnet::IpNet;
use netloom_state::ROUTE_PROTOCOL;

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
/// Bytes of `struct ifaddrmsg`.
const IFADDRMSG_BYTES: usize = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
/// Who made the address, since Linux 5.18; older kernels ignore it.
const IFA_PROTO: u16 = 11;
const IFA_F_NODAD: u32 = 2;
/// The highest `IFAPROT_*` that the kernel uses for addresses it makes itself.
const PROTOCOL_KERNEL_MAX: u8 = 3;

/// An address as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedAddress {
    /// The link that has it.
    pub index: LinkIndex,
    /// Address and prefix length.
    pub address: IpNet,
    /// `IFA_PROTO`: who made it; 0 if nobody said.
    pub protocol: u8,
}

impl ObservedAddress {
    /// Whether the kernel made it, as it makes `::1` and link-local addresses.
    pub fn is_kernel_made(&self) -> bool {
        (1..=PROTOCOL_KERNEL_MAX).contains(&self.protocol)
    }

    /// Whether we made it.
    pub fn is_ours(&self) -> bool {
        self.protocol == ROUTE_PROTOCOL
    }
}

fn message(kind: u16, flags: u16, index: LinkIndex, address: IpNet) -> Message {
    let mut message = Message::new(kind, flags);
    let mut header = [0u8; IFADDRMSG_BYTES];
    header[0] = family_of(address.addr());
    header[1] = address.prefix_len();
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    let octets = octets(address.addr());
    message.fixed(&header).bytes(IFA_LOCAL, &octets).bytes(IFA_ADDRESS, &octets);
    message
}

/// Adds an address; one that is there already is no error.
pub fn add_address(
    socket: &mut NetlinkSocket,
    index: LinkIndex,
    address: IpNet,
) -> Result<(), NetlinkError> {
    let mut message = message(RTM_NEWADDR, CREATE, index, address);
    message.u32(IFA_FLAGS, IFA_F_NODAD).u8(IFA_PROTO, ROUTE_PROTOCOL);
    unless(socket.request(&mut message), &[libc::EEXIST])
}

/// Removes an address; one that is not there is no error.
pub fn delete_address(
    socket: &mut NetlinkSocket,
    index: LinkIndex,
    address: IpNet,
) -> Result<(), NetlinkError> {
    let result = socket.request(&mut message(RTM_DELADDR, 0, index, address));
    unless(result, &[libc::EADDRNOTAVAIL, libc::ENODEV])
}

/// All addresses of the namespace.
pub fn dump_addresses(socket: &mut NetlinkSocket) -> Result<Vec<ObservedAddress>, NetlinkError> {
    let mut message = Message::new(RTM_GETADDR, 0);
    message.fixed(&[0; IFADDRMSG_BYTES]);
    let replies = socket.dump(&mut message)?;
    let parsed = replies.iter().map(|reply| parse(&reply.payload));
    Ok(parsed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(crate) fn parse(payload: &[u8]) -> Result<Option<ObservedAddress>, NetlinkError> {
    let header: [u8; IFADDRMSG_BYTES] = fixed(payload)?;
    let attributes = Attributes::after(payload, IFADDRMSG_BYTES)?;
    // On a point-to-point IPv4 address, `IFA_ADDRESS` is the peer and `IFA_LOCAL` is ours.
    let local = attributes.get(IFA_LOCAL).or_else(|| attributes.get(IFA_ADDRESS));
    let network = local.and_then(address).and_then(|local| IpNet::new(local, header[1]).ok());
    Ok(network.map(|address| ObservedAddress {
        index: u32::from_ne_bytes([header[4], header[5], header[6], header[7]]),
        address,
        protocol: attributes.u8(IFA_PROTO).unwrap_or(0),
    }))
}
