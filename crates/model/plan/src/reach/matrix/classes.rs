//! Classes of workloads: what tells one from another as far as reachability goes, out of the fabric too.

use super::{Class, Kind};
use crate::input::PlanInput;
use crate::outer_v6;
use ipnet::IpNet;
use netloom_model::fabric::{Attach, Fabric, Name, Peer, Protocol, Workload};
use netloom_policy::IntervalSet;
use netloom_policy::interval::{address_number, partition};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Everything that a workload's reachability depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    subnet: &'a Name,
    groups: &'a BTreeSet<Name>,
    /// By address: the family, and which prefixes of rules and routes hold it.
    cells: Vec<(bool, usize)>,
    /// In which networks that see it the address is nobody's alone.
    is_shared: Vec<bool>,
    place: Place<'a>,
    /// What can be called from outside, as it is called there.
    published: BTreeSet<(Protocol, u16)>,
    /// By gateway of several nodes that it is beside, as one that leaves there and not at the first: whether
    /// IPv6 comes back, by address.
    beside: Vec<(&'a Name, Vec<bool>)>,
    /// Its name, where it is like no other: its stack has several interfaces, or another such stack has
    /// one of its addresses.
    own: Option<&'a Name>,
}

/// What of a workload's place ways depend on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'a> {
    /// On a node's own stack: which.
    Stack(&'a Name),
    /// In a namespace, on a node of this region that others can call, from everywhere or at all.
    Near { region: &'a Name, public: bool, stock: Option<bool> },
    /// The same on a node that others of its region cannot call: which.
    Alone { node: &'a Name, stock: Option<bool> },
}

pub(super) fn of(input: &PlanInput<'_>) -> Vec<Class> {
    let fabric = input.fabric;
    let cells = Cells::of(fabric);
    let counts = addresses(input);
    let several = several_interfaces(fabric);
    let taken: BTreeSet<IpAddr> =
        several.iter().flat_map(|name| input.addresses(name)).copied().collect();
    let peered: BTreeMap<&Name, Vec<&Name>> = fabric
        .networks
        .keys()
        .map(|network| (network, fabric.peers_of(network).map(|(.., other)| other).collect()))
        .collect();
    let mut classes: BTreeMap<Key<'_>, Vec<Name>> = BTreeMap::new();
    for (name, workload) in &fabric.workloads {
        let addresses = input.addresses(name);
        let network = fabric.network_of(workload);
        let seen_by = peered.get(network).into_iter().flatten();
        let key = Key {
            subnet: &workload.subnet,
            groups: &workload.security_groups,
            cells: addresses.iter().map(|one| (one.is_ipv6(), cells.at(*one))).collect(),
            is_shared: seen_by
                .flat_map(|other| addresses.iter().map(|one| counts.is_shared(other, *one)))
                .collect(),
            place: place(input, workload),
            published: workload.publish.iter().map(|one| (one.protocol, one.to)).collect(),
            beside: beside(input, network, workload, addresses),
            own: Some(name).filter(|name| {
                several.contains(name) || addresses.iter().any(|one| taken.contains(one))
            }),
        };
        classes.entry(key).or_default().push(name.clone());
    }
    let class = |(key, members): (Key<'_>, Vec<Name>)| Class {
        kind: Kind::Workloads,
        members,
        network: Some(fabric.subnets[key.subnet].network.clone()),
        subnet: Some(key.subnet.clone()),
        groups: key.groups.clone(),
    };
    classes.into_iter().map(class).collect()
}

/// The workloads whose stack has several interfaces, and those interfaces.
fn several_interfaces(fabric: &Fabric) -> BTreeSet<&Name> {
    let interfaces = fabric.workloads.iter().filter_map(|(name, one)| match &one.attach {
        Attach::Interface { of } => Some([of, name]),
        _ => None,
    });
    interfaces.flatten().collect()
}

/// The gateways of several nodes that a workload's node is among, and whether IPv6 comes back from there.
fn beside<'a>(
    input: &PlanInput<'a>,
    network: &'a Name,
    workload: &Workload,
    addresses: &[IpAddr],
) -> Vec<(&'a Name, Vec<bool>)> {
    let all = input.fabric.gateways_of(network);
    let those = all.filter(|(_, one)| one.nodes.len() > 1 && one.nodes.contains(&workload.node));
    let comes_back = |address: &IpAddr| {
        let owner = outer_v6::owner(input, &workload.node, *address);
        owner.is_none_or(|owner| owner == network)
    };
    those
        .map(|(name, _)| {
            let sixes = addresses.iter().filter(|address| address.is_ipv6());
            (name, sixes.map(comes_back).collect())
        })
        .collect()
}

fn place<'a>(input: &PlanInput<'a>, workload: &'a Workload) -> Place<'a> {
    let node = &workload.node;
    if workload.is_host() {
        return Place::Stack(node);
    }
    near(input, node, workload.stock_peer().map(|peer| peer.public_key.is_some()))
}

/// What of a node's place ways between nodes depend on.
pub(super) fn near<'a>(input: &PlanInput<'a>, node: &'a Name, stock: Option<bool>) -> Place<'a> {
    let entry = input.directory.nodes.get(node);
    let declared = &input.fabric.nodes[node];
    match entry.filter(|entry| entry.local_endpoint.is_some()) {
        Some(entry) => {
            let public = entry.endpoint.is_some() || declared.endpoint.is_some();
            Place::Near { region: &declared.region, public, stock }
        }
        None => Place::Alone { node, stock },
    }
}

/// How often each address is there, among the networks that a network is peered with.
struct Counts<'a>(BTreeMap<&'a Name, BTreeMap<IpAddr, usize>>);

impl Counts<'_> {
    fn is_shared(&self, network: &Name, address: IpAddr) -> bool {
        self.0.get(network).and_then(|counts| counts.get(&address)).is_some_and(|count| *count > 1)
    }
}

fn addresses<'a>(input: &PlanInput<'a>) -> Counts<'a> {
    let mut all: BTreeMap<&Name, BTreeMap<IpAddr, usize>> = BTreeMap::new();
    for network in input.fabric.networks.keys() {
        let counts = all.entry(network).or_default();
        for (.., other) in input.fabric.peers_of(network) {
            for (name, _) in input.workloads_in(other) {
                for address in input.addresses(name) {
                    *counts.entry(*address).or_default() += 1;
                }
            }
        }
        // What is in the network itself is told from that too.
        for (name, _) in input.workloads_in(network) {
            for address in input.addresses(name) {
                counts.entry(*address).and_modify(|count| *count += 1);
            }
        }
    }
    Counts(all)
}

/// The addresses, cut where a prefix of a rule or route begins or ends.
pub(super) struct Cells {
    pub(super) ranges: Vec<(u128, u128, usize)>,
}

impl Cells {
    pub(super) fn of(fabric: &Fabric) -> Self {
        let groups = fabric.security_groups.values();
        let rules = groups.flat_map(|group| group.ingress.iter().chain(&group.egress));
        let mut prefixes: BTreeSet<IpNet> = rules
            .filter_map(|rule| match &rule.peer {
                Peer::Cidr(prefix) => Some(*prefix),
                Peer::All | Peer::SecurityGroup(_) => None,
            })
            .collect();
        for acl in fabric.network_acls.values() {
            let rules = acl.ingress.iter().chain(&acl.egress);
            prefixes.extend(rules.flat_map(|rule| rule.prefixes.iter().copied()));
        }
        let tables = fabric.route_tables.values().flat_map(|table| &table.routes);
        prefixes.extend(tables.map(|route| route.to));
        let nodes = fabric.nodes.values().flat_map(|node| &node.advertise);
        prefixes.extend(nodes.map(netloom_model::fabric::Advertised::reached_as));
        let peers = fabric.workloads.values().flat_map(|workload| &workload.advertise);
        prefixes.extend(peers.copied());
        prefixes.extend(fabric.networks.values().flat_map(|network| &network.cidrs));
        prefixes.extend(fabric.subnets.values().flat_map(|subnet| &subnet.cidrs));
        let sets: Vec<IntervalSet> = prefixes.into_iter().map(IntervalSet::prefix).collect();
        let mut numbers: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let ranges = partition(&sets)
            .into_iter()
            .map(|(first, last, signature)| {
                let next = numbers.len() + 1;
                (first, last, *numbers.entry(signature).or_insert(next))
            })
            .collect();
        Self { ranges }
    }

    /// The number of the part that holds an address; 0 outside of all prefixes.
    pub(super) fn at(&self, address: IpAddr) -> usize {
        let number = address_number(address);
        let after = self.ranges.partition_point(|(first, ..)| *first <= number);
        let range = after.checked_sub(1).and_then(|index| self.ranges.get(index));
        range.filter(|(_, last, _)| *last >= number).map_or(0, |(.., cell)| *cell)
    }
}
