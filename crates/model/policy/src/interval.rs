//! Exact sets of numbers as sorted, disjoint, non-adjacent ranges.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// A set of numbers from 0 to `u128::MAX`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntervalSet {
    /// Inclusive ranges, ascending, with a gap of at least one number between them.
    ranges: Vec<(u128, u128)>,
}

/// The numbers that stand for IPv4 addresses: `::ffff:0:0/96`.
const V4_FIRST: u128 = 0xffff_0000_0000;
const V4_LAST: u128 = 0xffff_ffff_ffff;

/// The number of an address: IPv6 as it is, IPv4 as IPv4-mapped IPv6 (`::ffff:a.b.c.d`),
/// which no packet carries, so that the families do not mix.
pub fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The address of a number from [`address_number`].
pub fn number_address(number: u128) -> IpAddr {
    match number >> 32 {
        0xffff => Ipv4Addr::from(u32::try_from(number & 0xffff_ffff).unwrap_or(0)).into(),
        _ => IpAddr::V6(number.into()),
    }
}

impl IntervalSet {
    /// No number.
    pub const EMPTY: Self = Self { ranges: Vec::new() };

    /// Every number.
    pub fn full() -> Self {
        Self::range(0, u128::MAX)
    }

    /// The numbers from `first` to `last`, both included; none if `first > last`.
    pub fn range(first: u128, last: u128) -> Self {
        Self { ranges: if first <= last { vec![(first, last)] } else { Vec::new() } }
    }

    /// The addresses of a prefix.
    pub fn prefix(prefix: IpNet) -> Self {
        let all = Self::range(address_number(prefix.network()), address_number(prefix.broadcast()));
        match prefix {
            IpNet::V4(_) => all,
            // The numbers that stand for IPv4 are no IPv6 addresses, however short the prefix.
            IpNet::V6(_) => all.difference(&Self::range(V4_FIRST, V4_LAST)),
        }
    }

    /// Its ranges, ascending and disjoint.
    pub fn ranges(&self) -> &[(u128, u128)] {
        &self.ranges
    }

    /// Whether it holds no number.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether it holds `number`.
    pub fn contains(&self, number: u128) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= number);
        after > 0 && self.ranges[after - 1].1 >= number
    }

    /// Its smallest number.
    pub fn first(&self) -> Option<u128> {
        self.ranges.first().map(|(first, _)| *first)
    }

    /// The numbers in either.
    pub fn union(&self, other: &Self) -> Self {
        self.ranges.iter().chain(&other.ranges).copied().collect()
    }

    /// The numbers in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        let mut ranges = Vec::new();
        while let (Some((a_first, a_last)), Some((b_first, b_last))) = (a.peek(), b.peek()) {
            let (first, last) = (*a_first.max(b_first), *a_last.min(b_last));
            if first <= last {
                ranges.push((first, last));
            }
            if a_last < b_last {
                a.next();
            } else {
                b.next();
            }
        }
        Self { ranges }
    }

    /// The numbers that it does not hold.
    pub fn complement(&self) -> Self {
        let mut ranges = Vec::new();
        let mut next = Some(0);
        for (first, last) in &self.ranges {
            if let Some(start) = next
                && start < *first
            {
                ranges.push((start, first - 1));
            }
            next = last.checked_add(1);
        }
        if let Some(start) = next {
            ranges.push((start, u128::MAX));
        }
        Self { ranges }
    }

    /// Its numbers that `other` does not hold.
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }
}

impl FromIterator<(u128, u128)> for IntervalSet {
    /// From any inclusive ranges, in any order, overlapping or not.
    fn from_iter<I: IntoIterator<Item = (u128, u128)>>(ranges: I) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }
}

/// Cuts the numbers into maximal ranges on which membership in every one of `sets` is constant.
/// Gives each range that lies in at least one set, ascending, with the sets it lies in.
pub fn partition(sets: &[IntervalSet]) -> Vec<(u128, u128, Vec<usize>)> {
    let mut edges: Vec<(u128, bool, usize)> = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        for (first, last) in &set.ranges {
            edges.push((*first, true, index));
            if let Some(after) = last.checked_add(1) {
                edges.push((after, false, index));
            }
        }
    }
    edges.sort_unstable();
    let mut parts: Vec<(u128, u128, Vec<usize>)> = Vec::new();
    let mut inside = std::collections::BTreeSet::new();
    let mut at = 0;
    while at < edges.len() {
        let start = edges[at].0;
        while let Some((_, enters, index)) = edges.get(at).filter(|edge| edge.0 == start) {
            if *enters {
                inside.insert(*index);
            } else {
                inside.remove(index);
            }
            at += 1;
        }
        let end = edges.get(at).map_or(u128::MAX, |edge| edge.0 - 1);
        if !inside.is_empty() {
            parts.push((start, end, inside.iter().copied().collect()));
        }
    }
    merge_equal_neighbours(parts)
}

fn merge_equal_neighbours(parts: Vec<(u128, u128, Vec<usize>)>) -> Vec<(u128, u128, Vec<usize>)> {
    let mut merged: Vec<(u128, u128, Vec<usize>)> = Vec::with_capacity(parts.len());
    for (first, last, sets) in parts {
        match merged.last_mut() {
            Some(before) if before.1.checked_add(1) == Some(first) && before.2 == sets => {
                before.1 = last;
            }
            _ => merged.push((first, last, sets)),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
