//! Address planning: subnets for zones and tiers, carved out of a network's prefixes, with room left.
//!
//! ```text
//! Wanted { prefixes, taken, zones, tiers } ─► free space ─ tier by tier ─► Plan { subnets, free }
//! ```
//! Invariants: subnets are aligned, inside the prefixes, and disjoint from each other and from what is
//! taken; the check of a file refuses none of them; a tier's zones lie side by side where that fits, so that one prefix names them in a rule; the
//! same wish gives the same plan.

mod draw;
mod error;
mod section;
mod space;
#[cfg(test)]
mod tests;

pub use error::Unplannable;
pub use section::scalar;

use ipnet::IpNet;
use netloom_model::fabric::Name;
use space::Space;
use std::collections::BTreeSet;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The network's prefixes.
    pub prefixes: Vec<IpNet>,
    /// What is not free in them.
    pub taken: Vec<IpNet>,
    /// Zones: each tier has a subnet in each.
    pub zones: Vec<Name>,
    /// Tiers.
    pub tiers: Vec<Tier>,
}

/// A tier: subnets that are alike but for their zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: Name,
    /// How many workloads each of its subnets has to hold; an even share of what is free if unknown.
    pub hosts: Option<u64>,
}

/// A subnet of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its tier.
    pub tier: Name,
    /// Its zone.
    pub zone: Name,
    /// A prefix of each family that the network has.
    pub cidrs: Vec<IpNet>,
}

/// Subnets, and what is free beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The subnets, tier by tier.
    pub subnets: Vec<Planned>,
    /// What is left of the network's prefixes.
    pub free: Vec<IpNet>,
}

/// Addresses that a subnet keeps for itself.
const RESERVED: u64 = 5;
/// The largest and smallest IPv4 subnet, in bits of the host's part: /8 and /29.
const V4_BITS: std::ops::RangeInclusive<u8> = 3..=24;
/// The host's part of every IPv6 subnet.
const V6_BITS: u8 = 64;
/// A network keeps a quarter of what is free, where nobody says how large subnets have to be.
const ROOM: u128 = 4;

/// Plans subnets.
///
/// # Errors
/// They do not fit, or what is asked for is not clear.
pub fn plan(wanted: &Wanted) -> Result<Plan, Unplannable> {
    names(wanted)?;
    let aggregated = IpNet::aggregate(&wanted.prefixes);
    let (v4, v6): (Vec<IpNet>, Vec<IpNet>) =
        aggregated.into_iter().partition(|prefix| prefix.addr().is_ipv4());
    if v4.is_empty() && v6.is_empty() {
        return Err(Unplannable::Nothing("prefix"));
    }
    disjoint(&wanted.prefixes)?;
    let mut plan = Plan::default();
    for tier in &wanted.tiers {
        for zone in &wanted.zones {
            let (tier, zone) = (tier.name.clone(), zone.clone());
            plan.subnets.push(Planned { tier, zone, cidrs: Vec::new() });
        }
    }
    if !v4.is_empty() {
        let space = Space::of(&v4, &wanted.taken, *V4_BITS.start());
        let (given, left) = v4_subnets(wanted, &space)?;
        plan.add(given, &left);
    }
    if !v6.is_empty() {
        let space = Space::of(&v6, &wanted.taken, V6_BITS);
        let bits = vec![V6_BITS; wanted.tiers.len()];
        let (given, left) = side_by_side(wanted, &space, &bits)?;
        plan.add(given, &left);
    }
    section::loads(wanted, &plan)?;
    Ok(plan)
}

fn disjoint(prefixes: &[IpNet]) -> Result<(), Unplannable> {
    for (index, one) in prefixes.iter().enumerate() {
        let overlaps = |other: &&IpNet| other.contains(one) || one.contains(*other);
        if let Some(other) = prefixes[..index].iter().find(overlaps) {
            return Err(Unplannable::Refused {
                message: format!("{one} overlaps {other}"),
                cause:
                    "prefixes of one network must be disjoint, or an address would belong to two"
                        .into(),
                solution: "leave one of the two out".into(),
            });
        }
    }
    Ok(())
}

impl Plan {
    fn add(&mut self, given: Vec<IpNet>, left: &Space) {
        for (subnet, cidr) in self.subnets.iter_mut().zip(given) {
            subnet.cidrs.push(cidr);
        }
        self.free.extend(left.prefixes());
    }
}

impl Planned {
    /// The subnet's name.
    pub fn name(&self) -> String {
        format!("{}-{}", self.tier, self.zone)
    }

    /// How many workloads it holds, by its IPv4 prefix.
    pub fn hosts(&self) -> Option<u64> {
        let v4 = self.cidrs.iter().find(|cidr| cidr.addr().is_ipv4())?;
        Some((1 << (32 - v4.prefix_len())) - RESERVED)
    }
}

fn names(wanted: &Wanted) -> Result<(), Unplannable> {
    let tiers: Vec<&Name> = wanted.tiers.iter().map(|tier| &tier.name).collect();
    let zones: Vec<&Name> = wanted.zones.iter().collect();
    for (what, names) in [("tier", &tiers), ("zone", &zones)] {
        let mut seen = BTreeSet::new();
        for name in names {
            if !netloom_model::decode::is_label(name) {
                return Err(Unplannable::BadName((*name).clone()));
            }
            if !seen.insert(*name) {
                return Err(Unplannable::Twice((*name).clone()));
            }
        }
        if names.is_empty() {
            return Err(Unplannable::Nothing(what));
        }
    }
    // `a` in the zone `b-c`, and `a-b` in `c`.
    let mut seen = BTreeSet::new();
    for (tier, zone) in tiers.iter().flat_map(|tier| zones.iter().map(move |zone| (tier, zone))) {
        let name = format!("{tier}-{zone}");
        if !netloom_model::decode::is_label(&name) {
            return Err(Unplannable::BadName(name));
        }
        if !seen.insert(name.clone()) {
            return Err(Unplannable::Twice(name));
        }
    }
    Ok(())
}

type Given = (Vec<IpNet>, Space);

/// The subnets of all tiers: as large as they have to be; the others as large as leaves room.
fn v4_subnets(wanted: &Wanted, space: &Space) -> Result<Given, Unplannable> {
    let fixed: Vec<Option<u8>> = wanted.tiers.iter().map(needed).collect::<Result<_, _>>()?;
    if fixed.iter().all(Option::is_some) {
        return side_by_side(wanted, space, &fixed.into_iter().flatten().collect::<Vec<_>>());
    }
    let with = |bits: u8| -> Vec<u8> { fixed.iter().map(|fixed| fixed.unwrap_or(bits)).collect() };
    for bits in V4_BITS.rev() {
        if let Ok((given, left)) = side_by_side(wanted, space, &with(bits))
            && left.size() >= space.size() / ROOM
        {
            return Ok((given, left));
        }
    }
    side_by_side(wanted, space, &with(*V4_BITS.start()))
}

/// The bits of the host's part that a tier's subnets need.
fn needed(tier: &Tier) -> Result<Option<u8>, Unplannable> {
    let Some(hosts) = tier.hosts else { return Ok(None) };
    let mut bits = V4_BITS;
    let found = bits.find(|bits| (1u64 << bits) >= hosts.saturating_add(RESERVED));
    let too_many = || Unplannable::TooManyHosts { tier: tier.name.clone(), hosts };
    found.map(Some).ok_or_else(too_many)
}

/// Each tier's zones as one block, or one by one where blocks do not fit.
fn side_by_side(wanted: &Wanted, space: &Space, bits: &[u8]) -> Result<Given, Unplannable> {
    let count = wanted.zones.len();
    let block_bits = u8::try_from(count.next_power_of_two().trailing_zeros()).unwrap_or(u8::MAX);
    in_blocks(space, bits, count, block_bits).map_or_else(|| one_by_one(wanted, space, bits), Ok)
}

/// The tiers, those with the largest subnets first: what is smaller fits into what is left.
fn largest_first(bits: &[u8]) -> Vec<(usize, u8)> {
    let mut order: Vec<(usize, u8)> = bits.iter().copied().enumerate().collect();
    order.sort_by_key(|(_, bits)| std::cmp::Reverse(*bits));
    order
}

fn in_blocks(space: &Space, bits: &[u8], count: usize, block_bits: u8) -> Option<Given> {
    let mut left = space.clone();
    let mut tiers: Vec<Vec<IpNet>> = vec![Vec::new(); bits.len()];
    for (tier, bits) in largest_first(bits) {
        let block = left.take(bits.checked_add(block_bits)?)?;
        let mut inside = Space::of(&[block], &[], bits);
        let subnets: Option<Vec<IpNet>> = (0..count).map(|_| inside.take(bits)).collect();
        tiers[tier] = subnets?;
        left.give_back(&inside);
    }
    Some((tiers.concat(), left))
}

fn one_by_one(wanted: &Wanted, space: &Space, bits: &[u8]) -> Result<Given, Unplannable> {
    let (count, mut left) = (wanted.zones.len(), space.clone());
    let mut tiers: Vec<Vec<IpNet>> = vec![Vec::new(); bits.len()];
    for (tier, bits) in largest_first(bits) {
        let before = left.clone();
        let subnets: Option<Vec<IpNet>> = (0..count).map(|_| left.take(bits)).collect();
        let Some(subnets) = subnets else {
            let length = space.address_bits().saturating_sub(bits);
            let largest = before.largest().map_or_else(|| "none".to_owned(), |one| one.to_string());
            let (tier, free) = (wanted.tiers[tier].name.clone(), before.size());
            return Err(Unplannable::Full { tier, count, length, free, largest });
        };
        tiers[tier] = subnets;
    }
    Ok((tiers.concat(), left))
}
