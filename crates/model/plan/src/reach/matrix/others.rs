//! Classes of what is no workload: nodes, prefixes behind them in the parts that rules cut, and the internet.

use super::classes::{Cells, Place, near};
use super::{Class, Kind, OTHERS_MAX};
use crate::input::PlanInput;
use crate::reach::{End, Owner};
use crate::ways;
use ipnet::IpNet;
use netloom_model::fabric::{Advertised, Name, NextHop};
use netloom_policy::IntervalSet;
use netloom_policy::interval::number_address;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a node's reachability depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    networks: &'a BTreeSet<Name>,
    groups: &'a BTreeSet<Name>,
    cell: usize,
    place: Place<'a>,
    /// Which it is, if workloads are on its stack: what is on one stack no policy divides.
    own: Option<&'a Name>,
}

/// All of them, and how many are left out because there are too many.
pub(super) fn of(input: &PlanInput<'_>) -> (Vec<Class>, usize) {
    let cells = Cells::of(input.fabric);
    let mut classes = nodes(input, &cells);
    classes.extend(behind(input, &cells));
    let left_out = classes.len().saturating_sub(OTHERS_MAX);
    classes.truncate(OTHERS_MAX);
    if !input.fabric.workloads.is_empty() || !classes.is_empty() {
        classes.push(class(Kind::Internet, vec!["internet".to_owned()]));
    }
    (classes, left_out)
}

fn class(kind: Kind, members: Vec<Name>) -> Class {
    Class { kind, members, network: None, subnet: None, groups: BTreeSet::new() }
}

fn nodes(input: &PlanInput<'_>, cells: &Cells) -> Vec<Class> {
    let fabric = input.fabric;
    let hosts = fabric.workloads.values().filter(|workload| workload.is_host());
    let hosts: BTreeSet<&Name> = hosts.map(|workload| &workload.node).collect();
    let mut classes: BTreeMap<Key<'_>, Vec<Name>> = BTreeMap::new();
    for (name, node) in &fabric.nodes {
        let networks = input.stack_networks_of(name);
        if networks.is_empty() {
            continue;
        }
        let key = Key {
            networks,
            groups: &node.security_groups,
            cell: cells.at(input.node_address(name).into()),
            place: near(input, name, None),
            own: Some(name).filter(|name| hosts.contains(name)),
        };
        classes.entry(key).or_default().push(name.clone());
    }
    let of = |(key, members): (Key<'_>, Vec<Name>)| Class {
        groups: key.groups.clone(),
        ..class(Kind::Nodes, members)
    };
    classes.into_iter().map(of).collect()
}

/// The prefixes that nodes lead to, in the parts in which no prefix of a rule or route makes a difference.
fn behind(input: &PlanInput<'_>, cells: &Cells) -> Vec<Class> {
    let nodes = input.fabric.nodes.values().flat_map(|node| &node.advertise);
    let all = |prefixes: &mut dyn Iterator<Item = IpNet>| {
        prefixes.fold(IntervalSet::EMPTY, |all, one| all.union(&IntervalSet::prefix(one)))
    };
    let own = all(&mut input.fabric.networks.values().flat_map(|one| &one.cidrs).copied());
    let led = all(&mut nodes.map(Advertised::reached_as)).difference(&own);
    let mut parts: BTreeMap<usize, Vec<Name>> = BTreeMap::new();
    for (first, last, cell) in &cells.ranges {
        for (first, last) in IntervalSet::range(*first, *last).intersection(&led).ranges() {
            // What somebody in the fabric has is in a class of his.
            if End::of_address(input, number_address(*first)).owner != Owner::Outside {
                continue;
            }
            let prefixes = prefixes(*first, *last).into_iter().map(|prefix| prefix.to_string());
            parts.entry(*cell).or_default().extend(prefixes);
        }
    }
    parts.into_values().map(|members| class(Kind::Behind, members)).collect()
}

/// The fewest prefixes that hold the addresses from one to another.
fn prefixes(mut first: u128, last: u128) -> Vec<IpNet> {
    let mut found = Vec::new();
    while first <= last {
        let address = number_address(first);
        let most = if address.is_ipv4() { 32 } else { 128 };
        let fits = |bits: &u32| {
            let size = 1_u128.checked_shl(*bits).unwrap_or(0);
            size > 0
                && first.is_multiple_of(size)
                && first.checked_add(size - 1).is_some_and(|end| end <= last)
        };
        let bits = (0..=most).rev().find(fits).unwrap_or(0);
        let length = u8::try_from(most - bits).unwrap_or(0);
        let Ok(prefix) = IpNet::new(address, length) else { break };
        found.push(prefix);
        let Some(next) = first.checked_add(1 << bits) else { break };
        first = next;
    }
    found
}

/// The first address of a prefix, which stands for all of it.
pub(super) fn end(prefix: &str) -> Option<End<'static>> {
    let address = prefix.parse::<IpNet>().ok()?.addr();
    Some(End { address, owner: Owner::Outside })
}

/// Why what passes between an end and an address behind a node would not be for that node: a gateway takes it, and
/// outside the same address is somebody else's.
pub(super) fn elsewhere(
    input: &PlanInput<'_>,
    inside: &End<'_>,
    behind: &End<'_>,
) -> Option<String> {
    let Owner::Workload(name) = inside.owner else { return None };
    let workload = input.fabric.workloads.get(name)?;
    let ways = ways::of_subnet(input.fabric, input.fabric.subnets.get(&workload.subnet)?);
    let way = ways::longest(&ways, behind.address)?;
    let NextHop::Gateway(gateway) = &way.via else { return None };
    Some(format!("{} leads to the gateway `{gateway}`, not behind a node", way.to))
}
