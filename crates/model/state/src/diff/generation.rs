//! Under which names a table's sets stand: a set that changes much is filled anew beside the one in use.
//!
//! The kernel takes one transaction in one message, and a message is bounded by the socket's
//! buffer, so a large change of a set in use would not fit. A new set fills in as many messages
//! as it needs, unseen, and then one small transaction points the rules at it: atomic means
//! visible at once. The kernel cannot rename a set, hence `NAME`, `NAME.g1`, `NAME.g2` and so on.

use crate::nft::{Expression, Rule, Set, Table};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Changes of elements that one table makes to sets in use at once. At about 100 bytes for each,
/// they fit the smallest default of `net.core.wmem_max` (212,992 bytes).
pub(super) const CHANGED_IN_PLACE_MAX: usize = 1_000;

/// What stands between a set's name and the number of its generation.
const MARK: &str = ".g";

/// `desired`, with its sets under the names that they have in `current`, or shall have. The names
/// in `desired` may be a kernel's too, as when a change is taken back.
pub(super) fn under_kernel_names<'a>(
    desired: &'a Table,
    current: &Table,
    changed_in_place_max: usize,
) -> Cow<'a, Table> {
    let standing = standing(current);
    let mut names: BTreeMap<&str, String> = desired
        .sets
        .keys()
        .filter_map(|name| Some((name.as_str(), (*standing.get(declared_name(name))?).to_owned())))
        .collect();
    for name in filled_anew(desired, current, &standing, changed_in_place_max) {
        names.insert(name, next_generation(declared_name(name), current));
    }
    names.retain(|name, kernel_name| name != kernel_name);
    if names.is_empty() { Cow::Borrowed(desired) } else { Cow::Owned(renamed(desired, &names)) }
}

/// The sets that change too much to be changed where they are, most changed first.
fn filled_anew<'a>(
    desired: &'a Table,
    current: &Table,
    standing: &BTreeMap<&str, &str>,
    changed_in_place_max: usize,
) -> Vec<&'a str> {
    let mut changes: Vec<(usize, &str)> = desired
        .sets
        .iter()
        .filter_map(|(name, set)| {
            let current = current.sets.get(*standing.get(declared_name(name))?)?;
            Some((changed_elements(set, current), name.as_str()))
        })
        .collect();
    changes.sort_unstable();
    let mut total: usize = changes.iter().map(|(count, _)| count).sum();
    let mut anew = Vec::new();
    while total > changed_in_place_max {
        let Some((count, name)) = changes.pop() else { break };
        total -= count;
        anew.push(name);
    }
    anew
}

/// How many elements go, come, or change their value.
fn changed_elements(desired: &Set, current: &Set) -> usize {
    let kept = desired
        .elements
        .iter()
        .filter(|(key, element)| current.elements.get(*key) == Some(element))
        .count();
    (desired.elements.len() - kept) + (current.elements.len() - kept)
}

/// The kernel's name of each set: of several generations, the one that rules use. What an
/// interrupted change has left stands under no name, and so is removed.
fn standing(current: &Table) -> BTreeMap<&str, &str> {
    let used: BTreeSet<&str> = current
        .chains
        .values()
        .flat_map(|chain| &chain.rules)
        .flat_map(|rule| &rule.expressions)
        .filter_map(set_name)
        .collect();
    let mut standing = BTreeMap::new();
    for kernel_name in current.sets.keys() {
        let name = declared_name(kernel_name);
        if used.contains(kernel_name.as_str()) || !standing.contains_key(name) {
            standing.insert(name, kernel_name.as_str());
        }
    }
    standing
}

/// A set's name without the number of its generation.
fn declared_name(kernel_name: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match kernel_name.rsplit_once(MARK) {
        Some((name, generation)) if is_number(generation) => name,
        _ => kernel_name,
    }
}

fn next_generation(name: &str, current: &Table) -> String {
    (1..=current.sets.len() + 1)
        .map(|generation| format!("{name}{MARK}{generation}"))
        .find(|candidate| !current.sets.contains_key(candidate))
        .expect("one more name than there are sets")
}

fn renamed(table: &Table, names: &BTreeMap<&str, String>) -> Table {
    let name_of = |name: &String| names.get(name.as_str()).unwrap_or(name).clone();
    let rename_rule = |rule: &mut Rule| {
        for set in rule.expressions.iter_mut().filter_map(set_name_mut) {
            *set = name_of(set);
        }
    };
    let mut chains = table.chains.clone();
    chains.values_mut().flat_map(|chain| &mut chain.rules).for_each(rename_rule);
    let sets = table.sets.iter().map(|(name, set)| (name_of(name), set.clone())).collect();
    Table { chains, sets }
}

fn set_name(expression: &Expression) -> Option<&str> {
    match expression {
        Expression::Lookup { set, .. } | Expression::Map { set, .. } => Some(set),
        _ => None,
    }
}

fn set_name_mut(expression: &mut Expression) -> Option<&mut String> {
    match expression {
        Expression::Lookup { set, .. } | Expression::Map { set, .. } => Some(set),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
