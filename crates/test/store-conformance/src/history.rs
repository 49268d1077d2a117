//! A history of commits in which each follows from its number: what is found after a crash can be compared with what must be.

use crate::suite::{delete, put};
use anyhow::{Context as _, ensure};
use netloom_store::{Change, Snapshot};
use std::collections::BTreeMap;

/// Names that come and go.
const NAMES: u64 = 40;

/// The changes of commit `number`, counted from 1.
#[must_use]
pub fn changes(number: u64) -> Vec<Change> {
    let name = |number: u64| format!("s{}/{}", number % 3, number % NAMES);
    let mut changes =
        vec![put("last/number", number.to_be_bytes()), put(name(number), value(number))];
    if number.is_multiple_of(4) {
        changes.push(delete(name(number / 2)));
    }
    if number.is_multiple_of(7) {
        // As another commit had it: its chunks may be garbage by now, or not.
        changes.push(put(name(number + 1), value(number / 3)));
    }
    changes
}

/// Mostly short, sometimes of several chunks.
fn value(number: u64) -> Vec<u8> {
    let bytes = match number % 23 {
        0 => 300_000,
        1..=5 => 5_000 + number % 1000,
        _ => number % 100,
    };
    (0..bytes).map(|at| (at * number + at / 251) as u8).collect()
}

/// Fails unless a snapshot is what commit `number` left.
///
/// # Errors
/// What differs.
pub fn check(snapshot: &Snapshot, number: u64) -> anyhow::Result<()> {
    let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    // What is not overwritten again within so many commits was deleted or never there.
    for change in
        (number.saturating_sub(4 * NAMES * 3)..=number).filter(|at| *at > 0).flat_map(changes)
    {
        match change {
            Change::Put { name, value } => drop(model.insert(name, value)),
            Change::Delete { name } => drop(model.remove(&name)),
        }
    }
    ensure!(snapshot.version() == number, "version {}, expected {number}", snapshot.version());
    let found = snapshot.values("")?;
    ensure!(found.len() == model.len(), "{} names, expected {}", found.len(), model.len());
    for ((found, value), (name, expected)) in found.iter().zip(&model) {
        ensure!(found == name, "`{found}` stands where `{name}` should");
        ensure!(value == expected, "`{name}` has another value");
    }
    snapshot.verify().context("all of it")?;
    Ok(())
}
