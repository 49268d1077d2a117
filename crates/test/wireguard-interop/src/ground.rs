//! The ground: our host and theirs, with a router between, each in a namespace of its own.
//!
//! ```text
//! ours:  mesh0, under0 ══ ours0 :router: theirs0 ══ under0, device of the other implementation :theirs
//! ```
//! Hosts have single addresses (/32, /128) and reach everything through the router, so that an
//! address can come or go without moving a route. Neighbours are fixed: nothing waits for them.

use crate::{Family, Side};
use ipnet::IpNet;
use netloom_state::host::{Link, LinkKind, Neighbour, Route, RouteKind};
use netloom_state::{Address, HostState, LinkEnd, Namespace};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The link of each host to the router.
pub const UNDERLAY: &str = "under0";
/// The tunnel device of our engine.
pub const MESH: &str = "mesh0";
/// As other implementations set it: what an outer IPv6 header leaves of 1500.
pub const TUNNEL_MTU_BYTES: u32 = 1420;

const MAIN_TABLE: u32 = 254;
const UNDERLAY_MTU_BYTES: u32 = 1500;
/// Next hops on the underlay, the same on each link: the far end.
const NEXT_HOPS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
];

/// The namespace of a host.
pub fn host(side: Side) -> Namespace {
    Namespace::Own(side.to_string())
}

/// The namespace between them.
pub fn router() -> Namespace {
    Namespace::Own("router".to_owned())
}

/// A host's outer address; `place` tells the addresses apart that it has one after the other.
pub fn outer(side: Side, family: Family, place: u8) -> IpAddr {
    match (family, side) {
        (Family::Ipv4, Side::Ours) => Ipv4Addr::new(192, 0, 2, place).into(),
        (Family::Ipv4, Side::Theirs) => Ipv4Addr::new(198, 51, 100, place).into(),
        (Family::Ipv6, side) => {
            let network = 1 + side as u16;
            Ipv6Addr::new(0x2001, 0xdb8, network, 0, 0, 0, 0, place.into()).into()
        }
    }
}

/// One of the router's own addresses.
pub fn router_address(family: Family, place: u8) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::new(203, 0, 113, place).into(),
        Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, place.into()).into(),
    }
}

/// A host's address inside the tunnel.
pub fn inner(side: Side, family: Family) -> IpAddr {
    let place = 1 + side as u8;
    match family {
        Family::Ipv4 => Ipv4Addr::new(10, 9, 0, place).into(),
        Family::Ipv6 => Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, place.into()).into(),
    }
}

/// An address of a link, alone or with the network that the tunnel spans.
pub fn address(link: &str, address: IpAddr, spans_network: bool) -> Address {
    let length = match (address, spans_network) {
        (IpAddr::V4(_), true) => 24,
        (IpAddr::V6(_), true) => 64,
        (IpAddr::V4(_), false) => 32,
        (IpAddr::V6(_), false) => 128,
    };
    let address = IpNet::new(address, length).expect("no prefix is longer than its address");
    Address { link: link.to_owned(), address }
}

/// Hosts, router and links; no tunnels yet.
pub fn state() -> HostState {
    let mut state = HostState::default();
    let between = state.namespaces.entry(router()).or_default();
    for key in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
        between.sysctls.insert(key.to_owned(), "1".to_owned());
    }
    for side in Side::BOTH {
        let near = end(host(side), UNDERLAY);
        let far = end(router(), &format!("{side}0"));
        connect(&mut state, &near, &far, side as u8);
        for family in Family::BOTH {
            let own = address(UNDERLAY, outer(side, family, 1), false);
            let here = state.namespaces.entry(near.namespace.clone()).or_default();
            here.addresses.insert(own);
            here.routes.insert(route(everything(family), UNDERLAY, family));
            // What other implementations make by themselves has no link-local address either,
            // so that nothing is sent which nobody asked for.
            let silent = "net/ipv6/conf/default/addr_gen_mode";
            here.sysctls.insert(silent.to_owned(), "1".to_owned());
            let there = state.namespaces.entry(router()).or_default();
            let length = if family == Family::Ipv4 { 24 } else { 64 };
            let network = IpNet::new(outer(side, family, 0), length);
            let network = network.expect("no prefix is longer than its address");
            there.routes.insert(route(network, &far.link, family));
            for place in [1, 2, 3].map(|place| place + 10 * side as u8) {
                let own = address(&far.link, router_address(family, place), false);
                there.addresses.insert(own);
            }
        }
    }
    state
}

fn end(namespace: Namespace, link: &str) -> LinkEnd {
    LinkEnd { namespace, link: link.to_owned() }
}

fn everything(family: Family) -> IpNet {
    match family {
        Family::Ipv4 => IpNet::from(ipnet::Ipv4Net::default()),
        Family::Ipv6 => IpNet::from(ipnet::Ipv6Net::default()),
    }
}

fn route(destination: IpNet, link: &str, family: Family) -> Route {
    let gateway = Some(NEXT_HOPS[family as usize]);
    let kind = RouteKind::Unicast { link: link.to_owned(), gateway, source: None };
    Route { table: MAIN_TABLE, destination, metric: 100, kind }
}

fn connect(state: &mut HostState, near: &LinkEnd, far: &LinkEnd, number: u8) {
    // Locally administered.
    let macs = [[2, 0, 0, 0, number, 1], [2, 0, 0, 0, number, 2]];
    for (this, other, [own, theirs]) in [(near, far, macs), (far, near, [macs[1], macs[0]])] {
        let place = state.namespaces.entry(this.namespace.clone()).or_default();
        let kind = LinkKind::Veth { peer: other.clone() };
        let link = Link { kind, mtu_bytes: UNDERLAY_MTU_BYTES, mac: Some(own), up: true };
        place.links.insert(this.link.clone(), link);
        for address in NEXT_HOPS {
            let link = this.link.clone();
            place.neighbours.insert(Neighbour { link, address, mac: theirs });
        }
    }
}
