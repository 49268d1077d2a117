//! Published ports that nobody outside can call: nothing comes in there, or an ACL or the groups let nobody in.

use super::{Words, warning};
use crate::ways;
use netloom_base::packet::{PROTOCOL_TCP, PROTOCOL_UDP};
use netloom_model::Diagnostic;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{
    Fabric, GatewayKind, Name, NetworkAcl, NextHop, Protocol, Published, Workload,
};
use netloom_policy::interval::{address_number, number_address};
use netloom_policy::packet_set::transport;
use netloom_policy::{IntervalSet, Selector, acl, allowance};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let (mut found, mut known) = (Vec::new(), BTreeMap::new());
    let outside = outside(fabric);
    for (name, workload) in &fabric.workloads {
        let Some(first) = workload.publish.first() else { continue };
        let subnet = &workload.subnet;
        if !*known.entry(subnet).or_insert_with(|| comes_in(fabric, subnet)) {
            found.push(tell(name, workload, first, no_way(subnet)));
            continue;
        }
        let stopped = |one: &Published| {
            Some(tell(name, workload, one, stop(fabric, &outside, workload, one)?))
        };
        found.extend(workload.publish.iter().filter_map(stopped));
    }
    found
}

/// The addresses of IPv4 from which somebody outside may call: those of no network.
fn outside(fabric: &Fabric) -> IntervalSet {
    let number = |address: Ipv4Addr| address_number(address.into());
    let all = IntervalSet::range(number(Ipv4Addr::UNSPECIFIED), number(Ipv4Addr::BROADCAST));
    let own = fabric.networks.values().flat_map(|network| &network.cidrs);
    own.fold(all, |all, cidr| all.difference(&IntervalSet::prefix(*cidr)))
}

/// Whether a subnet can be called from outside.
fn comes_in(fabric: &Fabric, subnet: &Name) -> bool {
    let Some(subnet) = fabric.subnets.get(subnet) else { return false };
    ways::of_subnet(fabric, subnet).iter().any(|way| match &way.via {
        NextHop::Gateway(gateway) => {
            let gateway = fabric.gateways.get(gateway);
            gateway.is_some_and(|gateway| gateway.kind == GatewayKind::Internet)
        }
        NextHop::Peering(_) | NextHop::Node(_) | NextHop::Workload(_) | NextHop::Blackhole => false,
    })
}

type Why = (String, String);

fn no_way(subnet: &Name) -> Why {
    (
        format!("`{subnet}` has no route to an internet gateway"),
        "put it into a public subnet of a network with an internet gateway".to_owned(),
    )
}

/// What stops everybody who calls a port, if something does: it is judged as the workload's own port.
fn stop(fabric: &Fabric, outside: &IntervalSet, to: &Workload, port: &Published) -> Option<Why> {
    let number = match port.protocol {
        Protocol::Tcp => transport(PROTOCOL_TCP, port.to),
        Protocol::Udp => transport(PROTOCOL_UDP, port.to),
        Protocol::Icmp | Protocol::All => return None,
    };
    let acl = fabric.subnets.get(&to.subnet)?.network_acl.as_ref();
    let mut callers = outside.clone();
    if let Some((name, acl)) = acl.and_then(|name| fabric.network_acls.get_key_value(name)) {
        callers = let_in(acl, &callers, number);
        if callers.is_empty() {
            return Some(by_acl(name, acl, outside, port, number));
        }
    }
    // One without groups is told of as such.
    let group = to.security_groups.first()?;
    let groups = to.security_groups.iter().filter_map(|name| fabric.security_groups.get(name));
    let mut rules = groups.flat_map(|group| &group.ingress);
    let lets_in = rules.any(|rule| {
        let ports = allowance::transports(rule.protocol, &rule.ports, &rule.icmp_types);
        ports.contains(number)
            && match allowance::selector(&rule.peer) {
                Selector::All => true,
                Selector::Prefix(prefix) => {
                    !IntervalSet::prefix(prefix).intersection(&callers).is_empty()
                }
                Selector::Ranges(ranges) => !ranges.intersection(&callers).is_empty(),
                Selector::Group(_) => false,
            }
    });
    (!lets_in).then(|| by_groups(group, port))
}

/// From where the rules of an ACL let packets to a port in.
fn let_in(acl: &NetworkAcl, from: &IntervalSet, number: u128) -> IntervalSet {
    let (mut callers, mut rest) = (IntervalSet::EMPTY, from.clone());
    for rule in acl.ingress.iter().filter(|rule| acl::rule_transports(rule).contains(number)) {
        let decided = rest.intersection(&acl::rule_addresses(rule));
        rest = rest.difference(&decided);
        if rule.allows {
            callers = callers.union(&decided);
        }
    }
    callers
}

fn by_acl(
    name: &Name,
    acl: &NetworkAcl,
    outside: &IntervalSet,
    port: &Published,
    number: u128,
) -> Why {
    let caller = outside.first().map(number_address);
    let denying = caller.and_then(|caller| acl::deciding(&acl.ingress, caller, number));
    let before = denying.map_or(32_766, |rule| rule.number);
    let taken = acl.ingress.iter().map(|rule| rule.number);
    let last = taken.filter(|number| *number < before).max().unwrap_or(0);
    let free = last + (before - last) / 2;
    let by = denying.map_or_else(
        || "no rule allows it".to_owned(),
        |rule| format!("rule {} denies it", rule.number),
    );
    let (own, rule) = (words(port), rule_words(port));
    (
        format!("the network ACL `{name}` lets {own} in from nobody outside: {by}"),
        format!(
            "add to ingress of `{name}`: {{ rule: {free}, action: allow, {rule}, from: 0.0.0.0/0 }}"
        ),
    )
}

fn by_groups(group: &Name, port: &Published) -> Why {
    let (own, rule) = (words(port), rule_words(port));
    (
        format!("no rule of its security groups lets {own} in from outside"),
        format!(
            "add to ingress of `{group}`: {{ {rule}, from: 0.0.0.0/0 }}, or publish it no more"
        ),
    )
}

/// The workload's own port, which is what rules are about.
fn words(port: &Published) -> String {
    format!("{}/{}", port.to, protocol(port))
}

fn rule_words(port: &Published) -> String {
    format!("protocol: {}, ports: {}", protocol(port), port.to)
}

fn protocol(port: &Published) -> &'static str {
    match port.protocol {
        Protocol::Udp => "udp",
        Protocol::Tcp | Protocol::Icmp | Protocol::All => "tcp",
    }
}

fn tell(name: &Name, workload: &Workload, port: &Published, why: Why) -> Diagnostic {
    let own = if port.port == port.to { String::new() } else { format!(" ({})", words(port)) };
    let (cause, solution) = why;
    let words = Words {
        message: format!(
            "`{name}` publishes port {}{own}, and nobody outside can call it",
            port.port
        ),
        cause,
        solution,
    };
    warning(code::NOWHERE, &workload.span, words)
}
