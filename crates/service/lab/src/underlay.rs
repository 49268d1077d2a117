//! The ground of a lab: the internet, a router for each region, and a namespace for each node.
//!
//! ```text
//! node-alpha eth0 ═ n-alpha router-us-west wan0 ~~ emulated link ~~ r-us-west internet
//! node-pi    eth0 ═ n-pi    router-home    wan0 ~~ emulated link ~~ r-home    internet
//!                           (translates addresses, lets nobody in)
//! ```
//! Addresses of the ground are from 198.18.0.0/15, which is kept for tests (RFC 2544), 4,096 for
//! each region; a region behind a translator has private ones inside. IPv6 is nowhere translated.

mod ipv6;
mod parts;

pub use ipv6::INTERNET_ADDRESS_V6;

use ipnet::{IpNet, Ipv4Net};
use netloom_model::Fabric;
use netloom_model::fabric::{LabLink, Name};
use netloom_state::host::{Address, Route};
use netloom_state::{HostState, LinkEnd, Namespace, NamespaceState};
use parts::{end, loopback, nat_table, tunnel, veth, way};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The port on which every node of a lab listens.
pub const PORT: u16 = 51820;
/// The address of the host that stands for the internet (TEST-NET-3, RFC 5737).
pub const INTERNET_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// Most regions of a lab.
pub const REGIONS_MAX: usize = 32;
/// Most nodes of a region behind a translator: a /24 less router and reserve.
const FIRST_NODE: u32 = 10;

/// What a lab stands on.
#[derive(Clone, Debug, Default)]
pub struct Underlay {
    /// Namespaces, links and ways.
    pub host: HostState,
    /// Where each node is.
    pub nodes: BTreeMap<Name, NodePlace>,
    /// Links that an emulator carries.
    pub links: Vec<EmulatedLink>,
    /// What addresses were made from.
    pub numbers: Numbers,
}

/// Numbers of regions, and of nodes in their regions: whoever stays keeps its own, and so its
/// address, whatever comes and goes beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    regions: BTreeMap<Name, usize>,
    nodes: BTreeMap<Name, (Name, u32)>,
}

impl Numbers {
    /// The numbers for a fabric, from those of the one before.
    fn after(before: &Self, fabric: &Fabric) -> Self {
        let mut numbers = Self::default();
        let known = before.regions.iter().filter(|(name, _)| fabric.regions.contains_key(*name));
        numbers.regions.extend(known.map(|(name, number)| (name.clone(), *number)));
        for name in fabric.regions.keys() {
            if !numbers.regions.contains_key(name) {
                let taken: BTreeSet<usize> = numbers.regions.values().copied().collect();
                let free = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
                numbers.regions.insert(name.clone(), free);
            }
        }
        let mut taken: BTreeSet<(Name, u32)> = BTreeSet::new();
        for (name, place) in &before.nodes {
            if fabric.nodes.get(name).is_some_and(|node| node.region == place.0) {
                taken.insert(place.clone());
                numbers.nodes.insert(name.clone(), place.clone());
            }
        }
        for (name, node) in &fabric.nodes {
            if !numbers.nodes.contains_key(name) {
                let at = |number| (node.region.clone(), number);
                let free = (FIRST_NODE..).find(|number| !taken.contains(&at(*number)));
                let place = at(free.unwrap_or(u32::MAX));
                taken.insert(place.clone());
                numbers.nodes.insert(name.clone(), place);
            }
        }
        numbers
    }
}

/// Where a node is on the ground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlace {
    /// Its namespace.
    pub namespace: Namespace,
    /// Where its region's router meets its link: the place to watch what it sends.
    pub router_end: LinkEnd,
    /// Where nodes of its own region call it.
    pub local_endpoint: SocketAddr,
    /// Where all others call it; nowhere behind a translator.
    pub endpoint: Option<SocketAddr>,
}

/// A link between a region's router and the internet.
#[derive(Clone, Debug, PartialEq)]
pub struct EmulatedLink {
    /// The region.
    pub region: Name,
    /// The router's end.
    pub inner: LinkEnd,
    /// The internet's end.
    pub outer: LinkEnd,
    /// Its properties.
    pub profile: LabLink,
}

/// Why there is no ground for a fabric.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnderlayError {
    /// Too many regions.
    #[error("the lab has room for {REGIONS_MAX} regions, and the fabric has {0}: leave some out")]
    TooManyRegions(usize),
    /// Too many nodes in a region.
    #[error("the lab has no address for node {node} in region {region}: move some nodes elsewhere")]
    TooManyNodes {
        /// The node.
        node: Name,
        /// The region.
        region: Name,
    },
}

/// The ground for a fabric, from the numbers of the one before.
pub fn plan(fabric: &Fabric, before: &Numbers) -> Result<Underlay, UnderlayError> {
    if fabric.regions.len() > REGIONS_MAX {
        return Err(UnderlayError::TooManyRegions(fabric.regions.len()));
    }
    let numbers = Numbers::after(before, fabric);
    let mut underlay = Underlay::default();
    let internet = underlay.host.namespaces.entry(internet()).or_default();
    forwards(internet);
    let own = Address { link: "lo".to_owned(), address: IpAddr::from(INTERNET_ADDRESS).into() };
    internet.addresses.insert(own);
    for (name, region) in &fabric.regions {
        let index = numbers.regions[name];
        let public = public_prefix(index);
        let inside = match region.networks.iter().find(|prefix| prefix.addr().is_ipv4()) {
            Some(IpNet::V4(prefix)) if region.nat => *prefix,
            Some(_) | None if region.nat => private_prefix(index),
            Some(_) | None => public,
        };
        let site = Site { name, index, public, inside, nat: region.nat };
        add_router(&mut underlay, &site, fabric.lab_links.get(name));
        let nodes = numbers.nodes.iter().filter(|(_, (region, _))| region == name);
        for (node, (_, offset)) in nodes {
            add_node(&mut underlay, &site, node, *offset)?;
        }
    }
    underlay.numbers = numbers;
    ipv6::add(&mut underlay, fabric);
    Ok(underlay)
}

/// The namespace of the host that stands for the internet.
pub fn internet() -> Namespace {
    Namespace::Own("internet".to_owned())
}

/// The namespace of a region's router.
pub fn router(region: &str) -> Namespace {
    Namespace::Own(format!("router-{region}"))
}

/// The namespace of a node's own stack.
pub fn node(name: &str) -> Namespace {
    Namespace::Own(format!("node-{name}"))
}

struct Site<'a> {
    name: &'a Name,
    index: usize,
    public: Ipv4Net,
    inside: Ipv4Net,
    nat: bool,
}

impl Site<'_> {
    /// An address inside, by its place in the prefix; `None` past its end.
    fn address(&self, offset: u32) -> Option<Ipv4Addr> {
        let address = Ipv4Addr::from(u32::from(self.inside.network()).checked_add(offset)?);
        (self.inside.contains(&address) && address != self.inside.broadcast()).then_some(address)
    }
}

/// 198.18.0.0/15 in parts of 4,096 addresses.
fn public_prefix(index: usize) -> Ipv4Net {
    let offset = u32::try_from(index).unwrap_or(0) << 12;
    Ipv4Net::new_assert(Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + offset), 20)
}

fn private_prefix(index: usize) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, u8::try_from(100 + index).unwrap_or(100), 0), 24)
}

fn forwards(state: &mut NamespaceState) {
    state.links.insert("lo".to_owned(), loopback());
    for (key, value) in [("ipv4/ip_forward", "1"), ("ipv4/conf/all/rp_filter", "0")] {
        state.sysctls.insert(format!("net/{key}"), value.to_owned());
    }
}

fn add_router(underlay: &mut Underlay, site: &Site<'_>, link: Option<&LabLink>) {
    let router = router(site.name);
    let outer_name = parts::link_name("r-", site.index, site.name);
    let (inner, outer) = (end(&router, "wan0"), end(&internet(), &outer_name));
    let host = &mut underlay.host;
    let state = host.namespaces.entry(router.clone()).or_default();
    forwards(state);
    // The first address of the region is its router's.
    let own = u32::from(site.public.network()) + 1;
    let own = IpAddr::from(Ipv4Addr::from(own));
    // On the link itself: what is translated gets this address, and no other.
    state.addresses.insert(Address { link: "wan0".to_owned(), address: own.into() });
    if let Some(gateway) = site.address(1) {
        let address = IpAddr::from(gateway).into();
        state.addresses.insert(Address { link: "lo".to_owned(), address });
    }
    if site.nat {
        state.tables.insert("netloom-lab".to_owned(), nat_table("wan0"));
    }
    match link {
        Some(profile) => {
            for tunnel_end in [&inner, &outer] {
                let state = host.namespaces.entry(tunnel_end.namespace.clone()).or_default();
                state.links.insert(tunnel_end.link.clone(), tunnel());
            }
            let (inner, outer, profile) = (inner.clone(), outer.clone(), *profile);
            underlay.links.push(EmulatedLink { region: site.name.clone(), inner, outer, profile });
        }
        None => veth(host, &inner, &outer, 1500),
    }
    let through_veth = link.is_none();
    let host = &mut underlay.host;
    for (at, to) in [(&inner, "0.0.0.0/0".parse().ok()), (&outer, Some(IpNet::from(site.public)))] {
        if let Some(to) = to {
            parts::route_over(host, at, to, through_veth);
        }
    }
}

fn add_node(
    underlay: &mut Underlay,
    site: &Site<'_>,
    name: &Name,
    offset: u32,
) -> Result<(), UnderlayError> {
    let too_many = || UnderlayError::TooManyNodes { node: name.clone(), region: site.name.clone() };
    let address = site.address(offset).ok_or_else(too_many)?;
    let (namespace, router) = (node(name), router(site.name));
    let link = parts::link_name("n-", offset as usize, name);
    let (own, theirs) = (end(&namespace, "eth0"), end(&router, &link));
    let host = &mut underlay.host;
    veth(host, &own, &theirs, 1500);
    let state = host.namespaces.entry(namespace.clone()).or_default();
    state.links.insert("lo".to_owned(), loopback());
    let sysctl = "net/ipv4/ping_group_range".to_owned();
    state.sysctls.insert(sysctl, "0\t0".to_owned());
    let own_address = IpAddr::from(address);
    state.addresses.insert(Address { link: "eth0".to_owned(), address: own_address.into() });
    if let Ok(everywhere) = "0.0.0.0/0".parse() {
        parts::route_over(host, &own, everywhere, true);
    }
    let state = host.namespaces.entry(router).or_default();
    let route: Route = way(own_address.into(), &link, None);
    state.routes.insert(route);
    parts::fix_neighbour(host, &theirs, own_address, &own);
    let endpoint = SocketAddr::new(own_address, PORT);
    let place = NodePlace {
        namespace,
        router_end: theirs,
        local_endpoint: endpoint,
        endpoint: (!site.nat).then_some(endpoint),
    };
    underlay.nodes.insert(name.clone(), place);
    Ok(())
}

#[cfg(test)]
mod tests;
