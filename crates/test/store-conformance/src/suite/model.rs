//! Random histories against a sorted map.

use super::{Case, delete, put, same};
use crate::place::Place;
use anyhow::{Context as _, ensure};
use netloom_store::{Change, Snapshot, Store};
use netloom_testkit::random_fabric::Dice;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const CASES: &[Case] =
    &[Case { name: "random histories are those of a sorted map", run: histories }];

type Model = BTreeMap<String, Vec<u8>>;

fn histories(place: &Place) -> anyhow::Result<()> {
    history(place, 1, place.rounds * 3)
}

/// One history of so many steps, chosen by seed. The place may hold one already.
///
/// # Errors
/// What differs.
pub fn history(place: &Place, seed: u64, steps: u64) -> anyhow::Result<()> {
    let mut dice = Dice::new(seed);
    let mut store = place.store()?;
    let start = store.snapshot()?;
    let mut model: Model = start.values("")?.into_iter().collect();
    let mut kept: Vec<(Snapshot, Model)> = vec![(start, model.clone())];
    for step in 0..steps {
        let context = || format!("seed {seed}, step {step}");
        match dice.below(12) {
            0 => drop(store.collect_garbage(Duration::ZERO).with_context(context)?),
            // Snapshots of the old one are kept by nobody then.
            1 => {
                store = place.store().with_context(context)?;
                kept = vec![(store.snapshot()?, model.clone())];
            }
            2 => {
                let index = dice.below(kept.len() as u64) as usize;
                let (snapshot, then) = &kept[index];
                agrees(snapshot, then).with_context(context)?;
                let now = store.snapshot()?;
                let names = model.keys().chain(then.keys());
                let mut differ: Vec<&String> =
                    names.filter(|name| model.get(*name) != then.get(*name)).collect();
                differ.sort_unstable();
                differ.dedup();
                ensure!(now.changed_since(snapshot)?.iter().eq(differ), "{}", context());
            }
            3 if kept.len() > 4 => {
                let index = dice.below(kept.len() as u64) as usize;
                kept.swap_remove(index);
            }
            _ => {
                let changes = changes(&mut dice, &model);
                for change in &changes {
                    match change.clone() {
                        Change::Put { name, value } => drop(model.insert(name, value)),
                        Change::Delete { name } => drop(model.remove(&name)),
                    }
                }
                let next = commit(&store, changes).with_context(context)?;
                ensure!(next.names() == model.len() as u64, "{}: names are miscounted", context());
                kept.push((next, model.clone()));
            }
        }
    }
    let end = place.store()?.snapshot()?;
    agrees(&end, &model).with_context(|| format!("seed {seed}, at the end"))?;
    Ok(())
}

fn commit(store: &Store, changes: Vec<Change>) -> anyhow::Result<Snapshot> {
    Ok(store.commit(&store.snapshot()?, changes)?)
}

fn agrees(snapshot: &Snapshot, model: &Model) -> anyhow::Result<()> {
    let found: Model = snapshot.values("")?.into_iter().collect();
    ensure!(found == *model, "{} names, expected {}", found.len(), model.len());
    ensure!(snapshot.list("")?.iter().eq(model.keys()), "the names are not in order");
    for (name, value) in model.iter().take(20) {
        let found = snapshot.get(name)?;
        same!(found.as_ref(), Some(value), "{name}");
    }
    Ok(())
}

/// Mostly few, of names that exist or are near to them; sometimes many, in one place or all over.
fn changes(dice: &mut Dice, model: &Model) -> Vec<Change> {
    let names: Vec<&String> = model.keys().collect();
    if dice.one_in(8) && !names.is_empty() {
        let first = dice.below(names.len() as u64) as usize;
        let count = dice.below(400) as usize;
        return names[first..].iter().take(count).map(|name| delete(*name)).collect();
    }
    let count = if dice.one_in(4) { dice.between(1, 400) } else { dice.between(1, 8) };
    let start = dice.below(3000);
    let one = |index: u64, dice: &mut Dice| {
        let name = match dice.below(3) {
            0 if !names.is_empty() => (*dice.pick(&names)).clone(),
            1 => format!("s/{:05}", start + index),
            _ => {
                let tail = "x".repeat(dice.below(200) as usize);
                format!("t{}/{:04}{tail}", dice.below(3), dice.below(2000))
            }
        };
        if dice.one_in(3) { delete(name) } else { put(name, value(dice)) }
    };
    (0..count).map(|index| one(index, dice)).collect()
}

fn value(dice: &mut Dice) -> Vec<u8> {
    let bytes = match dice.below(200) {
        0..20 => 0,
        20..190 => dice.below(100),
        190..199 => dice.below(20_000),
        _ => dice.below(600_000),
    };
    let start = dice.below(256);
    (0..bytes).map(|at| (start + at * at / 7) as u8).collect()
}
