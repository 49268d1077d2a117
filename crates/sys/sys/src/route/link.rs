//! Links: veth pairs, their marks and settings, and what links there are (`rtnetlink(7)`).

use super::{CREATE, LinkIndex, fixed, unless};
use crate::netlink::{Attributes, Message, NetlinkError, NetlinkSocket};
use std::ffi::CString;
use std::os::fd::{AsRawFd as _, BorrowedFd};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_GETNSID: u16 = 90;
/// Bytes of `struct ifinfomsg`.
const IFINFOMSG_BYTES: usize = 16;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
/// `RTEXT_FILTER_SKIP_STATS`.
const SKIP_STATISTICS: u32 = 1 << 3;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
const IFF_UP: u32 = 1;
const IFF_NOARP: u32 = 1 << 7;

/// A link as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLink {
    /// Its index.
    pub index: LinkIndex,
    /// Its name.
    pub name: String,
    /// Its kind, such as `veth`; none for hardware and `lo`.
    pub kind: Option<String>,
    /// Its alias.
    pub alias: Option<String>,
    /// Largest packet, in bytes.
    pub mtu_bytes: u32,
    /// Hardware address, if it has an Ethernet one.
    pub mac: Option<[u8; 6]>,
    /// Whether it is up (administratively).
    pub up: bool,
    /// Index of the other end (of a veth).
    pub peer_index: Option<LinkIndex>,
    /// Id, valid in this link's namespace, of the other end's namespace, if it is another one.
    pub peer_netns_id: Option<i32>,
}

/// `struct ifinfomsg` for a link given by name, with flags to change.
fn ifinfomsg(flags: u32, change: u32) -> [u8; IFINFOMSG_BYTES] {
    let mut bytes = [0; IFINFOMSG_BYTES];
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..16].copy_from_slice(&change.to_ne_bytes());
    bytes
}

fn named(kind: u16, flags: u16, name: &str) -> Message {
    let mut message = Message::new(kind, flags);
    message.fixed(&ifinfomsg(0, 0)).text(IFLA_IFNAME, name);
    message
}

/// Makes a veth pair, both ends down: `name` here, `peer` in the namespace `peer_namespace`.
pub fn create_veth(
    socket: &mut NetlinkSocket,
    name: &str,
    peer: &str,
    peer_namespace: BorrowedFd<'_>,
) -> Result<(), NetlinkError> {
    let mut message = named(RTM_NEWLINK, CREATE, name);
    message.nest(IFLA_LINKINFO, |info| {
        info.text(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, |data| {
            data.nest(VETH_INFO_PEER, |end| {
                end.fixed(&ifinfomsg(0, 0))
                    .text(IFLA_IFNAME, peer)
                    .bytes(IFLA_NET_NS_FD, &peer_namespace.as_raw_fd().to_ne_bytes());
            });
        });
    });
    socket.request(&mut message).map(drop)
}

/// Removes a link; one that is not there is no error.
pub fn delete_link(socket: &mut NetlinkSocket, name: &str) -> Result<(), NetlinkError> {
    unless(socket.request(&mut named(RTM_DELLINK, 0, name)), &[libc::ENODEV])
}

/// Sets a link's alias, the mark of ownership.
pub fn set_link_alias(
    socket: &mut NetlinkSocket,
    name: &str,
    alias: &str,
) -> Result<(), NetlinkError> {
    let mut message = named(RTM_NEWLINK, 0, name);
    // The kernel wants the alias without a terminating NUL.
    message.bytes(IFLA_IFALIAS, alias.as_bytes());
    socket.request(&mut message).map(drop)
}

/// Keeps the kernel from giving a link an IPv6 link-local address of its own.
pub fn set_linklocal_generation(
    socket: &mut NetlinkSocket,
    name: &str,
) -> Result<(), NetlinkError> {
    let mut message = named(RTM_NEWLINK, 0, name);
    message.nest(IFLA_AF_SPEC, |families| {
        families.nest(libc::AF_INET6 as u16, |inet6| {
            inet6.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
        });
    });
    socket.request(&mut message).map(drop)
}

/// Sets a link's largest packet and, where given, its hardware address.
pub fn configure_link(
    socket: &mut NetlinkSocket,
    name: &str,
    mtu_bytes: u32,
    mac: Option<[u8; 6]>,
) -> Result<(), NetlinkError> {
    let mut message = named(RTM_NEWLINK, 0, name);
    message.u32(IFLA_MTU, mtu_bytes);
    if let Some(mac) = mac {
        message.bytes(IFLA_ADDRESS, &mac);
    }
    socket.request(&mut message).map(drop)
}

/// Brings a link up or takes it down.
pub fn set_link_up(socket: &mut NetlinkSocket, name: &str, up: bool) -> Result<(), NetlinkError> {
    set_flags(socket, name, if up { IFF_UP } else { 0 }, IFF_UP)
}

/// Switches neighbour resolution off.
pub fn set_link_noarp(socket: &mut NetlinkSocket, name: &str) -> Result<(), NetlinkError> {
    set_flags(socket, name, IFF_NOARP, IFF_NOARP)
}

fn set_flags(
    socket: &mut NetlinkSocket,
    name: &str,
    flags: u32,
    change: u32,
) -> Result<(), NetlinkError> {
    let mut message = Message::new(RTM_NEWLINK, 0);
    message.fixed(&ifinfomsg(flags, change)).text(IFLA_IFNAME, name);
    socket.request(&mut message).map(drop)
}

/// The link called `name`, if there is one.
pub fn find_link(
    socket: &mut NetlinkSocket,
    name: &str,
) -> Result<Option<ObservedLink>, NetlinkError> {
    let mut message = named(RTM_GETLINK, 0, name);
    message.u32(IFLA_EXT_MASK, SKIP_STATISTICS);
    match socket.request(&mut message) {
        Err(error) if error.errno() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
        Ok(replies) => replies.first().map(|reply| parse(&reply.payload)).transpose(),
    }
}

/// The index of the link called `name` in the calling thread's namespace, if there is one.
pub fn link_index(name: &str) -> Option<LinkIndex> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name ends in NUL.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index > 0).then_some(index)
}

/// The link with this index, if there is one.
pub fn find_link_at(
    socket: &mut NetlinkSocket,
    index: LinkIndex,
) -> Result<Option<ObservedLink>, NetlinkError> {
    let mut header = ifinfomsg(0, 0);
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    let mut message = Message::new(RTM_GETLINK, 0);
    message.fixed(&header).u32(IFLA_EXT_MASK, SKIP_STATISTICS);
    match socket.request(&mut message) {
        Err(error) if error.errno() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
        Ok(replies) => replies.first().map(|reply| parse(&reply.payload)).transpose(),
    }
}

/// All links of the namespace.
pub fn dump_links(socket: &mut NetlinkSocket) -> Result<Vec<ObservedLink>, NetlinkError> {
    let mut message = Message::new(RTM_GETLINK, 0);
    message.fixed(&ifinfomsg(0, 0)).u32(IFLA_EXT_MASK, SKIP_STATISTICS);
    socket.dump(&mut message)?.iter().map(|reply| parse(&reply.payload)).collect()
}

/// The id by which the socket's namespace knows the namespace `other`, if it knows it.
pub fn netns_id(
    socket: &mut NetlinkSocket,
    other: BorrowedFd<'_>,
) -> Result<Option<i32>, NetlinkError> {
    let mut message = Message::new(RTM_GETNSID, 0);
    // `struct rtgenmsg`: the family, padded.
    message.fixed(&[0]).bytes(NETNSA_FD, &other.as_raw_fd().to_ne_bytes());
    let replies = socket.request(&mut message)?;
    let Some(reply) = replies.first() else { return Ok(None) };
    let id = Attributes::after(&reply.payload, 1)?.u32(NETNSA_NSID).map(u32::cast_signed);
    Ok(id.filter(|id| *id >= 0))
}

pub(crate) fn parse(payload: &[u8]) -> Result<ObservedLink, NetlinkError> {
    let header: [u8; IFINFOMSG_BYTES] = fixed(payload)?;
    let attributes = Attributes::after(payload, IFINFOMSG_BYTES)?;
    let flags = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
    let kind = attributes.nest(IFLA_LINKINFO)?.text(IFLA_INFO_KIND);
    let veth = kind.as_deref() == Some("veth");
    Ok(ObservedLink {
        index: u32::from_ne_bytes([header[4], header[5], header[6], header[7]]),
        name: attributes.text(IFLA_IFNAME).unwrap_or_default(),
        kind,
        alias: attributes.text(IFLA_IFALIAS),
        mtu_bytes: attributes.u32(IFLA_MTU).unwrap_or(0),
        mac: attributes.get(IFLA_ADDRESS).and_then(|mac| mac.try_into().ok()),
        up: flags & IFF_UP != 0,
        peer_index: attributes.u32(IFLA_LINK).filter(|_| veth),
        peer_netns_id: attributes.u32(IFLA_LINK_NETNSID).map(u32::cast_signed),
    })
}
