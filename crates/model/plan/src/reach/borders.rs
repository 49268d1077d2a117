//! The steps at the borders of subnets: network ACLs, there and back, which remember nothing.

use super::StepKind;
use super::steps::{Place, Walk};
use netloom_model::fabric::{AclRule, Name, NetworkAcl, Protocol, Subnet};
use netloom_policy::acl::{self, CLIENT_PORTS};
use netloom_policy::packet_set::transport;
use netloom_policy::{Direction, IntervalSet};
use std::net::IpAddr;

/// A subnet whose border a packet crosses, and the ACL there.
struct Border<'a> {
    subnet: &'a Name,
    name: &'a Name,
    acl: &'a NetworkAcl,
}

impl<'a> Walk<'a> {
    /// Asks the ACL of a place's subnet about the flow itself.
    pub(super) fn acl(&mut self, place: &Place<'a>, direction: Direction) {
        let other = match direction {
            Direction::Egress => self.to.address,
            Direction::Ingress => self.source.address,
        };
        let Some(border) = self.border(place, other) else { return };
        let number = self.transport_number(other);
        let rules = border.rules(direction);
        let kind = match direction {
            Direction::Egress => StepKind::AclEgress,
            Direction::Ingress => StepKind::AclIngress,
        };
        let packet = self.flow_words();
        self.judge(kind, &border, acl::deciding(rules, other, number), &packet, direction);
    }

    /// Asks the ACL of a place's subnet about answers to the flow.
    pub(super) fn acl_of_answer(&mut self, place: &Place<'a>, direction: Direction) {
        // Answers go the other way: what leaves here is for who has called.
        let other = match direction {
            Direction::Egress => self.source.address,
            Direction::Ingress => self.to.address,
        };
        let Some(border) = self.border(place, other) else { return };
        let answers = self.answers();
        let rules = border.rules(direction);
        let denied = answers.difference(&passing(rules, other));
        let packet = match self.flow.protocol {
            Protocol::Tcp | Protocol::Udp => {
                let (first, last) = CLIENT_PORTS;
                format!("answers to ports {first}-{last}")
            }
            Protocol::Icmp | Protocol::All => "answers".to_owned(),
        };
        let asked = denied.ranges().first().or(answers.ranges().first()).map(|range| range.0);
        let rule = asked.and_then(|number| acl::deciding(rules, other, number));
        self.judge(StepKind::Answer, &border, rule, &packet, direction);
    }

    fn judge(
        &mut self,
        kind: StepKind,
        border: &Border<'a>,
        rule: Option<&'a AclRule>,
        packet: &str,
        direction: Direction,
    ) {
        let word = match direction {
            Direction::Egress => "leave",
            Direction::Ingress => "enter",
        };
        let Border { subnet, name, acl } = border;
        match rule {
            Some(rule) if rule.allows => {
                let number = rule.number;
                let finding = format!("rule {number} of `{name}` lets {packet} {word} `{subnet}`");
                self.pass(kind, finding, Some(&rule.span));
            }
            _ => {
                let number =
                    rule.map_or("the last rule".to_owned(), |rule| format!("rule {}", rule.number));
                let finding =
                    format!("{number} of `{name}` does not let {packet} {word} `{subnet}`");
                let remedy = border.remedy(rule, direction, self, kind);
                self.stop(kind, finding, Some(rule.map_or(&acl.span, |rule| &rule.span)), &remedy);
            }
        }
    }

    /// The border that a packet between a place and `other` crosses, if that has an ACL.
    fn border(&self, place: &Place<'a>, other: IpAddr) -> Option<Border<'a>> {
        let fabric = self.input.fabric;
        let (subnet, declared) = fabric.subnets.get_key_value(place.subnet?)?;
        if contains(declared, other) {
            return None;
        }
        let (name, acl) = fabric.network_acls.get_key_value(declared.network_acl.as_ref()?)?;
        Some(Border { subnet, name, acl })
    }

    /// What the ACLs between two places let pass of everything that may be called: there, and back.
    pub(super) fn acl_transports(&self, from: &Place<'a>, to: &Place<'a>) -> IntervalSet {
        let (source, destination) = (self.source.address, self.to.address);
        let mut all = IntervalSet::full();
        for (place, other, direction) in
            [(from, destination, Direction::Egress), (to, source, Direction::Ingress)]
        {
            if let Some(border) = self.border(place, other) {
                all = all.intersection(&passing(border.rules(direction), other));
            }
        }
        for (place, other, direction) in
            [(to, source, Direction::Egress), (from, destination, Direction::Ingress)]
        {
            let Some(border) = self.border(place, other) else { continue };
            let passing = passing(border.rules(direction), other);
            for (calls, answers) in exchanges(other.is_ipv6()) {
                if !answers.difference(&passing).is_empty() {
                    all = all.difference(&calls);
                }
            }
        }
        all
    }

    /// The packets that answer the flow.
    fn answers(&self) -> IntervalSet {
        let (first, last) = CLIENT_PORTS;
        let ports =
            |protocol| IntervalSet::range(transport(protocol, first), transport(protocol, last));
        match self.flow.protocol {
            Protocol::Tcp => ports(6),
            Protocol::Udp => ports(17),
            Protocol::Icmp | Protocol::All => echo_reply(self.source.address.is_ipv6()),
        }
    }
}

fn echo_reply(ipv6: bool) -> IntervalSet {
    let number = if ipv6 { transport(58, 129 << 8) } else { transport(1, 0) };
    IntervalSet::range(number, number)
}

/// Protocols with the packets that answer them; a flow of one is of no use without.
fn exchanges(ipv6: bool) -> [(IntervalSet, IntervalSet); 3] {
    let (first, last) = CLIENT_PORTS;
    let of = |protocol| {
        let all = IntervalSet::range(transport(protocol, 0), transport(protocol, u16::MAX));
        (all, IntervalSet::range(transport(protocol, first), transport(protocol, last)))
    };
    let echo = if ipv6 { transport(58, 128 << 8) } else { transport(1, 8 << 8) };
    [of(6), of(17), (IntervalSet::range(echo, echo), echo_reply(ipv6))]
}

/// What rules let pass to or from an address.
fn passing(rules: &[AclRule], other: IpAddr) -> IntervalSet {
    let number = netloom_policy::interval::address_number(other);
    let (mut passes, mut decided) = (IntervalSet::EMPTY, IntervalSet::EMPTY);
    for rule in rules.iter().filter(|rule| acl::rule_addresses(rule).contains(number)) {
        let packets = acl::rule_transports(rule);
        if rule.allows {
            passes = passes.union(&packets.difference(&decided));
        }
        decided = decided.union(&packets);
    }
    passes
}

fn contains(subnet: &Subnet, address: IpAddr) -> bool {
    subnet.cidrs.iter().any(|cidr| cidr.contains(&address))
}

impl<'a> Border<'a> {
    fn rules(&self, direction: Direction) -> &'a [AclRule] {
        match direction {
            Direction::Egress => &self.acl.egress,
            Direction::Ingress => &self.acl.ingress,
        }
    }

    /// The rule to add so that a packet passes: before the one that denies it.
    fn remedy(
        &self,
        rule: Option<&AclRule>,
        direction: Direction,
        walk: &Walk<'_>,
        kind: StepKind,
    ) -> String {
        let before = rule.map_or(32_766, |rule| rule.number);
        let taken = self.rules(direction).iter().rev().map(|rule| rule.number);
        let last = taken.filter(|number| *number < before).max().unwrap_or(0);
        // Half way, so that there is room on both sides.
        let number = last + (before - last) / 2;
        let is_answer = kind == StepKind::Answer;
        let other = match (direction, is_answer) {
            (Direction::Egress, false) | (Direction::Ingress, true) => walk.to.address,
            (Direction::Ingress, false) | (Direction::Egress, true) => walk.source.address,
        };
        let (list, key) = match direction {
            Direction::Egress => ("egress", "to"),
            Direction::Ingress => ("ingress", "from"),
        };
        let packets = match (walk.flow.protocol, is_answer) {
            (Protocol::Tcp | Protocol::Udp, true) => {
                let (first, last) = CLIENT_PORTS;
                format!("{}, ports: {first}-{last}", walk.protocol_word())
            }
            (Protocol::Tcp | Protocol::Udp, false) => {
                format!("{}, ports: {}", walk.protocol_word(), walk.flow.port.unwrap_or(0))
            }
            (Protocol::Icmp | Protocol::All, true) => "icmp, types: [echo-reply]".to_owned(),
            (Protocol::Icmp | Protocol::All, false) => "icmp, types: [echo-request]".to_owned(),
        };
        let other = ipnet::IpNet::from(other);
        let name = self.name;
        if number == last {
            return format!(
                "there is no number left before {before} in {list} of `{name}`: number it anew"
            );
        }
        format!(
            "add to {list} of `{name}`: {{ rule: {number}, action: allow, protocol: {packets}, {key}: {other} }}"
        )
    }
}
