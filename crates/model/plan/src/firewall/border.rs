//! The borders of a network on a node: its peerings, its way to the node's own stack, and its subnets'.

use super::program::Program;
use super::sets::{add_direction_sets, clip_to_family, interval_map, number_key};
use super::uplink::Uplink;
use super::{CompiledPolicy, base, drop_reason};
use ipnet::IpNet;
use netloom_policy::interval::address_number;
use netloom_policy::table::{DirectionTable, Members};
use netloom_policy::{Allowance, Direction};
use netloom_state::nft::{Chain, ChainKind, Hook, Table, Verdict};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Links of a network's namespace that lead to no workload, beside the tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Border {
    /// Links to peered networks.
    pub peerings: Vec<String>,
    /// The link to the node's own stack, if packets leave the fabric there.
    pub uplink: Option<Uplink>,
    /// Local workloads that forward for others: their links, and what is behind them.
    pub routers: Vec<(String, IpNet)>,
}

/// Network ACLs of the subnets that are here, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledAcls {
    /// Subnet by range of addresses, ascending and disjoint; only those that have an ACL.
    pub subnets: Vec<(u128, u128, u32)>,
    /// What may leave them.
    pub egress: DirectionTable,
    /// What may come into them.
    pub ingress: DirectionTable,
}

/// A subnet with an ACL, as the policy of its network is compiled from it.
#[derive(Clone, Debug)]
pub struct SubnetAcl {
    /// Ranges of its addresses.
    pub ranges: Vec<(u128, u128)>,
    /// A number for it, unique in its network.
    pub number: u32,
    /// What may leave it.
    pub egress: Vec<Allowance>,
    /// What may come into it.
    pub ingress: Vec<Allowance>,
}

impl CompiledAcls {
    /// Compiles the ACLs of subnets.
    pub fn compile(acls: &[SubnetAcl]) -> Self {
        let of = |part: fn(&SubnetAcl) -> &Vec<Allowance>| {
            let rules: BTreeMap<u32, Vec<Allowance>> =
                acls.iter().map(|acl| (acl.number, part(acl).clone())).collect();
            DirectionTable::compile(&rules, &Members::default())
        };
        let ranges = acls
            .iter()
            .flat_map(|acl| acl.ranges.iter().map(|(first, last)| (*first, *last, acl.number)));
        let mut subnets: Vec<_> = ranges.collect();
        subnets.sort_unstable();
        Self { subnets, egress: of(|acl| &acl.egress), ingress: of(|acl| &acl.ingress) }
    }

    /// Whether a packet may leave the subnet of its source, and come into that of its destination,
    /// as far as these subnets have an ACL and are `here`.
    pub fn allow(
        &self,
        (source, sends_here): (IpAddr, bool),
        (destination, receives_here): (IpAddr, bool),
        transport: u128,
    ) -> bool {
        let may = |table: &DirectionTable, is_here: bool, own: IpAddr, other: IpAddr| {
            let subnet = self.subnet(own).filter(|_| is_here);
            subnet.is_none_or(|subnet| table.allows(subnet, other, transport))
        };
        may(&self.egress, sends_here, source, destination)
            && may(&self.ingress, receives_here, destination, source)
    }

    fn subnet(&self, address: IpAddr) -> Option<u32> {
        let number = address_number(address);
        let after = self.subnets.partition_point(|(first, ..)| *first <= number);
        let (_, last, subnet) = self.subnets[..after].last()?;
        (*last >= number).then_some(*subnet)
    }
}

/// The sets and chains of network ACLs, and whether there are any.
pub(super) fn add_acls(
    table: &mut Table,
    tunnel: &str,
    border: &Border,
    policy: &CompiledPolicy,
) -> bool {
    let acls = &policy.acls;
    if acls.subnets.is_empty() {
        return false;
    }
    for (family, ipv6) in [("4", false), ("6", true)] {
        let ranges = acls.subnets.iter().filter_map(|(first, last, subnet)| {
            let (first, last) = clip_to_family(*first, *last, ipv6)?;
            Some((number_key(first, ipv6), number_key(last, ipv6), *subnet))
        });
        let bytes = if ipv6 { 16 } else { 4 };
        table.sets.insert(format!("acl-subnets{family}"), interval_map(bytes, ranges));
    }
    for (direction, compiled) in
        [(Direction::Egress, &acls.egress), (Direction::Ingress, &acls.ingress)]
    {
        let name = acl_prefix(direction);
        add_direction_sets(table, name, compiled);
        let chain = acl_chain(direction, name, tunnel, border);
        table.chains.insert(name.to_owned(), chain);
    }
    true
}

/// Names of an ACL direction's chain and sets begin so.
pub(super) fn acl_prefix(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "acl-egress",
        Direction::Ingress => "acl-ingress",
    }
}

fn acl_chain(direction: Direction, name: &str, tunnel: &str, border: &Border) -> Chain {
    let sends = direction == Direction::Egress;
    let mut rules = vec![not_here(tunnel, sends)];
    rules.extend(elsewhere(border, sends));
    // Addresses of subnets without an ACL pass.
    for ipv6 in [false, true] {
        let without = Program::new().acl_subnet_address(sends, ipv6, true);
        rules.push(without.verdict(Verdict::Return));
    }
    rules.push(Program::new().clear_mark());
    rules.extend(Program::classify_ports(&format!("{name}-ports")));
    for ipv6 in [false, true] {
        rules.extend(Program::decide(direction, name, "acl-subnets", ipv6));
    }
    let reason = match direction {
        Direction::Egress => drop_reason::ACL_EGRESS_DENIED,
        Direction::Ingress => drop_reason::ACL_INGRESS_DENIED,
    };
    rules.push(Program::new().count_and_drop(reason));
    Chain { base: None, rules }
}

fn not_here(link: &str, sends: bool) -> netloom_state::nft::Rule {
    let program = Program::new();
    let through = if sends { program.incoming(link) } else { program.outgoing(link) };
    through.verdict(Verdict::Return)
}

/// Rules that leave to others what comes from (or goes to) other networks and the node's own stack.
pub(super) fn elsewhere(border: &Border, sends: bool) -> Vec<netloom_state::nft::Rule> {
    let uplink = border.uplink.iter().map(|uplink| &uplink.link);
    border.peerings.iter().chain(uplink).map(|link| not_here(link, sends)).collect()
}

/// What comes from a peered network: it stays here, or goes on in the tunnel to whom it is for. It
/// never leaves for a third.
pub(super) fn add_crossing(table: &mut Table, tunnel: &str, border: &Border, has_stock: bool) {
    let into_tunnel = Program::new().outgoing(tunnel);
    let mut rules: Vec<_> =
        of_nodes(into_tunnel, false, has_stock).into_iter().map(Program::accept).collect();
    for link in border.peerings.iter().chain(border.uplink.iter().map(|uplink| &uplink.link)) {
        rules.push(Program::new().outgoing(link).count_and_drop(drop_reason::TRANSIT));
    }
    if !border.peerings.is_empty() {
        table.chains.insert("crossing".to_owned(), Chain { base: None, rules });
    }
}

/// The rules of the forward chain about what crosses the borders, before connections are asked about.
pub(super) fn crossing_rules(
    tunnel: &str,
    border: &Border,
    has_stock: bool,
) -> Vec<netloom_state::nft::Rule> {
    let mut rules = Vec::new();
    for link in &border.peerings {
        let from_tunnel = Program::new().incoming(tunnel).outgoing(link);
        for from_nodes in of_nodes(from_tunnel, true, has_stock) {
            // Who has crossed here is told here what the tunnel does not take.
            rules.push(from_nodes.clone().related().accept());
            rules.push(from_nodes.count_and_drop(drop_reason::TRANSIT));
        }
        rules.push(Program::new().incoming(link).jump("crossing"));
    }
    rules
}

/// What is on the tunnel's side of other nodes, which have judged it or will: stock peers of this node are
/// on that side too, and nobody else judges them.
pub(super) fn of_nodes(through: Program, source: bool, has_stock: bool) -> Vec<Program> {
    if !has_stock {
        return vec![through];
    }
    [false, true].map(|ipv6| through.clone().stock_address(source, ipv6, true)).into()
}

/// Connections that another gateway has translated before it failed: nobody can go on with them, and
/// whoever tries is told so at once.
pub(super) fn lost_connections(tunnel: &str, border: &Border) -> Option<netloom_state::nft::Rule> {
    let uplink = border.uplink.as_ref()?;
    let leaving = Program::new().incoming(tunnel).outgoing(&uplink.link);
    let middle = leaving.protocol(6).not_a_first_segment();
    Some(middle.count_and_reset(drop_reason::LOST_CONNECTION))
}

/// Translation at the link to the node's own stack.
pub(super) fn add_translation(table: &mut Table, border: &Border) {
    let Some(uplink) = &border.uplink else { return };
    let leaving = Program::new().outgoing(&uplink.link).ipv4().masquerade();
    let chain = Chain { base: base(ChainKind::Nat, Hook::Postrouting, 100), rules: vec![leaving] };
    table.chains.insert("leaving".to_owned(), accepting(chain));
    if uplink.published.is_empty() {
        return;
    }
    let rules = uplink.published.iter().map(|(protocol, port, address, to)| {
        let called = Program::new().incoming(&uplink.link).ipv4().protocol(*protocol);
        called.destination_port(*port).destination_nat(*address, *to)
    });
    let chain =
        Chain { base: base(ChainKind::Nat, Hook::Prerouting, -100), rules: rules.collect() };
    table.chains.insert("published".to_owned(), accepting(chain));
}

/// What no rule of a chain of type `nat` names passes as it is.
fn accepting(mut chain: Chain) -> Chain {
    if let Some(base) = &mut chain.base {
        base.accept = true;
    }
    chain
}
