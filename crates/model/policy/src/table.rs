//! A direction's policy as the kernel looks it up: addresses and ports to classes, then one exact map.

use crate::allowance::{Allowance, Selector};
use crate::interval::{IntervalSet, address_number, partition};
use netloom_base::hash::fnv1a;
use netloom_model::fabric::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The policy of all local workloads of a network in one direction.
///
/// ```text
/// identity of the local workload ┐
/// class of the other address ────┼─► in `allowed`: pass, else drop
/// class of protocol and port ────┘
/// ```
/// An address has the class of its element in `member_classes`, else that of the range that holds
/// it, else none; a packet without a class is dropped. Class numbers are meaningful only within
/// one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionTable {
    /// Class by address, for those that groups tell apart from their surroundings.
    pub member_classes: BTreeMap<IpAddr, u32>,
    /// Class by range of addresses ([`address_number`]), ascending and disjoint.
    pub range_classes: Vec<(u128, u128, u32)>,
    /// Class by range of transport numbers, ascending and disjoint.
    pub transport_classes: Vec<(u128, u128, u32)>,
    /// Allowed triples: local identity, class of the other side, class of transport.
    pub allowed: BTreeSet<(u32, u32, u32)>,
}

/// Addresses that groups speak of, with the groups that their owners are in.
pub type Members<'a> = BTreeMap<IpAddr, &'a BTreeSet<Name>>;

impl DirectionTable {
    /// Compiles the allowances of each local identity.
    ///
    /// Only what these allowances name is distinguished: an address or port that all of them
    /// treat alike shares its class with all others so treated.
    pub fn compile(locals: &BTreeMap<u32, Vec<Allowance>>, members: &Members<'_>) -> Self {
        let selectors: Vec<&Selector> = distinct(locals, |allowance| &allowance.selector);
        let transports: Vec<&IntervalSet> = distinct(locals, |allowance| &allowance.transport);
        let mut peers = Classes::of(&selectors);
        let ranges = address_ranges(&selectors, &mut peers);
        let member_classes = member_classes(&selectors, members, &ranges, &mut peers);
        let mut ports = Classes::of(&transports);
        let owned: Vec<IntervalSet> = transports.iter().map(|set| (*set).clone()).collect();
        let transport_classes = partition(&owned)
            .into_iter()
            .map(|(first, last, sets)| (first, last, ports.class(sets)))
            .collect();
        let mut allowed = BTreeSet::new();
        for (identity, allowances) in locals {
            for allowance in allowances {
                let selector = index_of(&selectors, &allowance.selector);
                let transport = index_of(&transports, &allowance.transport);
                for peer in peers.with(selector) {
                    allowed.extend(ports.with(transport).map(|port| (*identity, peer, port)));
                }
            }
        }
        let range_classes =
            ranges.into_iter().map(|(first, last, _, class)| (first, last, class)).collect();
        Self { member_classes, range_classes, transport_classes, allowed }
    }

    /// What the kernel decides for a packet of the local workload with `identity`.
    pub fn allows(&self, identity: u32, other: IpAddr, transport: u128) -> bool {
        let peer = self
            .member_classes
            .get(&other)
            .copied()
            .or_else(|| class_at(&self.range_classes, address_number(other)));
        let port = class_at(&self.transport_classes, transport);
        match (peer, port) {
            (Some(peer), Some(port)) => self.allowed.contains(&(identity, peer, port)),
            (Some(_) | None, _) => false,
        }
    }
}

fn class_at(ranges: &[(u128, u128, u32)], number: u128) -> Option<u32> {
    let after = ranges.partition_point(|(first, _, _)| *first <= number);
    let (_, last, class) = ranges[..after].last()?;
    (*last >= number).then_some(*class)
}

/// Sets of selectors (or transports) that occur together, each with a number that follows from
/// what they say: another workload or rule does not renumber what stays.
struct Classes {
    /// What each selector says, as a hash.
    contents: Vec<u64>,
    numbers: BTreeMap<Vec<usize>, u32>,
    taken: BTreeSet<u32>,
}

impl Classes {
    fn of<T: std::fmt::Debug>(parts: &[&T]) -> Self {
        let contents = parts.iter().map(|part| fnv1a(format!("{part:?}").as_bytes())).collect();
        Self { contents, numbers: BTreeMap::new(), taken: BTreeSet::new() }
    }

    fn class(&mut self, signature: Vec<usize>) -> u32 {
        if let Some(number) = self.numbers.get(&signature) {
            return *number;
        }
        let bytes: Vec<u8> =
            signature.iter().flat_map(|index| self.contents[*index].to_be_bytes()).collect();
        let hash = fnv1a(&bytes);
        // The upper half is mixed in, since the lower one alone spreads short inputs badly.
        let mut number = ((hash >> 32) ^ (hash & 0xffff_ffff)) as u32;
        while number == 0 || !self.taken.insert(number) {
            number = number.wrapping_add(1);
        }
        self.numbers.insert(signature, number);
        number
    }

    /// The classes whose signature holds `index`.
    fn with(&self, index: Option<usize>) -> impl Iterator<Item = u32> {
        self.numbers
            .iter()
            .filter(move |(signature, _)| index.is_some_and(|index| signature.contains(&index)))
            .map(|(_, class)| *class)
    }
}

fn distinct<'a, T: Ord>(
    locals: &'a BTreeMap<u32, Vec<Allowance>>,
    part: impl Fn(&'a Allowance) -> &'a T,
) -> Vec<&'a T> {
    locals.values().flatten().map(part).collect::<BTreeSet<_>>().into_iter().collect()
}

fn index_of<T: Ord>(sorted: &[&T], value: &T) -> Option<usize> {
    sorted.binary_search(&value).ok()
}

/// The ranges of addresses that prefixes tell apart, with their signatures and classes.
fn address_ranges(
    selectors: &[&Selector],
    classes: &mut Classes,
) -> Vec<(u128, u128, Vec<usize>, u32)> {
    let sets: Vec<IntervalSet> = selectors.iter().map(|selector| selector.addresses()).collect();
    partition(&sets)
        .into_iter()
        .map(|(first, last, signature)| {
            let class = classes.class(signature.clone());
            (first, last, signature, class)
        })
        .collect()
}

/// The classes of addresses whose groups are named by a selector.
fn member_classes(
    selectors: &[&Selector],
    members: &Members<'_>,
    ranges: &[(u128, u128, Vec<usize>, u32)],
    classes: &mut Classes,
) -> BTreeMap<IpAddr, u32> {
    let groups: BTreeMap<&Name, usize> = selectors
        .iter()
        .enumerate()
        .filter_map(|(index, selector)| match selector {
            Selector::Group(name) => Some((name, index)),
            Selector::All | Selector::Prefix(_) | Selector::Ranges(_) => None,
        })
        .collect();
    let mut found = BTreeMap::new();
    for (address, of) in members {
        let mut named: Vec<usize> =
            of.iter().filter_map(|group| groups.get(group).copied()).collect();
        if named.is_empty() {
            continue;
        }
        let number = address_number(*address);
        let after = ranges.partition_point(|(first, ..)| *first <= number);
        if let Some((_, last, signature, _)) = ranges[..after].last()
            && *last >= number
        {
            named.extend(signature);
        }
        named.sort_unstable();
        found.insert(*address, classes.class(named));
    }
    found
}

#[cfg(test)]
mod tests;
