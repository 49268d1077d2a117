//! Collecting garbage: what is needed stays, what is not goes, whoever commits meanwhile.

use super::{Case, delete, put, same, text};
use crate::place::Place;
use anyhow::{Context as _, anyhow, ensure};
use netloom_store::{Backend, CommitError, Store, StoreError};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub(super) const CASES: &[Case] = &[
    Case { name: "garbage goes, and what is needed stays", run: collected },
    Case { name: "chunks of a refused commit go", run: left_over },
    Case { name: "snapshots of this process stay, those of others expire", run: snapshots },
    Case { name: "garbage is collected while others commit", run: concurrent },
];

const HOUR: Duration = Duration::from_secs(3600);
/// So many collections while others commit show something.
const COLLECTIONS_MIN: u64 = 10;

/// How many chunks are stored.
fn chunks(backend: &dyn Backend) -> anyhow::Result<u64> {
    let (mut count, mut after) = (0, None);
    loop {
        let listed = backend.list_chunks(after, 100)?;
        let Some(last) = listed.last() else { return Ok(count) };
        ensure!(listed.is_sorted_by_key(|listed| listed.id), "the list is not in order");
        ensure!(after.is_none_or(|after| after < listed[0].id), "the list begins too early");
        after = Some(last.id);
        count += listed.len() as u64;
    }
}

fn collected(place: &Place) -> anyhow::Result<()> {
    let backend = place.backend()?;
    let store = place.store()?;
    let value = |round: u64| format!("{round}").repeat(300_000);
    for round in 0..place.rounds {
        let base = store.snapshot()?;
        let name = format!("a/{}", round % 3);
        let changes = vec![put(name, value(round)), put(format!("b/{round}"), "x")];
        store.commit(&base, changes)?;
    }
    let before = chunks(&*backend)?;
    let kept = store.collect_garbage(HOUR)?;
    same!(kept.removed, 0, "within the time of grace");
    same!(kept.floor, 0);
    same!(chunks(&*backend)?, before);
    let kept = store.collect_garbage(Duration::ZERO)?;
    ensure!(kept.removed > place.rounds, "only {} chunks were removed", kept.removed);
    same!(kept.floor, place.rounds);
    same!(chunks(&*backend)?, kept.kept);
    same!(before - kept.removed, kept.kept);
    let end = place.store()?.snapshot()?;
    same!(end.version(), place.rounds);
    same!(end.verify()?.names, 3 + place.rounds);
    for round in place.rounds - 3..place.rounds {
        same!(text(&end, &format!("a/{}", round % 3))?, Some(value(round)));
    }
    // What was removed can be written again.
    store.commit(&end, vec![put("a/0", value(0))])?;
    store.collect_garbage(Duration::ZERO)?;
    same!(text(&place.store()?.snapshot()?, "a/0")?, Some(value(0)));
    let none = store.commit(
        &store.snapshot()?,
        place.store()?.snapshot()?.list("")?.into_iter().map(delete).collect(),
    )?;
    drop((end, none));
    same!(store.collect_garbage(Duration::ZERO)?.kept, 1, "only the root of nothing");
    Ok(())
}

fn left_over(place: &Place) -> anyhow::Result<()> {
    let backend = place.backend()?;
    let store = place.store()?;
    let base = store.commit(&store.snapshot()?, vec![put("a/x", "first")])?;
    store.collect_garbage(Duration::ZERO)?;
    let before = chunks(&*backend)?;
    // Written under the head that is in force, and never swapped in, as of a process that died.
    let head = backend.read_head()?.context("there is no head")?;
    let bytes = vec![7; 1000];
    let chunk = netloom_store::Chunk { id: netloom_store::ChunkId::of(&bytes), bytes: &bytes };
    backend.put_chunks(Some(&head.bytes), &[chunk])?;
    same!(chunks(&*backend)?, before + 1);
    same!(store.collect_garbage(HOUR)?.removed, 1, "no grace for what never was");
    same!(chunks(&*backend)?, before);
    // The head has changed by that, and the base is still the newest.
    let next = store.commit(&base, vec![put("a/x", "second")])?;
    same!(text(&next, "a/x")?, Some("second".to_owned()));
    // Chunks under a head that is no longer in force are not written at all.
    let put = backend.put_chunks(Some(&head.bytes), &[chunk])?;
    same!(put, netloom_store::Put::Moved);
    // One that is written again after it was listed stays.
    let head = backend.read_head()?.context("there is no head")?;
    backend.put_chunks(Some(&head.bytes), &[chunk])?;
    let listed = backend.list_chunks(None, 1000)?;
    let listed: Vec<_> = listed.into_iter().filter(|listed| listed.id == chunk.id).collect();
    backend.put_chunks(Some(&head.bytes), &[chunk])?;
    same!(backend.delete_chunks(&listed)?, 0);
    same!(backend.get_chunks(&[chunk.id])?, [Some(bytes)]);
    Ok(())
}

fn snapshots(place: &Place) -> anyhow::Result<()> {
    let (store, other) = (place.store()?, place.store()?);
    let large = "large".repeat(200_000);
    let own =
        store.commit(&store.snapshot()?, vec![put("a/x", "old"), put("a/y", large.clone())])?;
    let theirs = other.snapshot()?;
    store.commit(&own, vec![put("a/x", "new"), delete("a/y")])?;
    store.collect_garbage(Duration::ZERO)?;
    same!(text(&own, "a/x")?, Some("old".to_owned()));
    same!(text(&own, "a/y")?, Some(large.clone()));
    same!(own.verify()?.names, 2);
    // The other store has no part in that.
    same!(text(&theirs, "a/y")?, Some(large), "it is kept for the first one's sake");
    let unread = other.snapshot()?;
    drop(own);
    let now = store.collect_garbage(Duration::ZERO)?;
    ensure!(now.removed > 0, "the snapshot was dropped, and nothing was removed");
    let expired = theirs.get("a/y");
    let is_right = matches!(expired, Err(StoreError::Expired { version: 1, floor: 2 }));
    ensure!(is_right, "a snapshot whose chunks are gone: {expired:?}");
    let refused = other.commit(&theirs, vec![put("a/x", "late")]);
    ensure!(matches!(refused, Err(CommitError::Conflict { .. })), "{refused:?}");
    same!(text(&unread, "a/x")?, Some("new".to_owned()));
    Ok(())
}

fn concurrent(place: &Place) -> anyhow::Result<()> {
    let is_over = AtomicBool::new(false);
    let collections = AtomicU64::new(0);
    let (stores, collectors) =
        ([place.store()?, place.store()?, place.store()?], [place.store()?, place.store()?]);
    let commits = std::thread::scope(|scope| -> anyhow::Result<u64> {
        let (is_over, collections) = (&is_over, &collections);
        let write = move |writer: usize, store: &Store| -> anyhow::Result<u64> {
            let mut round = 0;
            // Until enough was collected meanwhile.
            while round < place.rounds || collections.load(Ordering::Acquire) < COLLECTIONS_MIN {
                if is_over.load(Ordering::Acquire) {
                    break;
                }
                come_and_go(store, writer, round)?;
                round += 1;
            }
            Ok(round)
        };
        let collect = move |store: &Store| -> anyhow::Result<u64> {
            let mut removed = 0;
            while !is_over.load(Ordering::Acquire) {
                match store.collect_garbage(Duration::ZERO) {
                    Ok(collected) => removed += collected.removed,
                    // The other collector was faster each time.
                    Err(StoreError::Contended { .. }) => {}
                    Err(error) => {
                        is_over.store(true, Ordering::Release);
                        return Err(error).context("collecting");
                    }
                }
                collections.fetch_add(1, Ordering::AcqRel);
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(removed)
        };
        let writers = stores.iter().enumerate();
        let writers: Vec<_> =
            writers.map(|(writer, store)| scope.spawn(move || write(writer, store))).collect();
        let collectors: Vec<_> =
            collectors.iter().map(|store| scope.spawn(move || collect(store))).collect();
        let written = writers.into_iter().map(|one| one.join().map_err(|_| anyhow!("a panic"))?);
        let written: Vec<anyhow::Result<u64>> = written.collect();
        is_over.store(true, Ordering::Release);
        let mut removed = 0;
        for collector in collectors {
            removed += collector.join().map_err(|_| anyhow!("a panic"))??;
        }
        ensure!(removed > 0, "nothing was collected, so this shows nothing");
        written.into_iter().sum()
    })?;
    let store = place.store()?;
    store.collect_garbage(Duration::ZERO)?;
    let end = place.store()?.snapshot()?;
    same!(end.version(), commits);
    end.verify().context("after all")?;
    Ok(())
}

/// Values come and go and come again, so that chunks are garbage and needed in turn.
fn come_and_go(store: &Store, writer: usize, round: u64) -> anyhow::Result<()> {
    let name = |round: u64| format!("w{writer}/{}", round % 5);
    let value = format!("{}", round % 4).repeat(40_000);
    let done = store.update(|_| -> anyhow::Result<_> {
        let mut changes =
            vec![put(name(round), value.clone()), put("all/last", round.to_be_bytes())];
        if round.is_multiple_of(3) {
            changes.push(delete(name(round + 2)));
        }
        changes.push(put(format!("all/{writer}"), round.to_be_bytes()));
        Ok(changes)
    })?;
    match done.get(&name(round)) {
        Ok(found) => ensure!(found == Some(value.into_bytes()), "round {round}: another value"),
        // Another member may collect at once what this one has just written, and others have overwritten.
        Err(StoreError::Expired { .. }) => {}
        Err(error) => return Err(error).context("reading what was written"),
    }
    Ok(())
}
