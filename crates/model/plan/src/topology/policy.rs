//! Who is who in a network, and what each local workload may do.

use super::entries::entries;
use super::network::node_prefix;
use crate::firewall::{Border, CompiledPolicy, Local, Policies, SubnetAcl, Uplink};
use crate::input::PlanInput;
use crate::naming::{HOST_LINK, TUNNEL, UPLINK, identity_hint, link_name, peering_link};
use crate::outer_v6;
use ipnet::IpNet;
use netloom_model::Span;
use netloom_model::fabric::{Attach, Name, NextHop, Protocol, Route, Workload};
use netloom_policy::acl;
use netloom_policy::allowance::{self, Allowance, Direction};
use netloom_policy::interval::address_number;
use netloom_policy::table::Members;
use netloom_policy::{IntervalSet, Selector};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The local senders and receivers of a network on a node, and their policy.
pub(crate) fn policy_of(
    input: &PlanInput<'_>,
    node: &str,
    network: &str,
) -> (Vec<Local>, CompiledPolicy) {
    let mut desk = IdentityDesk { input, numbers: BTreeMap::new() };
    desk.number_all(network);
    let (mut locals, mut policies) = (Vec::new(), Policies::default());
    for (name, workload) in input.workloads_of(network, node) {
        let link = match &workload.attach {
            Attach::Host => HOST_LINK.to_owned(),
            Attach::Wireguard(_) => TUNNEL.to_owned(),
            _ => link_name("w-", name),
        };
        let behind = behind(input, network, name, workload);
        let identity = desk.add(&workload.security_groups, false, &mut policies);
        let addresses = input.addresses(name).to_vec();
        locals.push(Local { link, addresses, behind, identity });
    }
    if input.stack_networks_of(node).contains(network) {
        let groups = &input.fabric.nodes[node].security_groups;
        let identity = desk.add(groups, groups.is_empty(), &mut policies);
        let addresses = vec![input.node_address(node).into()];
        let behind = IntervalSet::EMPTY;
        locals.push(Local { link: HOST_LINK.into(), addresses, behind, identity });
    }
    let acls = acls(input, node, network);
    let members = members(input, network);
    let policy = CompiledPolicy::compile(&locals, &policies, &members, &acls);
    (locals, policy)
}

/// The network ACLs of the subnets of a network that a node has workloads in.
fn acls(input: &PlanInput<'_>, node: &str, network: &str) -> Vec<SubnetAcl> {
    let fabric = input.fabric;
    let local: BTreeSet<&Name> =
        input.workloads_of(network, node).map(|(_, workload)| &workload.subnet).collect();
    let mut taken = BTreeSet::new();
    let of = |name: &Name| {
        let subnet = fabric.subnets.get(name)?;
        let (acl_name, acl) = fabric.network_acls.get_key_value(subnet.network_acl.as_ref()?)?;
        let mut number = identity_hint([name.as_str()].into_iter());
        while !taken.insert(number) {
            number = number.wrapping_add(1).max(1);
        }
        let ranges = subnet.cidrs.iter().map(|cidr| IntervalSet::prefix(*cidr));
        let ranges = ranges.fold(IntervalSet::EMPTY, |all, one| all.union(&one));
        let judged = |rules| acl::allowances(acl_name, &acl.span, rules, &subnet.cidrs);
        Some(SubnetAcl {
            ranges: ranges.ranges().to_vec(),
            number,
            egress: judged(&acl.egress),
            ingress: judged(&acl.ingress),
        })
    };
    local.into_iter().filter_map(of).collect()
}

/// The links of a network's namespace that lead to no workload.
pub(crate) fn border_of(input: &PlanInput<'_>, node: &str, network: &str) -> Border {
    let joined = input.networks_of(node);
    let peers = input.fabric.peers_of(network).filter(|(.., other)| joined.contains(*other));
    let mut peerings: Vec<String> = peers.map(|(.., other)| peering_link(other)).collect();
    peerings.sort_unstable();
    peerings.dedup();
    let uplink = crate::peers::is_door(input, node, network);
    let uplink = uplink.then(|| uplink_of(input, node, network));
    Border { peerings, uplink, routers: routers(input, node, network) }
}

/// Local workloads that routes lead to, with what is behind them.
fn routers(input: &PlanInput<'_>, node: &str, network: &str) -> Vec<(String, IpNet)> {
    let tables = input.fabric.route_tables.values().filter(|table| table.network == network);
    let behind = |route: &Route| {
        let NextHop::Workload(name) = &route.via else { return None };
        let workload = input.fabric.workloads.get(name)?;
        let is_here = workload.node == node && has_own_link(workload);
        is_here.then(|| (link_name("w-", name), route.to))
    };
    let mut routers: Vec<_> = tables.flat_map(|table| &table.routes).filter_map(behind).collect();
    routers.sort_unstable();
    routers.dedup();
    routers
}

/// Whether a workload has a link of its own to its network.
pub(super) fn has_own_link(workload: &Workload) -> bool {
    !workload.is_host() && workload.stock_peer().is_none()
}

/// What passes between a network and the node's own stack.
fn uplink_of(input: &PlanInput<'_>, node: &str, network: &str) -> Uplink {
    let fabric = input.fabric;
    let peered = fabric.peers_of(network).map(|(.., other)| other.as_str());
    let networks = peered.chain([network]).filter_map(|name| fabric.networks.get(name));
    let mut inside: Vec<IpNet> = networks.flat_map(|one| one.cidrs.iter().copied()).collect();
    inside.push(node_prefix(input, node));
    let entries = entries(input, node, network);
    let published_of: BTreeSet<&Name> = entries
        .iter()
        .filter(|(_, entry)| entry.lets_in && entry.to.addr().is_ipv4())
        .map(|(subnet, _)| subnet)
        .collect();
    let published = input.workloads_in(network);
    let published = published.filter(|(_, workload)| published_of.contains(&workload.subnet));
    let published = published.flat_map(|(name, workload)| {
        let address = input.addresses(name).iter().copied().find(IpAddr::is_ipv4);
        workload.publish.iter().filter_map(move |one| {
            let protocol = if one.protocol == Protocol::Udp { 17 } else { 6 };
            Some((protocol, one.port, address?, one.to))
        })
    });
    let published = published.collect();
    let entries = entries.iter().map(|(_, entry)| *entry).collect();
    let by_stack =
        input.stack_networks_of(node).contains(network) && outer_v6::passes(input, node, network);
    let by_stack = by_stack.then(|| HOST_LINK.to_owned());
    let own = stack_addresses(input, node);
    Uplink { link: UPLINK.to_owned(), by_stack, inside, own, entries, published }
}

/// The addresses that a node's own stack has in whatever network.
fn stack_addresses(input: &PlanInput<'_>, node: &str) -> Vec<IpAddr> {
    let is_in_any = !input.stack_networks_of(node).is_empty();
    let own = is_in_any.then(|| input.node_address(node).into());
    let networks = input.networks_of(node).iter();
    let workloads = networks.flat_map(|network| input.workloads_of(network, node));
    let on_stack = workloads.filter(|(_, workload)| workload.is_host());
    let theirs = on_stack.flat_map(|(name, _)| input.addresses(name).iter().copied());
    let mut addresses: Vec<IpAddr> = own.into_iter().chain(theirs).collect();
    addresses.sort_unstable();
    addresses
}

/// The addresses behind a stock peer that are nobody else's: as for the tunnel, the longest prefix
/// says whose an address is.
fn behind(input: &PlanInput<'_>, network: &str, name: &str, workload: &Workload) -> IntervalSet {
    if workload.advertise.is_empty() {
        return IntervalSet::EMPTY;
    }
    let others = input.workloads_in(network).filter(|(other, _)| *other != name);
    let prefixes: Vec<_> = others.flat_map(|(_, other)| other.advertise.iter().copied()).collect();
    let addresses = input.workloads_in(network).flat_map(|(name, _)| input.addresses(name));
    let nodes = input.stacks_in(network).iter().map(|node| input.node_address(node).into());
    let numbers = addresses.copied().chain(nodes).map(address_number);
    let taken: IntervalSet = numbers.map(|number| (number, number)).collect();
    let part = |prefix: &IpNet| {
        let longer = prefixes.iter().filter(|other| prefix.contains(*other) && *other != prefix);
        let own = IntervalSet::prefix(*prefix).difference(&taken);
        longer.fold(own, |own, other| own.difference(&IntervalSet::prefix(*other)))
    };
    workload.advertise.iter().map(part).fold(IntervalSet::EMPTY, |all, part| all.union(&part))
}

/// The groups of every address in a network.
pub(crate) fn members<'a>(input: &PlanInput<'a>, network: &str) -> Members<'a> {
    let fabric = input.fabric;
    let mut members: Members<'_> = input
        .workloads_in(network)
        .flat_map(|(name, workload)| {
            let addresses = input.addresses(name).iter();
            addresses.map(|address| (*address, &workload.security_groups))
        })
        .collect();
    // Peered networks may have prefixes in common: whose an address is nobody could tell then, and it
    // is in no group.
    let mut peered: BTreeMap<IpAddr, Option<&'a BTreeSet<Name>>> = BTreeMap::new();
    for (.., other) in fabric.peers_of(network) {
        for (name, workload) in input.workloads_in(other) {
            for address in input.addresses(name) {
                let known = peered.entry(*address);
                known
                    .and_modify(|groups| *groups = None)
                    .or_insert(Some(&workload.security_groups));
            }
        }
    }
    let known = peered.into_iter().filter_map(|(address, groups)| Some((address, groups?)));
    members.extend(known);
    for node in input.stacks_in(network) {
        members.insert(input.node_address(node).into(), &fabric.nodes[node].security_groups);
    }
    members
}

/// The policy of a node without groups: it may call, and answers echo.
pub fn node_default(direction: Direction, span: &Span) -> Vec<Allowance> {
    let transport = match direction {
        Direction::Egress => IntervalSet::full(),
        Direction::Ingress => allowance::transports(Protocol::Icmp, &[], &[]),
    };
    vec![Allowance {
        selector: Selector::All,
        transport,
        group: "node-default".to_owned(),
        span: span.clone(),
    }]
}

/// Hands out identities: one number per distinct set of groups, the same on every node.
struct IdentityDesk<'a> {
    input: &'a PlanInput<'a>,
    numbers: BTreeMap<(bool, &'a BTreeSet<Name>), u32>,
}

impl IdentityDesk<'_> {
    /// Numbers every set of groups in a network: by its hash, or the next number that is free.
    fn number_all(&mut self, network: &str) {
        let fabric = self.input.fabric;
        let workloads = self.input.workloads_in(network);
        let mut sets: BTreeSet<(bool, &BTreeSet<Name>)> =
            workloads.map(|(_, workload)| (false, &workload.security_groups)).collect();
        sets.extend(self.input.nodes_in(network).iter().map(|node| {
            let groups = &fabric.nodes[node].security_groups;
            (groups.is_empty(), groups)
        }));
        let mut used = BTreeSet::new();
        for (is_node_default, groups) in sets {
            let marker = if is_node_default { "\u{1}" } else { "" };
            let names = groups.iter().map(String::as_str);
            let mut number = identity_hint([marker].into_iter().chain(names));
            while !used.insert(number) {
                number = number.wrapping_add(1).max(1);
            }
            self.numbers.insert((is_node_default, groups), number);
        }
    }

    fn add(&self, groups: &BTreeSet<Name>, node_default_: bool, policies: &mut Policies) -> u32 {
        let identity = self.numbers[&(node_default_, groups)];
        let fabric = self.input.fabric;
        let of = |direction| {
            if !node_default_ {
                return allowance::allowances(fabric, groups, direction);
            }
            let span = Span { file: "".into(), line: 0, column: 0 };
            node_default(direction, &span)
        };
        policies.ingress.entry(identity).or_insert_with(|| of(Direction::Ingress));
        policies.egress.entry(identity).or_insert_with(|| of(Direction::Egress));
        identity
    }
}
