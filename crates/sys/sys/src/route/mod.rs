//! rtnetlink: links, addresses, neighbours, routes and rules, each as requests and as dumps.

mod address;
mod entry;
mod link;
mod neighbour;
mod rule;

pub use address::{ObservedAddress, add_address, delete_address, dump_addresses};
pub use entry::{
    ObservedRoute, add_route, delete_route, destination_towards, dump_foreign_routes, dump_routes,
    link_towards,
};
pub use link::{
    ObservedLink, configure_link, create_veth, delete_link, dump_links, find_link, find_link_at,
    link_index, netns_id, set_link_alias, set_link_noarp, set_link_up, set_linklocal_generation,
};
pub use neighbour::{ObservedNeighbour, add_neighbour, delete_neighbour, dump_neighbours};
pub use rule::{add_rule, delete_rule, dump_rules};

pub(crate) use address::parse as read_address;
pub(crate) use entry::parse as read_route;
pub(crate) use link::parse as read_link;
pub(crate) use neighbour::parse_key as read_neighbour_key;
pub(crate) use rule::parse as read_rule;

use crate::netlink::{Malformed, NetlinkError};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `NLM_F_CREATE | NLM_F_EXCL`: make it, and say so if it is there already.
const CREATE: u16 = 0x600;
/// `NLM_F_CREATE | NLM_F_REPLACE`.
const REPLACE: u16 = 0x500;

/// Index of a link in its namespace.
pub type LinkIndex = u32;

fn family(ipv6: bool) -> u8 {
    // Both constants are below 256.
    (if ipv6 { libc::AF_INET6 } else { libc::AF_INET }) as u8
}

fn family_of(address: IpAddr) -> u8 {
    family(address.is_ipv6())
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| Ipv6Addr::from(v6).into())
}

/// A prefix; the kernel leaves the address out where the length is 0.
fn prefix(bytes: Option<&[u8]>, length: u8, ipv6: bool) -> Option<IpNet> {
    let unspecified =
        if ipv6 { IpAddr::from(Ipv6Addr::UNSPECIFIED) } else { Ipv4Addr::UNSPECIFIED.into() };
    let address = bytes.map_or(Some(unspecified), address)?;
    IpNet::new(address, length).ok()
}

/// Takes a refusal with one of `harmless` for success: what was asked for is so already.
fn unless(result: Result<impl Sized, NetlinkError>, harmless: &[i32]) -> Result<(), NetlinkError> {
    match result {
        Err(error) if error.errno().is_some_and(|errno| harmless.contains(&errno)) => Ok(()),
        result => result.map(drop),
    }
}

fn fixed<const N: usize>(payload: &[u8]) -> Result<[u8; N], Malformed> {
    payload.first_chunk().copied().ok_or(Malformed("fixed part cut short"))
}

/// Every reader of replies in turn, for the fuzz harness.
pub(crate) fn parse_anything(payload: &[u8]) {
    let _ = link::parse(payload);
    let _ = address::parse(payload);
    let _ = neighbour::parse(payload);
    let _ = entry::parse(payload).map(|route| route?.to_route(|_| None));
    let _ = rule::parse(payload);
}
