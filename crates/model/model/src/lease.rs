//! Addresses: a pure function from the fabric and the leases kept so far to the leases from now on.

mod prefix;

use crate::fabric::{Fabric, Name, Reserved, Workload};
use ipnet::IpNet;
use netloom_base::hash::fnv1a;
use prefix::{RESERVED_COUNT, nth, size};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

pub(crate) use prefix::room;
pub use prefix::{gateway, is_reserved, resolver};

/// Addresses by workload: one of each family of its subnet's prefixes, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    /// By workload.
    pub workloads: BTreeMap<Name, Vec<IpAddr>>,
    /// Addresses that were released and rest until they may be given again, by network.
    pub resting: BTreeSet<(Name, IpAddr)>,
}

/// Why a workload gets no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unassigned {
    /// It asks for one outside its subnet.
    Outside {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: Name,
    },
    /// It asks for one of the reserved ones.
    Reserved {
        /// The address.
        address: IpAddr,
    },
    /// It asks for one that another workload asks for too.
    Taken {
        /// The address.
        address: IpAddr,
        /// The other workload.
        by: Name,
    },
    /// It asks for a second one of a family.
    Second {
        /// The address.
        address: IpAddr,
        /// The one it has.
        first: IpAddr,
    },
    /// None is left.
    Exhausted {
        /// The subnet.
        subnet: Name,
    },
}

/// The address of a node in every network that it joins: a ULA /128 (RFC 4193 §3.2)
/// from the fabric's id (40 bits of it are the global id) and the node's name.
pub fn node_address(fabric_id: u128, node: &str) -> Ipv6Addr {
    let global = (fabric_id >> 88) & 0xff_ffff_ffff;
    Ipv6Addr::from((0xfd << 120) | (global << 80) | u128::from(fnv1a(node.as_bytes())))
}

/// Gives every workload its addresses: those it asks for, else those it had, else the first free
/// ones that do not rest. Workloads that cannot be served are named with the reason.
pub fn assign(fabric: &Fabric, before: &Leases) -> (Leases, Vec<(Name, Unassigned)>) {
    assign_in(fabric, before, |_| true)
}

/// What [`assign`] gives to the workloads of some networks: what is in one network does not depend on
/// another. Nothing is said of the others.
pub fn assign_in(
    fabric: &Fabric,
    before: &Leases,
    is_meant: impl Fn(&str) -> bool,
) -> (Leases, Vec<(Name, Unassigned)>) {
    let all = fabric.workloads.iter();
    let meant: Vec<(&Name, &Workload)> =
        all.filter(|(_, workload)| is_meant(fabric.network_of(workload))).collect();
    let mut behind: BTreeMap<&str, Vec<IpNet>> = BTreeMap::new();
    for (_, workload) in meant.iter().filter(|(_, workload)| !workload.advertise.is_empty()) {
        behind.entry(fabric.network_of(workload)).or_default().extend(&workload.advertise);
    }
    let (taken, refused, next) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let mut desk = Desk { fabric, taken, refused, behind, next };
    let mut given: BTreeMap<Name, Given> = BTreeMap::new();
    for &(name, workload) in &meant {
        for address in &workload.addresses {
            let have = given.entry(name.clone()).or_default();
            desk.claim(name, workload, *address, have);
        }
    }
    for &(name, workload) in &meant {
        for address in before.workloads.get(name).into_iter().flatten() {
            desk.keep(name, workload, *address, given.entry(name.clone()).or_default());
        }
    }
    for &(name, workload) in &meant {
        let have = given.entry(name.clone()).or_default();
        let cidrs = &fabric.subnets[&workload.subnet].cidrs;
        for family in families(cidrs) {
            if have.contains_key(&family) {
                continue;
            }
            let of_family = cidrs.iter().filter(|prefix| Family::of(prefix.addr()) == family);
            let free = of_family
                .filter_map(|prefix| desk.first_free(name, workload, *prefix, &before.resting))
                .next();
            match free {
                Some(address) => drop(have.insert(family, address)),
                None => desk.refused.push((
                    name.clone(),
                    Unassigned::Exhausted { subnet: workload.subnet.clone() },
                )),
            }
        }
    }
    let workloads = given
        .into_iter()
        .map(|(name, given)| {
            let cidrs = &fabric.subnets[&fabric.workloads[&name].subnet].cidrs;
            let addresses = families(cidrs).filter_map(|family| given.get(&family).copied());
            (name, addresses.collect())
        })
        .collect();
    (Leases { workloads, resting: before.resting.clone() }, desk.refused)
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// What a workload has: one address of each family.
type Given = BTreeMap<Family, IpAddr>;

/// The families of prefixes, in the order in which they come first.
fn families(cidrs: &[IpNet]) -> impl Iterator<Item = Family> {
    let mut first: Vec<Family> = Vec::with_capacity(2);
    for cidr in cidrs {
        let family = Family::of(cidr.addr());
        if !first.contains(&family) {
            first.push(family);
        }
    }
    first.into_iter()
}

/// Where addresses are handed out.
struct Desk<'a> {
    fabric: &'a Fabric,
    /// Who has which address of which network.
    taken: BTreeMap<(&'a str, IpAddr), &'a str>,
    refused: Vec<(Name, Unassigned)>,
    /// What lies behind stock peers, by network.
    behind: BTreeMap<&'a str, Vec<IpNet>>,
    /// Where the search for a free address goes on, by network and prefix.
    next: BTreeMap<(&'a str, IpNet), u128>,
}

impl<'a> Desk<'a> {
    fn reserved(&self, workload: &Workload) -> Reserved {
        self.fabric.subnets[&workload.subnet].reserved
    }

    /// Whether a part of the prefix that holds the address lies behind a stock peer. What lies behind
    /// one as a whole, as where the peer is the way to all others, is given out nevertheless.
    fn is_behind_a_peer(&self, network: &str, prefix: IpNet, address: IpAddr) -> bool {
        let behind = self.behind.get(network).into_iter().flatten();
        behind.into_iter().any(|part| part.contains(&address) && !part.contains(&prefix))
    }

    fn claim(&mut self, name: &'a str, workload: &'a Workload, address: IpAddr, have: &mut Given) {
        let cidrs = &self.fabric.subnets[&workload.subnet].cidrs;
        let family = Family::of(address);
        let network = self.fabric.network_of(workload).as_str();
        let refusal = match cidrs.iter().find(|prefix| prefix.contains(&address)) {
            None => Unassigned::Outside { address, subnet: workload.subnet.clone() },
            Some(prefix) if is_reserved(*prefix, self.reserved(workload), address) => {
                Unassigned::Reserved { address }
            }
            Some(_) => match (self.taken.get(&(network, address)), have.get(&family)) {
                (Some(by), _) if *by != name => Unassigned::Taken { address, by: (*by).to_owned() },
                (_, Some(first)) => Unassigned::Second { address, first: *first },
                (_, None) => {
                    self.taken.insert((network, address), name);
                    have.insert(family, address);
                    return;
                }
            },
        };
        self.refused.push((name.to_owned(), refusal));
    }

    fn keep(&mut self, name: &'a str, workload: &'a Workload, address: IpAddr, have: &mut Given) {
        let cidrs = &self.fabric.subnets[&workload.subnet].cidrs;
        let Some(prefix) = cidrs.iter().find(|prefix| prefix.contains(&address)) else { return };
        let key = (self.fabric.network_of(workload).as_str(), address);
        let family = Family::of(address);
        let free = !have.contains_key(&family)
            && !self.taken.contains_key(&key)
            && !is_reserved(*prefix, self.reserved(workload), address);
        if free {
            self.taken.insert(key, name);
            have.insert(family, address);
        }
    }

    fn first_free(
        &mut self,
        name: &'a str,
        workload: &'a Workload,
        prefix: IpNet,
        resting: &BTreeSet<(Name, IpAddr)>,
    ) -> Option<IpAddr> {
        let network = self.fabric.network_of(workload).as_str();
        let size = size(prefix);
        let (first, end) = match self.reserved(workload) {
            Reserved::First => (RESERVED_COUNT, size.saturating_sub(1)),
            Reserved::Last => (1, size.saturating_sub(RESERVED_COUNT)),
        };
        let start = self.next.get(&(network, prefix)).copied().unwrap_or(first);
        for offset in start..end {
            let address = nth(prefix, offset);
            let resting = resting.contains(&(network.to_owned(), address));
            if !resting
                && !self.taken.contains_key(&(network, address))
                && !self.is_behind_a_peer(network, prefix, address)
            {
                self.taken.insert((network, address), name);
                self.next.insert((network, prefix), offset + 1);
                return Some(address);
            }
        }
        // Whoever comes next need not search the whole prefix again.
        self.next.insert((network, prefix), size);
        None
    }
}
