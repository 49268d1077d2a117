//! Rules that decide nothing, exactly: what all rules match is cut into cells that they treat alike.

use crate::allowance::Selector;
use crate::interval::{IntervalSet, partition};
use netloom_model::fabric::Name;
use std::collections::{BTreeMap, BTreeSet};

/// A part of a rule: some packets to or from some others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The rule, as its place among all.
    pub rule: usize,
    /// The other side.
    pub selector: Selector,
    /// Protocols and ports.
    pub transports: IntervalSet,
}

/// A rule that decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Covered {
    /// The rule.
    pub rule: usize,
    /// The rules that decide on its packets.
    pub by: BTreeSet<usize>,
}

/// Most steps that are made; beyond, nothing is said of the rules.
const STEPS_MAX: usize = 4_000_000;

/// Of rules of which the first that matches decides, those that never do.
pub fn shadowed(parts: &[Part]) -> Vec<Covered> {
    let Some(cells) = cells(parts) else { return Vec::new() };
    let mut by: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for cell in &cells {
        let Some(first) = cell.first() else { continue };
        for rule in cell {
            by.entry(*rule).or_default().insert(*first);
        }
    }
    let never = by.into_iter().filter(|(rule, by)| !by.contains(rule));
    never.map(|(rule, by)| Covered { rule, by }).collect()
}

/// Of rules that add up, those without which the others match the same. Of two that are alike, the
/// later one.
pub fn redundant(parts: &[Part]) -> Vec<Covered> {
    let Some(cells) = cells(parts) else { return Vec::new() };
    let mut of: BTreeMap<usize, Vec<&Vec<usize>>> = BTreeMap::new();
    for cell in &cells {
        for rule in cell {
            of.entry(*rule).or_default().push(cell);
        }
    }
    let mut gone = BTreeSet::new();
    let mut found = Vec::new();
    for (rule, cells) in of.iter().rev() {
        let others = |cell: &Vec<usize>| -> BTreeSet<usize> {
            cell.iter().filter(|other| *other != rule && !gone.contains(*other)).copied().collect()
        };
        let each: Vec<BTreeSet<usize>> = cells.iter().map(|cell| others(cell)).collect();
        if each.iter().any(BTreeSet::is_empty) {
            continue;
        }
        // One that covers it whole says more than several that do together.
        let whole =
            each.iter().skip(1).fold(each.first().cloned().unwrap_or_default(), |all, one| {
                all.intersection(one).copied().collect()
            });
        let first =
            |each: &[BTreeSet<usize>]| each.iter().filter_map(|one| one.first().copied()).collect();
        let by = whole.first().map_or_else(|| first(&each), |one| BTreeSet::from([*one]));
        gone.insert(*rule);
        found.push(Covered { rule: *rule, by });
    }
    found.reverse();
    found
}

/// The different sets of rules that match a packet. `None` if there is too much to look at.
fn cells(parts: &[Part]) -> Option<BTreeSet<Vec<usize>>> {
    let mut by_selector: BTreeMap<&Selector, Vec<&Part>> = BTreeMap::new();
    for part in parts {
        by_selector.entry(&part.selector).or_default().push(part);
    }
    let mut steps = by_selector.len() * by_selector.len();
    let addresses: Vec<(IntervalSet, &Vec<&Part>)> =
        by_selector.iter().map(|(selector, parts)| (selector.addresses(), parts)).collect();
    if steps > STEPS_MAX {
        return None;
    }
    let sets: Vec<IntervalSet> = addresses.iter().map(|(set, _)| set.clone()).collect();
    let signatures: BTreeSet<Vec<usize>> =
        partition(&sets).into_iter().map(|(_, _, signature)| signature).collect();
    let mut found = BTreeSet::new();
    for signature in signatures {
        let here = signature.iter().flat_map(|index| addresses[*index].1.iter().copied());
        cut(here.collect(), &mut found, &mut steps)?;
    }
    for (group, own) in
        by_selector.iter().filter_map(|(selector, own)| Some((group(selector)?, own)))
    {
        let _: &Name = group;
        let all = by_selector.get(&Selector::All).into_iter().flatten();
        let mut inside = BTreeSet::new();
        cut(own.iter().chain(all).copied().collect(), &mut inside, &mut steps)?;
        // What only the rules for everyone match says nothing about the group.
        let rules: BTreeSet<usize> = own.iter().map(|part| part.rule).collect();
        found
            .extend(inside.into_iter().filter(|cell| cell.iter().any(|rule| rules.contains(rule))));
    }
    Some(found)
}

fn group(selector: &Selector) -> Option<&Name> {
    match selector {
        Selector::Group(name) => Some(name),
        Selector::All | Selector::Prefix(_) | Selector::Ranges(_) => None,
    }
}

/// Cuts parts, which match the same addresses, by their protocols and ports.
fn cut(parts: Vec<&Part>, found: &mut BTreeSet<Vec<usize>>, steps: &mut usize) -> Option<()> {
    let mut by_transports: BTreeMap<&IntervalSet, BTreeSet<usize>> = BTreeMap::new();
    for part in parts {
        by_transports.entry(&part.transports).or_default().insert(part.rule);
    }
    let sets: Vec<IntervalSet> = by_transports.keys().map(|set| (*set).clone()).collect();
    let rules: Vec<&BTreeSet<usize>> = by_transports.values().collect();
    *steps += sets.iter().map(|set| set.ranges().len()).sum::<usize>() * sets.len();
    if *steps > STEPS_MAX {
        return None;
    }
    for (_, _, signature) in partition(&sets) {
        let here: BTreeSet<usize> =
            signature.iter().flat_map(|index| rules[*index].iter().copied()).collect();
        *steps += here.len();
        found.insert(here.into_iter().collect());
    }
    (*steps <= STEPS_MAX).then_some(())
}

#[cfg(test)]
mod tests;
