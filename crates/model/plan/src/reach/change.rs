//! The smallest changes of a fabric that alter an answer: rules, routes and peerings to add or to take away.

use super::steps::Walk;
use super::{Answer, End, Flow, Owner};
use crate::input::PlanInput;
use crate::membership::Memberships;
use netloom_model::fabric::{
    AclRule, Fabric, GroupRule, Name, Peer, PeeringStatus, PortRange, Protocol, Route,
};
use netloom_model::span::Span;
use netloom_policy::Direction;
use std::fmt;
use std::net::IpAddr;

/// One change of a declared fabric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a rule to a security group.
    AddGroupRule {
        /// The group.
        group: Name,
        /// Its list.
        direction: Direction,
        /// The rule.
        rule: GroupRule,
    },
    /// Takes a rule of a security group away.
    RemoveGroupRule {
        /// The group.
        group: Name,
        /// Its list.
        direction: Direction,
        /// Its place in the list.
        index: usize,
        /// Where it is declared.
        span: Span,
    },
    /// Adds a rule to a network ACL.
    AddAclRule {
        /// The ACL.
        acl: Name,
        /// Its list.
        direction: Direction,
        /// The rule.
        rule: AclRule,
    },
    /// Adds a route, in the place of one with the same destination if there is one.
    AddRoute {
        /// The table.
        table: Name,
        /// The route.
        route: Route,
    },
    /// Gives a peering the status `active`.
    ActivatePeering {
        /// The peering.
        peering: Name,
    },
}

/// Most changes that one answer may need.
const CHANGES_MAX: usize = 8;

impl Change {
    /// Makes the change in a fabric.
    pub fn apply(&self, fabric: &mut Fabric) {
        match self {
            Self::AddGroupRule { group, direction, rule } => {
                if let Some(group) = fabric.security_groups.get_mut(group) {
                    let list = match direction {
                        Direction::Ingress => &mut group.ingress,
                        Direction::Egress => &mut group.egress,
                    };
                    list.push(rule.clone());
                }
            }
            Self::RemoveGroupRule { group, direction, index, .. } => {
                if let Some(group) = fabric.security_groups.get_mut(group) {
                    let list = match direction {
                        Direction::Ingress => &mut group.ingress,
                        Direction::Egress => &mut group.egress,
                    };
                    if *index < list.len() {
                        list.remove(*index);
                    }
                }
            }
            Self::AddAclRule { acl, direction, rule } => {
                if let Some(acl) = fabric.network_acls.get_mut(acl) {
                    let list = match direction {
                        Direction::Ingress => &mut acl.ingress,
                        Direction::Egress => &mut acl.egress,
                    };
                    let place = list.partition_point(|one| one.number < rule.number);
                    list.insert(place, rule.clone());
                }
            }
            Self::AddRoute { table, route } => {
                if let Some(table) = fabric.route_tables.get_mut(table) {
                    table.routes.retain(|one| one.to != route.to);
                    table.routes.push(route.clone());
                }
            }
            Self::ActivatePeering { peering } => {
                if let Some(peering) = fabric.peerings.get_mut(peering) {
                    peering.status = PeeringStatus::Active;
                }
            }
        }
    }
}

/// The changes after which a flow between two addresses passes that does not: each needed, in the order
/// of its way. `None` where no change of rules, routes or peerings is enough.
pub fn to_open(
    input: &PlanInput<'_>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let after = |changes: &[Change]| {
        let mut fabric = input.fabric.clone();
        changes.iter().for_each(|change| change.apply(&mut fabric));
        let memberships = Memberships::of(&fabric);
        let now = PlanInput { fabric: &fabric, memberships: &memberships, ..*input };
        answer_between(&now, flow, source, destination)
    };
    while let Some(obstacle) = after(&changes)?.obstacle() {
        if changes.len() == CHANGES_MAX {
            return None;
        }
        changes.push(obstacle.change.clone()?);
    }
    // A later change may make an earlier one needless: a peering lets groups know their members.
    let mut place = 0;
    while place < changes.len() {
        let mut fewer = changes.clone();
        fewer.remove(place);
        if after(&fewer).is_some_and(|answer| answer.passes()) {
            changes = fewer;
        } else {
            place += 1;
        }
    }
    Some(changes)
}

/// The changes after which a flow between two addresses does not pass that does: a rule in a network ACL
/// where there is one on its way, else the fewest rules of security groups to take away.
pub fn to_close(
    input: &PlanInput<'_>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<Vec<Change>> {
    let ends = ends(input, flow, source, destination)?;
    let walk = Walk::new(input, flow, &ends.0, &ends.1);
    if let Some(change) = walk.closing_acl_rule() {
        return Some(vec![change]);
    }
    let sides = [Direction::Egress, Direction::Ingress].map(|direction| walk.letting(direction));
    sides.into_iter().flatten().filter(|rules| !rules.is_empty()).min_by_key(Vec::len)
}

/// What the engine says of one pair of addresses.
fn answer_between(
    input: &PlanInput<'_>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<Answer> {
    let (from, to) = ends(input, flow, source, destination)?;
    Some(super::answer(input, flow, &from, &to))
}

fn ends<'a>(
    input: &PlanInput<'a>,
    flow: &Flow,
    source: IpAddr,
    destination: IpAddr,
) -> Option<(End<'a>, End<'a>)> {
    let to = End::all(input, &flow.to).into_iter().find(|end| end.address == destination)?;
    let from = End::all(input, &flow.from)
        .into_iter()
        .filter(|end| end.address.is_ipv4() == destination.is_ipv4());
    let mut from = from.map(|end| super::interfaces::chosen(input, &end, destination));
    Some((from.find(|end| end.address == source)?, to))
}

impl<'a> Walk<'a> {
    /// The rules of a side's groups that let the flow pass; none where something else does.
    fn letting(&self, direction: Direction) -> Option<Vec<Change>> {
        let (end, other) = match direction {
            Direction::Egress => (self.source, self.to),
            Direction::Ingress => (self.to, self.source),
        };
        let Owner::Workload(_) = end.owner else { return None };
        let place = self.place(end)?;
        let network = place.network?;
        let mut rules = Vec::new();
        for name in place.groups {
            let group = self.input.fabric.security_groups.get(name)?;
            let list = match direction {
                Direction::Ingress => &group.ingress,
                Direction::Egress => &group.egress,
            };
            // From the last one on, so that taking one away moves none of the others.
            for (index, rule) in list.iter().enumerate().rev() {
                if self.rule_selects(rule, network, other) {
                    let (group, span) = (name.clone(), rule.span.clone());
                    rules.push(Change::RemoveGroupRule { group, direction, index, span });
                }
            }
        }
        Some(rules)
    }

    /// A rule for one packet of the flow, as a security group has it.
    pub(super) fn rule_for(&self, other: IpAddr, span: &Span) -> GroupRule {
        let ports = self.flow.port.map(|port| PortRange { first: port, last: port });
        GroupRule {
            span: span.clone(),
            protocol: self.asked_protocol(),
            ports: ports.into_iter().collect(),
            icmp_types: Vec::new(),
            peer: Peer::Cidr(other.into()),
        }
    }

    /// ICMP is asked about where no protocol is named.
    pub(super) fn asked_protocol(&self) -> Protocol {
        match self.flow.protocol {
            Protocol::All => Protocol::Icmp,
            protocol => protocol,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |direction: &Direction| match direction {
            Direction::Ingress => ("ingress", "from"),
            Direction::Egress => ("egress", "to"),
        };
        match self {
            Self::AddGroupRule { group, direction, rule } => {
                let (list, key) = list(direction);
                let other = match &rule.peer {
                    Peer::All => "all".to_owned(),
                    Peer::Cidr(prefix) => prefix.to_string(),
                    Peer::SecurityGroup(name) => format!("{{ security_group: {name} }}"),
                };
                let packets = packets(rule.protocol, &rule.ports);
                write!(f, "add to {list} of `{group}`: {{ {packets}, {key}: {other} }}")
            }
            Self::RemoveGroupRule { group, direction, span, .. } => {
                write!(f, "remove the rule at {span} from {} of `{group}`", list(direction).0)
            }
            Self::AddAclRule { acl, direction, rule } => {
                let (list, key) = list(direction);
                let action = if rule.allows { "allow" } else { "deny" };
                let other =
                    rule.prefixes.first().map_or_else(|| "all".to_owned(), ToString::to_string);
                let packets = packets(rule.protocol, &rule.ports);
                let types = if rule.icmp_types.is_empty() { "" } else { ", types: [echo-reply]" };
                let number = rule.number;
                write!(
                    f,
                    "add to {list} of `{acl}`: {{ rule: {number}, action: {action}, {packets}{types}, \
                     {key}: {other} }}"
                )
            }
            Self::AddRoute { table, route } => {
                let via = super::beyond::hop_words(&route.via);
                write!(f, "add to routes of `{table}`: {{ to: {}, via: {via} }}", route.to)
            }
            Self::ActivatePeering { peering } => {
                write!(f, "give the peering `{peering}` the status `active`")
            }
        }
    }
}

fn packets(protocol: Protocol, ports: &[PortRange]) -> String {
    let word = match protocol {
        Protocol::All => "all",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
    };
    let ranges = ports.iter().map(|range| match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{}-{}", range.first, range.last),
    });
    match ranges.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => format!("protocol: {word}"),
        ports => format!("protocol: {word}, ports: {ports}"),
    }
}
