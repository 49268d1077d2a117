//! Network ACLs: ordered rules, of which the first that matches decides, as plain allowances.

use crate::allowance::{Allowance, Selector, transports};
use crate::interval::{IntervalSet, address_number, partition};
use ipnet::IpNet;
use netloom_model::fabric::{AclRule, Name};
use netloom_model::span::Span;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Ports that clients call from unless told otherwise (`net.ipv4.ip_local_port_range`).
pub const CLIENT_PORTS: (u16, u16) = (32_768, 60_999);

/// What the rules of one direction let pass between a subnet and the addresses outside of it; its own
/// prefixes are not judged, and so allowed whole.
pub fn allowances(acl: &Name, span: &Span, rules: &[AclRule], own: &[IpNet]) -> Vec<Allowance> {
    let own = own.iter().map(|prefix| IntervalSet::prefix(*prefix));
    let own = own.fold(IntervalSet::EMPTY, |all, prefix| all.union(&prefix));
    let mut addresses = vec![own];
    addresses.extend(rules.iter().map(rule_addresses));
    let mut cells: BTreeMap<Vec<(u128, u128)>, Cell> = BTreeMap::new();
    for (first, last, matching) in partition(&addresses) {
        let transport = passing(rules, &matching);
        let cell = cells.entry(transport.ranges().to_vec());
        let cell = cell.or_insert_with(|| Cell { transport, ranges: Vec::new() });
        cell.ranges.push((first, last));
    }
    let passing = cells.into_values().filter(|cell| !cell.transport.is_empty());
    let of = |cell: Cell| Allowance {
        selector: Selector::Ranges(cell.ranges.into_iter().collect()),
        transport: cell.transport,
        group: acl.clone(),
        span: span.clone(),
    };
    passing.map(of).collect()
}

/// Addresses that the rules treat alike.
struct Cell {
    transport: IntervalSet,
    ranges: Vec<(u128, u128)>,
}

/// What passes for addresses that match some rules (the first number is the subnet itself).
fn passing(rules: &[AclRule], matching: &[usize]) -> IntervalSet {
    let (mut passes, mut decided) = (IntervalSet::EMPTY, IntervalSet::EMPTY);
    for index in matching {
        let Some(rule) = index.checked_sub(1).and_then(|index| rules.get(index)) else {
            return IntervalSet::full();
        };
        let packets = rule_transports(rule);
        if rule.allows {
            passes = passes.union(&packets.difference(&decided));
        }
        decided = decided.union(&packets);
    }
    passes
}

/// The rule that decides on a packet to or from `other`; none where the rest is denied.
pub fn deciding(rules: &[AclRule], other: IpAddr, transport: u128) -> Option<&AclRule> {
    let number = address_number(other);
    rules.iter().find(|rule| {
        rule_addresses(rule).contains(number) && rule_transports(rule).contains(transport)
    })
}

/// The addresses that a rule is about.
pub fn rule_addresses(rule: &AclRule) -> IntervalSet {
    if rule.prefixes.is_empty() {
        return IntervalSet::full();
    }
    let prefixes = rule.prefixes.iter().map(|prefix| IntervalSet::prefix(*prefix));
    prefixes.fold(IntervalSet::EMPTY, |all, prefix| all.union(&prefix))
}

/// The protocols and ports that a rule is about.
pub fn rule_transports(rule: &AclRule) -> IntervalSet {
    transports(rule.protocol, &rule.ports, &rule.icmp_types)
}

#[cfg(test)]
mod tests;
