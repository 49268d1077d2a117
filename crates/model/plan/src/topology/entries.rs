//! Between whom connections may begin outside: by an internet gateway that the way back leads to as well.

use crate::firewall::Entry;
use crate::input::PlanInput;
use crate::ways::{Way, Ways};
use netloom_model::fabric::{GatewayKind, Name, NextHop, Subnet};
use std::cmp::Reverse;

/// The entries of a network's subnets at a node, the longest prefix outside first: the first that holds both
/// ends decides. What answers would not leave by an internet gateway there is let in by none.
pub(super) fn entries(input: &PlanInput<'_>, node: &str, network: &str) -> Vec<(Name, Entry)> {
    let ways = Ways::of(input.fabric, network);
    let subnets = input.fabric.subnets.iter().filter(|(_, subnet)| subnet.network == network);
    let mut entries: Vec<(Name, Entry)> = subnets
        .flat_map(|(name, subnet)| {
            let of = of_subnet(input, node, subnet, &ways.of_subnet(subnet));
            of.into_iter().map(move |entry| (name.clone(), entry))
        })
        .collect();
    entries
        .sort_by_key(|(_, entry)| (Reverse(entry.outside.prefix_len()), entry.outside, entry.to));
    entries
}

fn of_subnet(input: &PlanInput<'_>, node: &str, subnet: &Subnet, ways: &[Way]) -> Vec<Entry> {
    let leads_here = |way: &Way| match &way.via {
        NextHop::Gateway(gateway) => input.fabric.gateways.get(gateway).is_some_and(|gateway| {
            gateway.kind == GatewayKind::Internet && gateway.nodes.iter().any(|one| one == node)
        }),
        NextHop::Node(_) | NextHop::Workload(_) | NextHop::Peering(_) | NextHop::Blackhole => false,
    };
    let mut entries = Vec::new();
    for way in ways {
        let lets_in = leads_here(way);
        let is_part = |other: &Way| other.to != way.to && other.to.contains(&way.to);
        // Others are let in by nothing already.
        if !lets_in && !ways.iter().any(|other| is_part(other) && leads_here(other)) {
            continue;
        }
        let same = |one: &&ipnet::IpNet| one.addr().is_ipv6() == way.to.addr().is_ipv6();
        let cidrs = subnet.cidrs.iter().filter(same);
        entries.extend(cidrs.map(|to| Entry { outside: way.to, to: *to, lets_in }));
    }
    entries
}
