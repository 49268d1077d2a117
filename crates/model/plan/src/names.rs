//! What the resolver of a network knows: workloads, nodes and services by name.

mod peered;

pub use peered::{View, resolves, views};

use crate::input::PlanInput;
use netloom_model::fabric::{Fabric, Name, Network, Party, Protocol, Reserved, Workload};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Names and addresses of one network. Names are whole, lower case, without a dot at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The network's domain; every name is below it.
    pub domain: String,
    /// Addresses by name (A and AAAA).
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// The name of an address (PTR): that of its workload or node.
    pub reverse: BTreeMap<IpAddr, String>,
    /// Places where a service is served, by `_SERVICE._PROTOCOL.NAMESPACE.DOMAIN` (SRV, RFC 2782).
    pub services: BTreeMap<String, Vec<ServicePlace>>,
    /// Resolvers for all other names; those of the node if empty.
    pub forwarders: Vec<IpAddr>,
}

/// One SRV record's data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServicePlace {
    /// Lowest first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// Port.
    pub port: u16,
    /// Name of the workload that serves.
    pub target: String,
}

/// The whole name of a workload.
pub fn workload_name(workload: &str, domain: &str) -> String {
    format!("{workload}.{domain}")
}

/// The whole name of a node.
pub fn node_name(node: &str, domain: &str) -> String {
    format!("{node}.nodes.{domain}")
}

/// All whom a name stands for, by which a workload or node is declared or which a network's resolver answers: one, or the members
/// of a service. Nobody, if nothing has the name.
pub fn whom(fabric: &Fabric, name: &str) -> Vec<Party> {
    if let Some(party) = fabric.party(name) {
        return vec![party];
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if let Some(service) = fabric.services.get(&name) {
        return fabric.members(service).map(|(name, _)| Party::Workload(name.clone())).collect();
    }
    let of_network = |(network, declared): (&Name, &Network)| {
        let below = name.strip_suffix(&declared.domain)?.strip_suffix('.')?;
        Some(whom_in(fabric, network, below)).filter(|found| !found.is_empty())
    };
    fabric.networks.iter().find_map(of_network).unwrap_or_default()
}

/// Whom a name below a network's domain stands for.
fn whom_in(fabric: &Fabric, network: &str, name: &str) -> Vec<Party> {
    let in_network = |workload: &Workload| fabric.network_of(workload) == network;
    let Some((first, second)) = name.split_once('.') else {
        let found = fabric.workloads.get_key_value(name).filter(|(_, found)| in_network(found));
        return found.map(|(name, _)| Party::Workload(name.clone())).into_iter().collect();
    };
    if second == "nodes" {
        let node = fabric.nodes.contains_key(first).then(|| Party::Node(first.to_owned()));
        return node.into_iter().collect();
    }
    let Some(service) = fabric.services.get(first).filter(|found| found.namespace == second) else {
        return Vec::new();
    };
    let members = fabric.members(service).filter(|(_, one)| in_network(one));
    members.map(|(name, _)| Party::Workload(name.clone())).collect()
}

/// The names of a network.
pub fn names(input: &PlanInput<'_>, network: &str) -> Names {
    let declared = &input.fabric.networks[network];
    let mut names = Names {
        domain: declared.domain.clone(),
        forwarders: foreign_resolvers(input.fabric, network),
        ..Names::default()
    };
    for (workload, _) in input.workloads_in(network) {
        let name = workload_name(workload, &names.domain);
        names.insert(name, input.addresses(workload).to_vec());
    }
    for node in input.stacks_in(network) {
        let name = node_name(node, &names.domain);
        names.insert(name, vec![input.node_address(node).into()]);
    }
    add_services(input, network, &mut names, |_| true);
    names
}

/// The resolvers that a network's are to ask: those that are declared, but for its own. A network's second address is,
/// as in AWS, a word for the resolver that it has by itself, which asks those of the node.
pub fn foreign_resolvers(fabric: &Fabric, network: &str) -> Vec<IpAddr> {
    let declared = &fabric.networks[network];
    let subnets = fabric.subnets.values().filter(|subnet| subnet.network == network);
    let of_subnets =
        subnets.flat_map(|subnet| subnet.cidrs.iter().map(|cidr| subnet.reserved.resolver(*cidr)));
    let of_network = declared.cidrs.iter().map(|cidr| Reserved::First.resolver(*cidr));
    let own: BTreeSet<IpAddr> = of_subnets.chain(of_network).collect();
    declared.resolvers.iter().copied().filter(|one| !own.contains(one)).collect()
}

impl Names {
    fn insert(&mut self, name: String, addresses: Vec<IpAddr>) {
        for address in &addresses {
            self.reverse.insert(*address, name.clone());
        }
        self.addresses.insert(name, addresses);
    }
}

/// Adds the services of a network, as far as they are served at addresses that can be `seen`.
fn add_services(
    input: &PlanInput<'_>,
    network: &str,
    names: &mut Names,
    seen: impl Fn(IpAddr) -> bool,
) {
    for (service, declared) in &input.fabric.services {
        let below = format!("{}.{}", declared.namespace, names.domain);
        let (mut addresses, mut places) = (Vec::new(), Vec::new());
        let members = input.fabric.members(declared);
        for (workload, _) in members.filter(|(_, one)| input.fabric.network_of(one) == network) {
            let own = input.addresses(workload);
            addresses.extend(own.iter().copied().filter(|address| seen(*address)));
            // One that has no address yet is a place all the same.
            if own.is_empty() || own.iter().any(|address| seen(*address)) {
                let target = workload_name(workload, &names.domain);
                places.push(ServicePlace { priority: 0, weight: 1, port: declared.port, target });
            }
        }
        if places.is_empty() {
            continue;
        }
        let protocol = match declared.protocol {
            Protocol::Udp => "_udp",
            Protocol::Tcp | Protocol::Icmp | Protocol::All => "_tcp",
        };
        names.addresses.insert(format!("{service}.{below}"), addresses);
        names.services.insert(format!("_{service}.{protocol}.{below}"), places);
    }
}
