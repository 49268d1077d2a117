//! Allowances: what the rules of a workload's groups add up to, one selector and transport each.

use crate::interval::{IntervalSet, address_number};
use crate::packet_set::{Dimension, PacketSet, transport};
use ipnet::IpNet;
use netloom_base::packet::{PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP};
use netloom_model::fabric::{Fabric, GroupRule, IcmpTypes, Name, Peer, PortRange, Protocol};
use netloom_model::span::Span;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Which way a packet goes, seen from the workload whose policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Towards it.
    Ingress,
    /// From it.
    Egress,
}

/// Whom an allowance is for, on the other side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selector {
    /// Every address.
    All,
    /// The addresses of a prefix.
    Prefix(IpNet),
    /// The addresses of ranges ([`crate::interval::address_number`]).
    Ranges(IntervalSet),
    /// The members of a group in the same network, and in those peered with it.
    Group(Name),
}

/// One thing that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// For whom.
    pub selector: Selector,
    /// Which protocols and ports: numbers of [`transport`].
    pub transport: IntervalSet,
    /// The group that says so.
    pub group: Name,
    /// The line that says so.
    pub span: Span,
}

/// What groups allow in a direction, in the order of their names and rules.
pub fn allowances(
    fabric: &Fabric,
    groups: &BTreeSet<Name>,
    direction: Direction,
) -> Vec<Allowance> {
    let rules = groups.iter().filter_map(|name| Some((name, fabric.security_groups.get(name)?)));
    rules
        .flat_map(|(name, group)| {
            let rules = match direction {
                Direction::Ingress => &group.ingress,
                Direction::Egress => &group.egress,
            };
            rules.iter().map(move |rule| from_rule(name, rule))
        })
        .collect()
}

fn from_rule(group: &Name, rule: &GroupRule) -> Allowance {
    Allowance {
        selector: selector(&rule.peer),
        transport: transports(rule.protocol, &rule.ports, &rule.icmp_types),
        group: group.clone(),
        span: rule.span.clone(),
    }
}

/// Whom a rule is for.
pub fn selector(peer: &Peer) -> Selector {
    match peer {
        Peer::All => Selector::All,
        Peer::Cidr(prefix) => Selector::Prefix(*prefix),
        Peer::SecurityGroup(name) => Selector::Group(name.clone()),
    }
}

/// The transport numbers of a protocol and its ports, or of types of ICMP; none means all of them.
pub fn transports(
    protocol: Protocol,
    ports: &[PortRange],
    icmp_types: &[IcmpTypes],
) -> IntervalSet {
    if protocol == Protocol::Icmp && !icmp_types.is_empty() {
        let of = |types: &IcmpTypes| {
            let protocol = if types.ipv6 { PROTOCOL_ICMPV6 } else { PROTOCOL_ICMP };
            (transport(protocol, types.first), transport(protocol, types.last))
        };
        return icmp_types.iter().map(of).collect();
    }
    let all_ports = [PortRange { first: 0, last: u16::MAX }];
    let ports = if ports.is_empty() { &all_ports } else { ports };
    let protocols: &[u8] = match protocol {
        Protocol::All => return IntervalSet::full(),
        Protocol::Tcp => &[PROTOCOL_TCP],
        Protocol::Udp => &[PROTOCOL_UDP],
        Protocol::Icmp => &[PROTOCOL_ICMP, PROTOCOL_ICMPV6],
    };
    protocols
        .iter()
        .flat_map(|protocol| {
            ports
                .iter()
                .map(|range| (transport(*protocol, range.first), transport(*protocol, range.last)))
        })
        .collect()
}

impl Selector {
    /// Whether it selects an address whose owner is in `groups`.
    pub fn selects(&self, address: IpAddr, groups: &BTreeSet<Name>) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => prefix.contains(&address),
            Self::Ranges(ranges) => ranges.contains(address_number(address)),
            Self::Group(name) => groups.contains(name),
        }
    }

    /// The addresses that it selects by number alone; none for groups.
    pub fn addresses(&self) -> IntervalSet {
        match self {
            Self::All => IntervalSet::full(),
            Self::Prefix(prefix) => IntervalSet::prefix(*prefix),
            Self::Ranges(ranges) => ranges.clone(),
            Self::Group(_) => IntervalSet::EMPTY,
        }
    }
}

/// The packets that allowances let pass, where `members` gives the addresses of a group's members.
pub fn packet_set(
    allowances: &[Allowance],
    direction: Direction,
    members: impl Fn(&Name) -> IntervalSet,
) -> PacketSet {
    let other_side = match direction {
        Direction::Ingress => Dimension::Source,
        Direction::Egress => Dimension::Destination,
    };
    allowances.iter().fold(PacketSet::EMPTY, |all, allowance| {
        let addresses = match &allowance.selector {
            Selector::Group(name) => members(name),
            Selector::All | Selector::Prefix(_) | Selector::Ranges(_) => {
                allowance.selector.addresses()
            }
        };
        let peers = PacketSet::only(other_side, addresses);
        let transports = PacketSet::only(Dimension::Transport, allowance.transport.clone());
        all.union(&peers.intersection(&transports))
    })
}
