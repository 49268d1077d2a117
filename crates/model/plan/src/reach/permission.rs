//! The steps that policy decides: which allowance lets a flow pass, or what is missing.

use super::change::Change;
use super::steps::{Place, Walk};
use super::{End, Owner, StepKind};
use crate::input::PlanInput;
use crate::topology::node_default;
use netloom_model::fabric::{GroupRule, Name, Peer, Protocol};
use netloom_model::span::Span;
use netloom_policy::allowance::{self, Allowance, Direction};
use netloom_policy::interval::address_number;
use netloom_policy::packet_set::transport;
use netloom_policy::{IntervalSet, Selector};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What governs an end in a direction.
pub(super) fn allowances(
    input: &PlanInput<'_>,
    place: &Place<'_>,
    direction: Direction,
) -> Vec<Allowance> {
    if place.is_node && place.groups.is_empty() {
        return node_default(direction, place.span);
    }
    allowance::allowances(input.fabric, place.groups, direction)
}

/// The groups in which a network's rules find an end: those of its owner, if that is in the network or
/// in one that is peered with it. The same as in `topology::members`, for one address.
pub(super) fn groups_of<'a>(
    input: &PlanInput<'a>,
    network: &str,
    end: &End<'a>,
) -> Option<&'a BTreeSet<Name>> {
    let fabric = input.fabric;
    match end.owner {
        Owner::Outside => None,
        Owner::Node(name) => {
            let (name, node) = fabric.nodes.get_key_value(name)?;
            input.stacks_in(network).contains(name).then_some(&node.security_groups)
        }
        Owner::Workload(name) => {
            // What is behind a stock peer is in none of its groups.
            let workload = fabric.workloads.get(name)?;
            let is_own = input.addresses(name).contains(&end.address);
            let of = fabric.network_of(workload);
            let known = is_own && (of == network || is_known_by_peering(input, network, of, end));
            known.then_some(&workload.security_groups)
        }
    }
}

/// Whether a network knows an end of another one: they are peered, and no other peered network has a
/// workload of the same address.
fn is_known_by_peering(input: &PlanInput<'_>, network: &str, of: &str, end: &End<'_>) -> bool {
    let fabric = input.fabric;
    let mut is_peered = false;
    for (.., other) in fabric.peers_of(network) {
        if other == of {
            is_peered = true;
            continue;
        }
        let cidrs = &fabric.networks[other].cidrs;
        let may_have = cidrs.iter().any(|cidr| cidr.contains(&end.address));
        let mut workloads = input.workloads_in(other);
        if may_have && workloads.any(|(name, _)| input.addresses(name).contains(&end.address)) {
            return false;
        }
    }
    is_peered
}

impl<'a> Walk<'a> {
    pub(super) fn policy(&mut self, place: &Place<'a>, network: &Name, direction: Direction) {
        let (kind, word) = match direction {
            Direction::Egress => (StepKind::Egress, "leave"),
            Direction::Ingress => (StepKind::Ingress, "enter"),
        };
        let allowances = allowances(self.input, place, direction);
        let end = match direction {
            Direction::Egress => self.to,
            Direction::Ingress => self.source,
        };
        match self.allowing(&allowances, network, end) {
            Some(allowance) => {
                let finding = format!("group `{}` lets it {word} {}", allowance.group, place.what);
                self.pass(kind, finding, Some(&allowance.span));
            }
            None if place.groups.is_empty() && !place.is_node => {
                let finding = format!("{} has no security group", place.what);
                let change = self.first_group_of(place, direction);
                let remedy = "add one with `security_groups: [NAME]`";
                self.stop_unless((kind, finding), Some(place.span), change, remedy);
            }
            None => {
                let finding = self.refusal(place, word);
                let span = self.first_group(place).unwrap_or(place.span).clone();
                match self.allowing_rule(place, direction, &span) {
                    Some(change) => self.stop_until(kind, finding, Some(&span), change),
                    None => self.stop(kind, finding, Some(&span), "give the node a group"),
                }
            }
        }
    }

    fn first_group(&self, place: &Place<'a>) -> Option<&'a Span> {
        let name = place.groups.first()?;
        Some(&self.input.fabric.security_groups.get(name)?.span)
    }

    fn refusal(&self, place: &Place<'a>, word: &str) -> String {
        let groups: Vec<String> = place.groups.iter().map(|name| format!("`{name}`")).collect();
        let groups =
            if groups.is_empty() { "the node's default".to_owned() } else { groups.join(", ") };
        format!("no rule of {groups} lets {} {word} {}", self.flow_words(), place.what)
    }

    /// The rule of a place's first group that would let the flow pass, or such a group.
    fn allowing_rule(
        &self,
        place: &Place<'a>,
        direction: Direction,
        span: &Span,
    ) -> Option<Change> {
        let other = match direction {
            Direction::Egress => self.to.address,
            Direction::Ingress => self.source.address,
        };
        match place.groups.first() {
            Some(group) => {
                let (group, rule) = (group.clone(), self.rule_for(other, span));
                Some(Change::AddGroupRule { group, direction, rule })
            }
            None => self.first_group_of(place, direction),
        }
    }

    /// Whether a rule lets the flow pass, seen from a network.
    pub(super) fn rule_selects(&self, rule: &GroupRule, network: &Name, other: &End<'a>) -> bool {
        let address = other.address;
        let selected = match &rule.peer {
            Peer::All => true,
            Peer::Cidr(prefix) => prefix.contains(&address),
            Peer::SecurityGroup(name) => {
                groups_of(self.input, network, other).is_some_and(|groups| groups.contains(name))
            }
        };
        let packets = allowance::transports(rule.protocol, &rule.ports, &rule.icmp_types);
        selected && packets.contains(self.transport_number(address))
    }

    pub(super) fn flow_words(&self) -> String {
        match (self.flow.protocol, self.flow.port) {
            (Protocol::Tcp, Some(port)) => format!("{port}/tcp"),
            (Protocol::Udp, Some(port)) => format!("{port}/udp"),
            (Protocol::Icmp | Protocol::All | Protocol::Tcp | Protocol::Udp, _) => {
                "icmp".to_owned()
            }
        }
    }

    fn allowing<'b>(
        &self,
        allowances: &'b [Allowance],
        network: &Name,
        end: &End<'_>,
    ) -> Option<&'b Allowance> {
        let other = end.address;
        let groups = groups_of(self.input, network, end);
        let number = self.transport_number(other);
        allowances.iter().find(|allowance| {
            let selected = match &allowance.selector {
                Selector::Group(name) => groups.is_some_and(|groups| groups.contains(name)),
                Selector::All | Selector::Prefix(_) | Selector::Ranges(_) => {
                    let addresses: IntervalSet = allowance.selector.addresses();
                    addresses.contains(address_number(other))
                }
            };
            selected && allowance.transport.contains(number)
        })
    }

    /// ICMP is asked about as an echo request.
    pub(super) fn transport_number(&self, other: IpAddr) -> u128 {
        let port = self.flow.port.unwrap_or(0);
        match self.flow.protocol {
            Protocol::Tcp => transport(6, port),
            Protocol::Udp => transport(17, port),
            Protocol::Icmp | Protocol::All if other.is_ipv4() => transport(1, 8 << 8),
            Protocol::Icmp | Protocol::All => transport(58, 128 << 8),
        }
    }
}
