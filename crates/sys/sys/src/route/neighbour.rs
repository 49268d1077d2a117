//! Permanent neighbour entries, marked by `NDA_PROTOCOL`.

use super::{LinkIndex, REPLACE, address, family_of, fixed, octets, unless};
use crate::netlink::{Attributes, Message, NetlinkError, NetlinkSocket};
use netloom_state::ROUTE_PROTOCOL;
use std::net::IpAddr;

const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;
/// Bytes of `struct ndmsg`.
const NDMSG_BYTES: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NDA_PROTOCOL: u16 = 12;
const NUD_PERMANENT: u16 = 0x80;

/// A permanent neighbour entry as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedNeighbour {
    /// The link it is on.
    pub index: LinkIndex,
    /// The neighbour's address.
    pub address: IpAddr,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Whether we made it.
    pub ours: bool,
}

fn message(kind: u16, flags: u16, index: LinkIndex, address: IpAddr) -> Message {
    let mut message = Message::new(kind, flags);
    let mut header = [0u8; NDMSG_BYTES];
    header[0] = family_of(address);
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..10].copy_from_slice(&NUD_PERMANENT.to_ne_bytes());
    message.fixed(&header).bytes(NDA_DST, &octets(address));
    message
}

/// Adds or replaces a permanent entry.
pub fn add_neighbour(
    socket: &mut NetlinkSocket,
    index: LinkIndex,
    address: IpAddr,
    mac: [u8; 6],
) -> Result<(), NetlinkError> {
    let mut message = message(RTM_NEWNEIGH, REPLACE, index, address);
    message.bytes(NDA_LLADDR, &mac).u8(NDA_PROTOCOL, ROUTE_PROTOCOL);
    socket.request(&mut message).map(drop)
}

/// Removes an entry; one that is not there is no error.
pub fn delete_neighbour(
    socket: &mut NetlinkSocket,
    index: LinkIndex,
    address: IpAddr,
) -> Result<(), NetlinkError> {
    let result = socket.request(&mut message(RTM_DELNEIGH, 0, index, address));
    unless(result, &[libc::ENOENT, libc::ENODEV])
}

/// All permanent entries of the namespace.
pub fn dump_neighbours(socket: &mut NetlinkSocket) -> Result<Vec<ObservedNeighbour>, NetlinkError> {
    let mut message = Message::new(RTM_GETNEIGH, 0);
    message.fixed(&[0; NDMSG_BYTES]);
    let replies = socket.dump(&mut message)?;
    let parsed = replies.iter().map(|reply| parse(&reply.payload));
    Ok(parsed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Link and address of an entry in any state.
pub(crate) fn parse_key(payload: &[u8]) -> Result<Option<(LinkIndex, IpAddr)>, NetlinkError> {
    let header: [u8; NDMSG_BYTES] = fixed(payload)?;
    let attributes = Attributes::after(payload, NDMSG_BYTES)?;
    let index = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
    Ok(attributes.get(NDA_DST).and_then(address).map(|address| (index, address)))
}

pub(super) fn parse(payload: &[u8]) -> Result<Option<ObservedNeighbour>, NetlinkError> {
    let header: [u8; NDMSG_BYTES] = fixed(payload)?;
    let attributes = Attributes::after(payload, NDMSG_BYTES)?;
    if u16::from_ne_bytes([header[8], header[9]]) & NUD_PERMANENT == 0 {
        return Ok(None);
    }
    let entry = (attributes.get(NDA_DST).and_then(address), attributes.get(NDA_LLADDR));
    let (Some(address), Some(Ok(mac))) = (entry.0, entry.1.map(<[u8; 6]>::try_from)) else {
        return Ok(None);
    };
    Ok(Some(ObservedNeighbour {
        index: u32::from_ne_bytes([header[4], header[5], header[6], header[7]]),
        address,
        mac,
        ours: attributes.u8(NDA_PROTOCOL) == Some(ROUTE_PROTOCOL),
    }))
}
