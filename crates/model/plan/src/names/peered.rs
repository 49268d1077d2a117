//! Names of peered networks, as a network's resolvers answer them: only addresses to which the subnet of who
//! asks has a way by the peering, so that no answer leads to somebody else with the same prefix.

use super::{Names, add_services, workload_name};
use crate::input::PlanInput;
use crate::ways::{self, Way, Ways};
use ipnet::IpNet;
use netloom_model::fabric::{Fabric, Name, NextHop, Subnet};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What some resolvers of a network answer beside its own names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Where they listen.
    pub resolvers: Vec<IpAddr>,
    /// The names of each peered network, in the order of the peerings. They have no forwarders.
    pub peered: Vec<Names>,
}

/// What the resolvers of a network's subnets on a node answer of networks that are peered with it. It is
/// never transitive: what those resolve of others is theirs. Subnets with the same ways share a view.
pub fn views(input: &PlanInput<'_>, node: &str, network: &str) -> Vec<View> {
    let fabric = input.fabric;
    let ways = Ways::of(fabric, network);
    let subnets: BTreeSet<&Name> =
        input.workloads_of(network, node).map(|(_, workload)| &workload.subnet).collect();
    let mut seen: Vec<(Sight<'_>, Vec<IpAddr>)> = Vec::new();
    for subnet in subnets.into_iter().filter_map(|name| fabric.subnets.get(name)) {
        let sight = Sight::of(fabric, subnet, ways.of_subnet(subnet));
        let resolvers = subnet.cidrs.iter().map(|cidr| subnet.reserved.resolver(*cidr));
        match seen.iter_mut().find(|(known, _)| *known == sight) {
            Some((_, known)) => known.extend(resolvers),
            None => seen.push((sight, resolvers.collect())),
        }
    }
    let of = |(sight, resolvers): (Sight<'_>, Vec<IpAddr>)| {
        let others = fabric.peers_of(network).map(|(.., other)| other);
        View { resolvers, peered: others.map(|other| names(input, other, &sight)).collect() }
    };
    seen.into_iter().map(of).collect()
}

/// Whether the resolver of a subnet gives an address of a workload in another network for its name.
pub fn resolves(fabric: &Fabric, subnet: &Subnet, other: &str, address: IpAddr) -> bool {
    Sight::of(fabric, subnet, ways::of_subnet(fabric, subnet)).reaches(other, address)
}

/// The names of a peered network. Its nodes are not among them: no peering leads to their addresses.
fn names(input: &PlanInput<'_>, network: &str, sight: &Sight<'_>) -> Names {
    let domain = input.fabric.networks.get(network).map(|declared| declared.domain.clone());
    let mut names = Names { domain: domain.unwrap_or_default(), ..Names::default() };
    let seen = |address: IpAddr| sight.reaches(network, address);
    for (workload, _) in input.workloads_in(network) {
        let name = workload_name(workload, &names.domain);
        let addresses = input.addresses(workload).iter().copied().filter(|one| seen(*one));
        // One that cannot be reached exists all the same, and has no address here.
        names.insert(name, addresses.collect());
    }
    add_services(input, network, &mut names, seen);
    names
}

/// Which addresses of other networks a subnet has a way to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sight<'a> {
    /// Prefixes with a way, and the network that it leads to, if it is a peering's.
    ways: Vec<(IpNet, Option<&'a Name>)>,
}

impl<'a> Sight<'a> {
    fn of(fabric: &'a Fabric, subnet: &'a Subnet, ways: Vec<Way>) -> Self {
        // Who has no address of a family has no way for it either.
        let has = |ipv6: bool| subnet.cidrs.iter().any(|cidr| cidr.addr().is_ipv6() == ipv6);
        let leads_to = |way: &Way| match &way.via {
            NextHop::Peering(name) => {
                let mut peers = fabric.peers_of(&subnet.network);
                peers.find(|(peering, ..)| *peering == name).map(|(.., other)| other)
            }
            _ => None,
        };
        let own = ways.iter().filter(|way| has(way.to.addr().is_ipv6()));
        Self { ways: own.map(|way| (way.to, leads_to(way))).collect() }
    }

    /// Whether the way of the longest prefix that holds an address leads to `network`.
    fn reaches(&self, network: &str, address: IpAddr) -> bool {
        let holding = self.ways.iter().filter(|(to, _)| to.contains(&address));
        let longest = holding.max_by_key(|(to, _)| to.prefix_len());
        longest.is_some_and(|(_, other)| other.is_some_and(|other| other == network))
    }
}
