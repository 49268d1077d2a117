//! Links, ways and names that every part of the topology is made of.

use super::routing::MAIN;
use crate::naming::{TUNNEL, link_name, mac};
use ipnet::IpNet;
use netloom_state::host::{Link, LinkEnd, LinkKind, Neighbour, Route, RouteKind};
use netloom_state::{Namespace, NamespaceState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metric of ways that are used.
pub(super) const METRIC_WAY: u32 = 100;
/// Metric of ways through a workload's further interfaces.
pub(super) const METRIC_FURTHER: u32 = 200;
/// The next hop of every routed veth, on the network's side. Entries for it are fixed.
pub(super) const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The next hop of what leaves a network, for another one or for the node's own stack.
pub(super) const OUTER_GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
/// The same for IPv4 on the node's own stack, which has no subnet.
pub(super) const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);

/// The namespace of a network on every node.
pub(crate) fn network_namespace(network: &str) -> Namespace {
    Namespace::Own(format!("network-{network}"))
}

/// The link of a node's own stack to a network: unique among the fabrics of one host.
pub(super) fn host_link_name(fabric_id: u128, network: &str) -> String {
    link_name(&format!("n{:04x}-", fabric_id >> 112), network)
}

/// The link of a node's own stack by which a network's packets leave the fabric.
pub(super) fn uplink_name(fabric_id: u128, network: &str) -> String {
    link_name(&format!("u{:04x}-", fabric_id >> 112), network)
}

pub(super) fn end(namespace: &Namespace, link: &str) -> LinkEnd {
    LinkEnd { namespace: namespace.clone(), link: link.to_owned() }
}

pub(super) fn link_mac(link: &str, namespace: &Namespace) -> [u8; 6] {
    mac(&format!("{namespace}/{link}"))
}

pub(super) fn loopback() -> Link {
    Link { kind: LinkKind::Loopback, mtu_bytes: 65536, mac: None, up: true }
}

pub(super) fn add_tunnel(state: &mut NamespaceState, mtu_bytes: u32) {
    let link = Link { kind: LinkKind::Tunnel, mtu_bytes, mac: None, up: true };
    state.links.insert(TUNNEL.to_owned(), link);
    state.sysctls.insert(no_automatic_address(TUNNEL), "1".to_owned());
}

/// No link-local address is made up: every address is planned, and links are silent until used.
pub(super) fn no_automatic_address(link: &str) -> String {
    format!("net/ipv6/conf/{link}/addr_gen_mode")
}

pub(super) fn add_neighbours(state: &mut NamespaceState, link: &str, v4: bool, mac: [u8; 6]) {
    let v4 = v4.then_some(IpAddr::from(GATEWAY_V4));
    for address in v4.into_iter().chain([GATEWAY_V6.into()]) {
        state.neighbours.insert(Neighbour { link: link.to_owned(), address, mac });
    }
}

/// The next hops out of a network, whose namespace has the usual one itself.
pub(super) fn add_outer_neighbours(state: &mut NamespaceState, link: &str, mac: [u8; 6]) {
    for address in [IpAddr::from(GATEWAY_V4), OUTER_GATEWAY_V6.into()] {
        state.neighbours.insert(Neighbour { link: link.to_owned(), address, mac });
    }
}

pub(super) fn way(
    destination: IpNet,
    metric: u32,
    link: &str,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
) -> Route {
    let kind = RouteKind::Unicast { link: link.to_owned(), gateway, source };
    Route { table: MAIN, destination, metric, kind }
}

/// Stops packets for which there is no other way.
pub(super) fn stop(destination: IpNet, metric: u32) -> Route {
    Route { table: MAIN, destination, metric, kind: RouteKind::Unreachable }
}

pub(super) fn prefix(address: IpAddr, length: u8) -> IpNet {
    IpNet::new_assert(address, length)
}

pub(super) fn default_v4() -> IpNet {
    prefix(Ipv4Addr::UNSPECIFIED.into(), 0)
}

pub(super) fn default_v6() -> IpNet {
    prefix(Ipv6Addr::UNSPECIFIED.into(), 0)
}
