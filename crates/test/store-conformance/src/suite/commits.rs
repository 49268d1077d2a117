//! Commits: all or nothing, one after the other, isolated from snapshots; and their cost.

use super::{Case, delete, put, same, text};
use crate::place::Place;
use crate::watched::Watched;
use anyhow::ensure;
use netloom_store::{CommitError, Store, UpdateError};
use std::convert::Infallible;

pub(super) const CASES: &[Case] = &[
    Case { name: "of two commits on one base the second is refused", run: conflicts },
    Case { name: "a snapshot does not change", run: isolation },
    Case { name: "what is deleted is gone, and nothing else", run: deletion },
    Case { name: "the cost of a commit grows with the change", run: cost },
    Case { name: "an update that always collides ends", run: exhausted },
];

fn conflicts(place: &Place) -> anyhow::Result<()> {
    let (one, two) = (place.store()?, place.store()?);
    let base = one.snapshot()?;
    let seen_by_two = two.snapshot()?;
    let first = one.commit(&base, vec![put("a/x", "one"), put("a/y", "one")])?;
    let refused = two.commit(&seen_by_two, vec![put("a/x", "two"), put("a/z", "two")]);
    let is_right = matches!(refused, Err(CommitError::Conflict { current: 1 }));
    ensure!(is_right, "the second commit: {refused:?}");
    let refused = one.commit(&base, vec![put("a/x", "again")]);
    ensure!(matches!(refused, Err(CommitError::Conflict { .. })), "an old base: {refused:?}");
    // Even where nothing would change: a base that is not the newest is not a base.
    let refused = one.commit(&base, Vec::new());
    ensure!(matches!(refused, Err(CommitError::Conflict { .. })), "no changes: {refused:?}");
    let now = two.snapshot()?;
    same!(now.root(), first.root());
    same!(now.list("")?, ["a/x", "a/y"]);
    same!(text(&now, "a/x")?, Some("one".to_owned()));
    let second = two.commit(&now, vec![put("a/x", "two")])?;
    same!(second.version(), 2);
    same!(text(&one.snapshot()?, "a/x")?, Some("two".to_owned()));
    Ok(())
}

fn isolation(place: &Place) -> anyhow::Result<()> {
    let (store, other) = (place.store()?, place.store()?);
    let mut snapshots = vec![store.snapshot()?];
    for round in 0..place.rounds {
        let base = other.snapshot()?;
        let changes = (0..5).map(|index| put(format!("a/{index}"), format!("{round}")));
        other.commit(&base, changes.collect())?;
        snapshots.push(store.snapshot()?);
    }
    for (version, snapshot) in snapshots.iter().enumerate() {
        same!(snapshot.version(), version as u64);
        for index in 0..5 {
            let expected = version.checked_sub(1).map(|round| round.to_string());
            same!(text(snapshot, &format!("a/{index}"))?, expected, "version {version}");
        }
    }
    Ok(())
}

/// A section of many names, written in several commits.
fn filled(store: &Store, names: u64) -> anyhow::Result<()> {
    let mut base = store.snapshot()?;
    let all: Vec<u64> = (0..names).collect();
    for part in all.chunks(2500) {
        let changes =
            part.iter().map(|number| put(format!("many/{number:06}"), number.to_be_bytes()));
        base = store.commit(&base, changes.collect())?;
    }
    Ok(())
}

fn deletion(place: &Place) -> anyhow::Result<()> {
    let store = place.store()?;
    filled(&store, 1000)?;
    let mut base = store.commit(&store.snapshot()?, vec![put("other/x", "y")])?;
    for (first, last) in [(0, 1), (500, 501), (999, 1000), (100, 400), (400, 500), (1, 100)] {
        let changes = (first..last).map(|number| delete(format!("many/{number:06}")));
        let next = store.commit(&base, changes.collect())?;
        same!(next.names(), base.names() - (last - first));
        for number in first..last {
            same!(next.get(&format!("many/{number:06}"))?, None);
        }
        same!(next.changed_since(&base)?.len() as u64, last - first);
        next.verify()?;
        base = next;
    }
    let changes = base.list("many/")?.into_iter().map(delete).collect();
    let none = store.commit(&base, changes)?;
    same!(none.list("")?, ["other/x"]);
    same!(none.verify()?.names, 1);
    let empty = store.commit(&none, vec![delete("other/x"), delete("other/y")])?;
    same!(empty.list("")?, Vec::<String>::new());
    let again = store.commit(&empty, vec![put("many/000000", "back")])?;
    same!(text(&again, "many/000000")?, Some("back".to_owned()));
    Ok(())
}

fn cost(place: &Place) -> anyhow::Result<()> {
    let watched = place.watched()?;
    let store = Store::open(std::sync::Arc::clone(&watched))?;
    filled(&store, 10_000)?;
    for round in 0..20 {
        let base = store.snapshot()?;
        Watched::take(&watched.written_bytes);
        Watched::take(&watched.written_chunks);
        let name = format!("many/{:06}", round * 487);
        let next = store.commit(&base, vec![put(&name, vec![round as u8; 100])])?;
        let bytes = Watched::take(&watched.written_bytes);
        let chunks = Watched::take(&watched.written_chunks);
        ensure!(bytes <= 32 * 1024, "{bytes} bytes were written for a value of 100");
        ensure!(chunks <= 6, "{chunks} chunks were written for a value");
        Watched::take(&watched.read_chunks);
        same!(next.changed_since(&base)?, [name]);
        let read = Watched::take(&watched.read_chunks);
        ensure!(read <= 8, "{read} chunks were read to compare two commits");
    }
    Ok(())
}

fn exhausted(place: &Place) -> anyhow::Result<()> {
    let settings = netloom_store::Settings { update_attempts: 3, ..Default::default() };
    let (store, other) = (place.store_with(settings)?, place.store()?);
    let mut calls = 0_u64;
    let result = store.update(|base| -> Result<_, Infallible> {
        calls += 1;
        let theirs =
            other.update(|_| Ok::<_, Infallible>(vec![put("a/theirs", calls.to_be_bytes())]));
        assert!(theirs.is_ok_and(|theirs| theirs.version() > base.version()));
        Ok(vec![put("a/ours", "x")])
    });
    let is_right = matches!(result, Err(UpdateError::Exhausted { attempts: 3 }));
    ensure!(is_right && calls == 3, "{result:?} after {calls} calls");
    let now = store.snapshot()?;
    same!(now.get("a/ours")?, None);
    same!(now.version(), 3);
    let own = store.update(|_| Err("no"));
    ensure!(matches!(own, Err(UpdateError::Own("no"))), "{own:?}");
    Ok(())
}
