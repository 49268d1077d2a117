//! IPv6 on the ground: an address for each node, and the way back to prefixes of the fabric that leave it as
//! they are, to the node by which they leave.

use super::parts::{self, end};
use super::{Underlay, internet, router};
use ipnet::{IpNet, Ipv6Net};
use netloom_model::Fabric;
use netloom_model::fabric::{GatewayKind, Name, NextHop};
use netloom_plan::ways::{self, Ways};
use netloom_state::Namespace;
use netloom_state::host::{Address, LinkEnd};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// The address of the host that stands for the internet (RFC 3849).
pub const INTERNET_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// Which parts of a node's place on the ground are needed here: its region, and the router's link to it.
type Place<'a> = (&'a Name, &'a LinkEnd);

/// Adds IPv6 to a ground that is planned already. Regions behind a translator have it as well: what they
/// translate is IPv4.
pub(super) fn add(underlay: &mut Underlay, fabric: &Fabric) {
    let own = Address { link: "lo".to_owned(), address: IpAddr::from(INTERNET_ADDRESS_V6).into() };
    let state = underlay.host.namespaces.entry(internet()).or_default();
    state.addresses.insert(own);
    forwards(underlay, &internet());
    for (region, index) in underlay.numbers.regions.clone() {
        let inner = end(&router(&region), "wan0");
        forwards(underlay, &inner.namespace);
        let own = IpAddr::from(site_address(index, 1));
        let address = Address { link: inner.link.clone(), address: own.into() };
        let state = underlay.host.namespaces.entry(inner.namespace.clone()).or_default();
        state.addresses.insert(address);
        let outer = end(&internet(), &parts::link_name("r-", index, &region));
        let through_veth = !fabric.lab_links.contains_key(&region);
        let everything = IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0);
        parts::route_over(&mut underlay.host, &inner, everything, through_veth);
        parts::route_over(&mut underlay.host, &outer, site_prefix(index), through_veth);
    }
    for (name, (region, offset)) in underlay.numbers.nodes.clone() {
        let (Some(place), Some(index)) =
            (underlay.nodes.get(&name).cloned(), underlay.numbers.regions.get(&region).copied())
        else {
            continue;
        };
        let own = IpAddr::from(site_address(index, offset));
        let at = end(&place.namespace, "eth0");
        let address = Address { link: at.link.clone(), address: own.into() };
        let state = underlay.host.namespaces.entry(at.namespace.clone()).or_default();
        state.addresses.insert(address);
        let everything = IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0);
        parts::route_over(&mut underlay.host, &at, everything, true);
        to_node(underlay, own.into(), (&region, &place.router_end));
    }
    for (prefix, node) in leaving(fabric) {
        let Some(place) = underlay.nodes.get(&node).cloned() else { continue };
        let Some((region, _)) = underlay.numbers.nodes.get(&node).cloned() else { continue };
        let Some(index) = underlay.numbers.regions.get(&region).copied() else { continue };
        let outer = end(&internet(), &parts::link_name("r-", index, &region));
        let through_veth = !fabric.lab_links.contains_key(&region);
        parts::route_over(&mut underlay.host, &outer, prefix, through_veth);
        to_node(underlay, prefix, (&region, &place.router_end));
    }
}

/// The prefixes of subnets that leave the fabric as they are, and the node that whoever is outside sends
/// packets for them to: the first one of the gateway by which they call the host that stands for the internet, or
/// call anybody outside. Of equal prefixes the first subnet's, by name.
fn leaving(fabric: &Fabric) -> BTreeMap<IpNet, Name> {
    let mut leaving = BTreeMap::new();
    for subnet in fabric.subnets.values() {
        let ways = Ways::of(fabric, &subnet.network).of_subnet(subnet);
        let taken = ways::longest(&ways, INTERNET_ADDRESS_V6.into());
        let gateway = taken.into_iter().chain(&ways).find_map(|way| match &way.via {
            NextHop::Gateway(name) if way.to.addr().is_ipv6() => {
                let gateway = fabric.gateways.get(name)?;
                (gateway.kind != GatewayKind::Nat).then_some(gateway)
            }
            _ => None,
        });
        let Some(node) = gateway.and_then(|gateway| gateway.nodes.first()) else { continue };
        for cidr in subnet.cidrs.iter().filter(|cidr| cidr.addr().is_ipv6()) {
            leaving.entry(*cidr).or_insert_with(|| node.clone());
        }
    }
    leaving
}

fn to_node(underlay: &mut Underlay, to: IpNet, (region, router_end): Place<'_>) {
    let at = end(&router(region), &router_end.link);
    parts::route_over(&mut underlay.host, &at, to, true);
}

fn forwards(underlay: &mut Underlay, namespace: &Namespace) {
    let state = underlay.host.namespaces.entry(namespace.clone()).or_default();
    state.sysctls.insert("net/ipv6/conf/all/forwarding".to_owned(), "1".to_owned());
}

/// A region's part of 2001:2::/48, which is kept for tests (RFC 5180 §8).
fn site_prefix(index: usize) -> IpNet {
    Ipv6Net::new_assert(site_address(index, 0), 64).into()
}

fn site_address(index: usize, offset: u32) -> Ipv6Addr {
    let [high, low] = [(offset >> 16) as u16, (offset & 0xffff) as u16];
    let index = u16::try_from(index).unwrap_or(u16::MAX);
    Ipv6Addr::new(0x2001, 2, 0, index, 0, 0, high, low)
}
