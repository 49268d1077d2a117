//! Waiting for changes, and what changed.

use super::{Case, delete, put, same};
use crate::place::Place;
use anyhow::{Context as _, ensure};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const CASES: &[Case] = &[
    Case { name: "who waits for a change gets it", run: waiting },
    Case { name: "changes between any two snapshots are listed", run: change_lists },
];

/// Longer than any commit takes, where a change must come.
const LONG: Duration = Duration::from_secs(60);

fn waiting(place: &Place) -> anyhow::Result<()> {
    let (store, other) = (place.store()?, place.store()?);
    let empty = store.snapshot()?;
    let none = store.wait_for_change(0, Duration::from_millis(20))?;
    ensure!(none.is_none(), "a change that nobody made: {none:?}");
    for round in 0..place.rounds {
        std::thread::scope(|scope| -> anyhow::Result<()> {
            let waiter = scope.spawn(|| store.wait_for_change(round, LONG));
            if round.is_multiple_of(2) {
                // Half of the changes come when the waiter probably waits already.
                std::thread::sleep(Duration::from_millis(5));
            }
            other.commit(&other.snapshot()?, vec![put("a/x", round.to_be_bytes())])?;
            let waited = waiter.join().map_err(|_| anyhow::anyhow!("the waiter panicked"))?;
            let waited = waited?.context("the change was not noticed")?;
            same!(waited.version(), round + 1);
            same!(waited.get("a/x")?, Some(round.to_be_bytes().to_vec()));
            Ok(())
        })?;
    }
    // Collecting garbage is no change, though it is one of the head.
    let version = store.snapshot()?.version();
    other.collect_garbage(Duration::ZERO)?;
    let none = store.wait_for_change(version, Duration::from_millis(20))?;
    ensure!(none.is_none(), "a change that nobody made: {none:?}");
    let past = store.wait_for_change(empty.version(), LONG)?;
    same!(past.map(|past| past.version()), Some(version));
    Ok(())
}

fn change_lists(place: &Place) -> anyhow::Result<()> {
    let store = place.store()?;
    let mut dice = netloom_testkit::random_fabric::Dice::new(7);
    let mut states: Vec<(_, BTreeMap<String, u64>)> = vec![(store.snapshot()?, BTreeMap::new())];
    for round in 0..place.rounds.min(30) {
        // Sometimes from far back: what was there once may be there again.
        let (base, mut state) = states[states.len() - 1].clone();
        let mut changes = Vec::new();
        for _ in 0..dice.between(1, 300) {
            let name = format!("s{}/{:04}", dice.below(3), dice.below(2000));
            if dice.one_in(3) {
                state.remove(&name);
                changes.push(delete(name));
            } else {
                let value = dice.below(3);
                state.insert(name.clone(), value);
                changes.push(put(name, value.to_be_bytes()));
            }
        }
        if round % 7 == 6 {
            let all: Vec<String> =
                state.keys().filter(|name| name.starts_with("s1/")).cloned().collect();
            for name in all {
                state.remove(&name);
                changes.push(delete(name));
            }
        }
        states.push((store.commit(&base, changes)?, state));
    }
    for (new, new_state) in &states {
        for (old, old_state) in &states {
            let names = new_state.keys().chain(old_state.keys());
            let mut expected: Vec<&String> =
                names.filter(|name| new_state.get(*name) != old_state.get(*name)).collect();
            expected.sort_unstable();
            expected.dedup();
            let found = new.changed_since(old)?;
            ensure!(
                found.iter().eq(expected.iter().copied()),
                "{} and {}: {} names, expected {}",
                new.version(),
                old.version(),
                found.len(),
                expected.len()
            );
        }
    }
    Ok(())
}
