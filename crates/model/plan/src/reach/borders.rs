//! The steps at the borders of subnets: network ACLs, there and back, which remember nothing.

use super::StepKind;
use super::change::Change;
use super::steps::{Place, Walk};
use netloom_model::fabric::{
    ACL_NUMBER_MAX, AclRule, IcmpTypes, Name, NetworkAcl, PortRange, Protocol, Subnet,
};
use netloom_policy::acl::{self, CLIENT_PORTS};
use netloom_policy::packet_set::transport;
use netloom_policy::{Direction, IntervalSet};
use std::net::IpAddr;

/// Most ranges of ports that a finding lists.
const RANGES_MAX: usize = 4;

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
            Protocol::Tcp | Protocol::Udp => answers_to_ports(&answers, &denied),
            Protocol::Icmp | Protocol::All => "answers".to_owned(),
        };
        let asked =
            denied.ranges().first().or_else(|| answers.ranges().first()).map(|range| range.0);
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
                let number = rule.map_or_else(
                    || "the last rule".to_owned(),
                    |rule| format!("rule {}", rule.number),
                );
                let finding =
                    format!("{number} of `{name}` does not let {packet} {word} `{subnet}`");
                let span = rule.map_or(&acl.span, |rule| &rule.span);
                match self.acl_rule(border, rule, direction, kind) {
                    Some(change) => self.stop_until(kind, finding, Some(span), change),
                    None => {
                        let remedy = "no number is left before this rule: number them anew";
                        self.stop(kind, finding, Some(span), remedy);
                    }
                }
            }
        }
    }

    /// The rule that would let a packet pass: before the one that denies it.
    fn acl_rule(
        &self,
        border: &Border<'a>,
        before: Option<&AclRule>,
        direction: Direction,
        kind: StepKind,
    ) -> Option<Change> {
        let rules = border.rules(direction);
        let is_answer = kind == StepKind::Answer;
        // What leaves for the one who has called is an answer, what comes from the one who is called too.
        let other = match (direction, is_answer) {
            (Direction::Egress, false) | (Direction::Ingress, true) => self.to.address,
            (Direction::Ingress, false) | (Direction::Egress, true) => self.source.address,
        };
        let (first, last) = CLIENT_PORTS;
        let ports = match (self.asked_protocol(), is_answer, self.flow.port) {
            (Protocol::Icmp | Protocol::All, ..) => None,
            (_, true, _) => Some(PortRange { first, last }),
            (_, false, port) => port.map(|port| PortRange { first: port, last: port }),
        };
        let is_echo_reply = is_answer && self.asked_protocol() == Protocol::Icmp;
        let reply = |ipv6| {
            let first = if ipv6 { 129 << 8 } else { 0 };
            IcmpTypes { ipv6, first, last: first | 0xff }
        };
        let before = before.map_or(ACL_NUMBER_MAX, |rule| rule.number);
        let rule = AclRule {
            span: border.acl.span.clone(),
            number: free_number(rules, before)?,
            allows: true,
            protocol: self.asked_protocol(),
            ports: ports.into_iter().collect(),
            icmp_types: is_echo_reply.then(|| reply(other.is_ipv6())).into_iter().collect(),
            prefixes: vec![other.into()],
        };
        Some(Change::AddAclRule { acl: border.name.clone(), direction, rule })
    }

    /// A rule that denies the flow at the first border on its way that has an ACL.
    pub(super) fn closing_acl_rule(&self) -> Option<Change> {
        let sides = [
            (self.source, self.to.address, Direction::Egress),
            (self.to, self.source.address, Direction::Ingress),
        ];
        sides.into_iter().find_map(|(end, other, direction)| {
            let place = self.place(end)?;
            let border = self.border(&place, other)?;
            let number = self.transport_number(other);
            let deciding = acl::deciding(border.rules(direction), other, number)?;
            let ports = self.flow.port.map(|port| PortRange { first: port, last: port });
            let rule = AclRule {
                span: border.acl.span.clone(),
                number: free_number(border.rules(direction), deciding.number)?,
                allows: false,
                protocol: self.asked_protocol(),
                ports: ports.into_iter().collect(),
                icmp_types: Vec::new(),
                prefixes: vec![other.into()],
            };
            Some(Change::AddAclRule { acl: border.name.clone(), direction, rule })
        })
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

    /// What the ACLs between two places let pass of everything that may be called: there, and back. A place
    /// that is not in the fabric has none.
    pub(super) fn acl_transports(
        &self,
        from: Option<&Place<'a>>,
        to: Option<&Place<'a>>,
    ) -> IntervalSet {
        let (source, destination) = (self.source.address, self.to.address);
        let mut all = IntervalSet::full();
        for (place, other, direction) in
            [(from, destination, Direction::Egress), (to, source, Direction::Ingress)]
        {
            if let Some(border) = place.and_then(|place| self.border(place, other)) {
                all = all.intersection(&passing(border.rules(direction), other));
            }
        }
        for (place, other, direction) in
            [(to, source, Direction::Egress), (from, destination, Direction::Ingress)]
        {
            let border = place.and_then(|place| self.border(place, other));
            let Some(border) = border else { continue };
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

/// A number between a rule and the one before it: half way, so that there is room on both sides.
fn free_number(rules: &[AclRule], before: u16) -> Option<u16> {
    let earlier = rules.iter().map(|rule| rule.number).filter(|number| *number < before);
    let last = earlier.max().unwrap_or(0);
    let number = last + (before - last) / 2;
    (number != last).then_some(number)
}

/// Which answers are asked about: all, or those that are denied where others pass. Clients choose their
/// ports themselves, so a flow of which some have no answer is one that fails now and then.
fn answers_to_ports(answers: &IntervalSet, denied: &IntervalSet) -> String {
    let port = |number: u128| number & u128::from(u16::MAX);
    let range = |&(first, last): &(u128, u128)| match (port(first), port(last)) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    let listed = |set: &IntervalSet| {
        let ranges = set.ranges();
        let shown: Vec<String> = ranges.iter().take(RANGES_MAX).map(range).collect();
        let more = if ranges.len() > RANGES_MAX { " and others" } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    if denied.is_empty() || denied == answers {
        return format!("answers to ports {}", listed(answers));
    }
    let client = "where calls come from too, beside those whose answers pass,";
    format!("answers to ports {}, {client}", listed(denied))
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
}
