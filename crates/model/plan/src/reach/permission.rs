//! The steps that policy decides: which allowance lets a flow pass, or what is missing.

use super::StepKind;
use super::steps::{Place, Walk};
use crate::input::PlanInput;
use crate::topology::{members, node_default};
use netloom_model::fabric::{Name, Protocol};
use netloom_model::span::Span;
use netloom_policy::allowance::{self, Allowance, Direction};
use netloom_policy::interval::address_number;
use netloom_policy::packet_set::transport;
use netloom_policy::{IntervalSet, Selector};
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

impl<'a> Walk<'a> {
    pub(super) fn policy(&mut self, place: &Place<'a>, network: &Name, direction: Direction) {
        let (kind, other, word) = match direction {
            Direction::Egress => (StepKind::Egress, self.to.address, "leave"),
            Direction::Ingress => (StepKind::Ingress, self.source.address, "enter"),
        };
        let allowances = allowances(self.input, place, direction);
        match self.allowing(&allowances, network, other) {
            Some(allowance) => {
                let finding = format!("group `{}` lets it {word} {}", allowance.group, place.what);
                self.pass(kind, finding, Some(&allowance.span));
            }
            None if place.groups.is_empty() && !place.is_node => {
                let finding = format!("{} has no security group", place.what);
                let remedy = "add one with `security_groups: [NAME]`";
                self.stop(kind, finding, Some(place.span), remedy);
            }
            None => {
                let finding = self.refusal(place, word);
                let remedy = self.remedy(place, direction);
                let span = self.first_group(place).unwrap_or(place.span).clone();
                self.stop(kind, finding, Some(&span), &remedy);
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

    fn remedy(&self, place: &Place<'a>, direction: Direction) -> String {
        let group = place.groups.first().map_or("a group of the node", String::as_str);
        let (list, key, other) = match direction {
            Direction::Egress => ("egress", "to", self.to.address),
            Direction::Ingress => ("ingress", "from", self.source.address),
        };
        let protocol = self.protocol_word();
        let ports = self.flow.port.map(|port| format!("ports: {port}, ")).unwrap_or_default();
        let other = ipnet::IpNet::from(other);
        format!("add to {list} of `{group}`: {{ protocol: {protocol}, {ports}{key}: {other} }}")
    }

    /// The flow's protocol as a rule names it.
    pub(super) fn protocol_word(&self) -> &'static str {
        match self.flow.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp | Protocol::All => "icmp",
        }
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
        other: IpAddr,
    ) -> Option<&'b Allowance> {
        let members = members(self.input, network);
        let groups = members.get(&other);
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
