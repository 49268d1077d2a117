//! The changes of one nf_tables table, as one transaction.

use super::generation::{CHANGED_IN_PLACE_MAX, under_kernel_names};
use crate::nft::{Change, Element, Set, Table};
use std::collections::BTreeMap;

/// The changes that turn `current` into `desired`; empty if they are equal.
///
/// A set whose type changed or a chain bound elsewhere cannot be changed in place:
/// the table is then replaced whole, which is still one transaction.
pub(super) fn changes(desired: Option<&Table>, current: Option<&Table>) -> Vec<Change> {
    changes_at_most(desired, current, CHANGED_IN_PLACE_MAX)
}

/// The same, with sets filled anew beyond so many changed elements.
pub(super) fn changes_at_most(
    desired: Option<&Table>,
    current: Option<&Table>,
    changed_in_place_max: usize,
) -> Vec<Change> {
    match (desired, current) {
        (None, None) => Vec::new(),
        (None, Some(_)) => vec![Change::DeleteTable],
        (Some(desired), None) => {
            let mut changes = vec![Change::AddTable];
            changes.extend(changes_inside(desired, &Table::default()));
            changes
        }
        (Some(desired), Some(current)) => {
            let named = under_kernel_names(desired, current, changed_in_place_max);
            if can_change_in_place(&named, current) {
                return changes_inside(&named, current);
            }
            let mut changes = vec![Change::DeleteTable, Change::AddTable];
            changes.extend(changes_inside(desired, &Table::default()));
            changes
        }
    }
}

fn can_change_in_place(desired: &Table, current: &Table) -> bool {
    let sets = desired.sets.iter().all(|(name, set)| {
        current.sets.get(name).is_none_or(|current| current.kind() == set.kind())
    });
    let chains = desired.chains.iter().all(|(name, chain)| {
        current.chains.get(name).is_none_or(|current| current.base == chain.base)
    });
    sets && chains
}

/// What is referred to comes before what refers to it, and goes after it.
fn changes_inside(desired: &Table, current: &Table) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, set) in &desired.sets {
        if !current.sets.contains_key(name) {
            changes.push(Change::AddSet { set: name.clone(), kind: set.kind() });
        }
    }
    for (name, chain) in &desired.chains {
        if !current.chains.contains_key(name) {
            changes.push(Change::AddChain { chain: name.clone(), base: chain.base });
        }
    }
    for (name, set) in &desired.sets {
        changes.extend(element_changes(name, set, current.sets.get(name)));
    }
    for (name, chain) in &desired.chains {
        let rules = current.chains.get(name).map_or(&[][..], |chain| &chain.rules);
        if rules == chain.rules {
            continue;
        }
        if !rules.is_empty() {
            changes.push(Change::FlushChain { chain: name.clone() });
        }
        changes.extend(
            chain
                .rules
                .iter()
                .map(|rule| Change::AppendRule { chain: name.clone(), rule: rule.clone() }),
        );
    }
    let gone = |name: &&String| !desired.chains.contains_key(*name);
    for chain in current.chains.keys().filter(gone) {
        changes.push(Change::FlushChain { chain: chain.clone() });
    }
    for chain in current.chains.keys().filter(gone) {
        changes.push(Change::DeleteChain { chain: chain.clone() });
    }
    for set in current.sets.keys().filter(|name| !desired.sets.contains_key(*name)) {
        changes.push(Change::DeleteSet { set: set.clone() });
    }
    changes
}

fn element_changes(name: &str, desired: &Set, current: Option<&Set>) -> Vec<Change> {
    let none = BTreeMap::new();
    let current = current.map_or(&none, |set| &set.elements);
    let removed = missing_from(current, &desired.elements);
    let added = missing_from(&desired.elements, current);
    let mut changes = Vec::new();
    if !removed.is_empty() {
        changes.push(Change::DeleteElements {
            set: name.to_owned(),
            kind: desired.kind(),
            elements: removed,
        });
    }
    if !added.is_empty() {
        changes.push(Change::AddElements {
            set: name.to_owned(),
            kind: desired.kind(),
            elements: added,
        });
    }
    changes
}

/// The entries of `these` that `others` lacks or holds with another value.
fn missing_from(
    these: &BTreeMap<Vec<u8>, Element>,
    others: &BTreeMap<Vec<u8>, Element>,
) -> BTreeMap<Vec<u8>, Element> {
    these
        .iter()
        .filter(|(key, element)| others.get(*key) != Some(element))
        .map(|(key, element)| (key.clone(), element.clone()))
        .collect()
}
