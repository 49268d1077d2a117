//! Network ACLs that let packets through one way and their answers not the other: they remember nothing.

use super::{Words, warning};
use netloom_base::packet::{PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP};
use netloom_model::Diagnostic;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{AclRule, Fabric, Name, NetworkAcl, PortRange, Protocol};
use netloom_policy::acl::{self, CLIENT_PORTS};
use netloom_policy::interval::{address_number, number_address, partition};
use netloom_policy::packet_set::transport;
use netloom_policy::{Direction, IntervalSet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let acls = fabric.network_acls.iter();
    let both = [Direction::Ingress, Direction::Egress];
    acls.flat_map(|(name, acl)| both.map(|direction| Side::new(name, acl, direction).find()))
        .flatten()
        .collect()
}

/// Packets that call, and those that answer them.
struct Exchange {
    word: &'static str,
    calls: IntervalSet,
    answers: IntervalSet,
    /// What answers are, as a rule would name them.
    rule: String,
    /// Whether IPv6 has it; `None` for both families.
    ipv6: Option<bool>,
}

fn exchanges() -> Vec<Exchange> {
    let (first, last) = CLIENT_PORTS;
    let ports = |word, protocol| Exchange {
        word,
        calls: IntervalSet::range(transport(protocol, 0), transport(protocol, u16::MAX)),
        answers: IntervalSet::range(transport(protocol, first), transport(protocol, last)),
        rule: format!("protocol: {word}, ports: {first}-{last}"),
        ipv6: None,
    };
    let echo = |protocol, request: u16, reply: u16, ipv6| {
        let one = |kind| IntervalSet::range(transport(protocol, kind), transport(protocol, kind));
        let rule = "protocol: icmp, types: [echo-reply]".to_owned();
        let (calls, answers) = (one(request << 8), one(reply << 8));
        Exchange { word: "icmp echo requests", calls, answers, rule, ipv6: Some(ipv6) }
    };
    vec![
        ports("tcp", PROTOCOL_TCP),
        ports("udp", PROTOCOL_UDP),
        echo(PROTOCOL_ICMP, 8, 0, false),
        echo(PROTOCOL_ICMPV6, 128, 129, true),
    ]
}

/// An ACL, seen from the direction in which is called.
struct Side<'a> {
    name: &'a Name,
    calling: &'a [AclRule],
    answering: &'a [AclRule],
    direction: Direction,
}

/// An answer that is lost: to or from where, and of what.
struct Lost {
    other: u128,
    /// One of the answers.
    answer: u128,
    exchange: usize,
}

impl<'a> Side<'a> {
    fn new(name: &'a Name, acl: &'a NetworkAcl, direction: Direction) -> Self {
        let (calling, answering) = match direction {
            Direction::Ingress => (&acl.ingress, &acl.egress),
            Direction::Egress => (&acl.egress, &acl.ingress),
        };
        Self { name, calling, answering, direction }
    }

    /// At most one finding for each rule.
    fn find(&self) -> Vec<Diagnostic> {
        let exchanges = exchanges();
        let answers_at_all = self.answering.iter().any(|rule| rule.allows);
        let is_for_answers =
            |rule: &AclRule| is_for_answers(rule) || answers_at_all && is_for_both(rule);
        let mut lost: BTreeMap<usize, Lost> = BTreeMap::new();
        for (other, [calling, answering], ipv6) in self.cells() {
            let passing = passing(self.answering, &answering);
            let mut decided = IntervalSet::EMPTY;
            for index in calling {
                let Some(rule) = self.calling.get(index) else { continue };
                let packets = acl::rule_transports(rule);
                let decides = packets.difference(&decided);
                decided = decided.union(&packets);
                if !rule.allows || is_for_answers(rule) {
                    continue;
                }
                let lose = |(exchange, one): (usize, &Exchange)| {
                    let asks = one.ipv6.is_none_or(|of| of == ipv6)
                        && !decides.intersection(&one.calls).is_empty();
                    let denied = one.answers.difference(&passing);
                    let answer = denied.first().filter(|_| asks)?;
                    Some(Lost { other, answer, exchange })
                };
                if let Some(first) = exchanges.iter().enumerate().find_map(lose) {
                    lost.entry(index).or_insert(first);
                }
            }
        }
        let mut told = BTreeSet::new();
        let first_of_line = lost.into_iter().filter(|(index, _)| {
            self.calling.get(*index).is_some_and(|rule| told.insert(&rule.span))
        });
        first_of_line
            .filter_map(|(index, lost)| {
                self.tell(self.calling.get(index)?, &lost, exchanges.get(lost.exchange)?)
            })
            .collect()
    }

    /// Addresses that all rules treat alike: one of them, the rules of both lists that match it in
    /// their order, and whether it is of IPv6.
    fn cells(&self) -> Vec<(u128, [Vec<usize>; 2], bool)> {
        let all = self.calling.iter().chain(self.answering);
        let mut sets: Vec<IntervalSet> = all.map(acl::rule_addresses).collect();
        let count = sets.len();
        let v4 = |last| address_number(IpAddr::V4(last));
        sets.push(IntervalSet::range(v4(Ipv4Addr::UNSPECIFIED), v4(Ipv4Addr::BROADCAST)));
        let mut seen = BTreeSet::new();
        let mut cells = Vec::new();
        for (first, _, signature) in partition(&sets) {
            let ipv6 = signature.last() != Some(&count);
            let of = |from: usize, to: usize| -> Vec<usize> {
                let inside = signature.iter().filter(|index| (from..to).contains(*index));
                inside.map(|index| index - from).collect()
            };
            let lists = [of(0, self.calling.len()), of(self.calling.len(), count)];
            if seen.insert((lists.clone(), ipv6)) {
                cells.push((first, lists, ipv6));
            }
        }
        cells
    }

    fn tell(&self, rule: &AclRule, lost: &Lost, exchange: &Exchange) -> Option<Diagnostic> {
        let address = number_address(lost.other);
        let denying = acl::deciding(self.answering, address, lost.answer);
        let denying = denying.filter(|rule| !rule.allows);
        let (way, back, list, key) = match self.direction {
            Direction::Ingress => ("in", "out", "egress", "to"),
            Direction::Egress => ("out", "in", "ingress", "from"),
        };
        let before = denying.map_or(32_766, |rule| rule.number);
        let taken = self.answering.iter().map(|rule| rule.number);
        let last = taken.filter(|number| *number < before).max().unwrap_or(0);
        let free = last + (before - last) / 2;
        let sides: Vec<String> = rule.prefixes.iter().map(ToString::to_string).collect();
        let sides =
            if sides.is_empty() { "all".to_owned() } else { format!("[{}]", sides.join(", ")) };
        let what = exchange.rule.replace(": ", " ").replace(", ", " ");
        let by = denying.map_or_else(
            || "no rule allows them".to_owned(),
            |rule| format!("rule {} denies them", rule.number),
        );
        let words = Words {
            message: format!(
                "rule {} of `{}` lets {} {way}, and the answers not {back}",
                rule.number, self.name, exchange.word
            ),
            cause: format!(
                "a network ACL remembers nothing, and answers ({what}) need a rule of their own: {by}"
            ),
            solution: format!(
                "add to {list} of `{}`: {{ rule: {free}, action: allow, {}, {key}: {sides} }}",
                self.name, exchange.rule
            ),
        };
        Some(warning(code::ANSWERS_LOST, &rule.span, words))
    }
}

/// Whether a rule lets answers through rather than calls: it names the ports that clients call from.
fn is_for_answers(rule: &AclRule) -> bool {
    // Some systems call from fewer ports, and many rules are made for those.
    let is_high = |range: &PortRange| range.first >= 1024 && range.last >= CLIENT_PORTS.1;
    let echo = [transport(PROTOCOL_ICMP, 8 << 8), transport(PROTOCOL_ICMPV6, 128 << 8)];
    match rule.protocol {
        Protocol::Tcp | Protocol::Udp => rule.ports.iter().any(is_high),
        Protocol::Icmp => {
            let packets = acl::rule_transports(rule);
            !echo.into_iter().any(|number| packets.contains(number))
        }
        Protocol::All => false,
    }
}

/// Whether a rule may be meant for answers as well as for calls, since it names no ports.
fn is_for_both(rule: &AclRule) -> bool {
    match rule.protocol {
        Protocol::All => true,
        Protocol::Tcp | Protocol::Udp => rule.ports.is_empty(),
        Protocol::Icmp => rule.icmp_types.is_empty(),
    }
}

fn passing(rules: &[AclRule], matching: &[usize]) -> IntervalSet {
    let (mut passes, mut decided) = (IntervalSet::EMPTY, IntervalSet::EMPTY);
    for rule in matching.iter().filter_map(|index| rules.get(*index)) {
        let packets = acl::rule_transports(rule);
        if rule.allows {
            passes = passes.union(&packets.difference(&decided));
        }
        decided = decided.union(&packets);
    }
    passes
}
