//! Several writers at once: no update is lost, none is half seen, and lost answers are found out truthfully.

use super::{Case, put, same};
use crate::faulty::Faulty;
use crate::place::Place;
use anyhow::{Context as _, anyhow, ensure};
use netloom_store::{CommitError, Snapshot, Store};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) const CASES: &[Case] = &[
    Case { name: "two writers lose no update", run: |place| counting(place, 2) },
    Case { name: "eight writers lose no update", run: |place| counting(place, 8) },
    Case { name: "what is committed together is seen together", run: seen_together },
    Case { name: "a commit whose answer was lost is found out about", run: lost_answers },
];

fn number(snapshot: &Snapshot, name: &str) -> anyhow::Result<u64> {
    let Some(value) = snapshot.get(name)? else { return Ok(0) };
    let value = <[u8; 8]>::try_from(value).map_err(|value| anyhow!("{name} is {value:?}"))?;
    Ok(u64::from_be_bytes(value))
}

fn counting(place: &Place, writers: u64) -> anyhow::Result<()> {
    let stores: Vec<Store> = (0..writers).map(|_| place.store()).collect::<Result<_, _>>()?;
    let rounds = place.rounds;
    std::thread::scope(|scope| {
        let start = |(writer, store): (usize, &Store)| {
            let store = store.clone();
            scope.spawn(move || -> anyhow::Result<()> {
                for _ in 0..rounds {
                    store.update(|base| -> anyhow::Result<_> {
                        let own = format!("count/{writer}");
                        let all = number(base, "count/all")? + 1;
                        let mine = number(base, &own)? + 1;
                        Ok(vec![put("count/all", all.to_be_bytes()), put(own, mine.to_be_bytes())])
                    })?;
                }
                Ok(())
            })
        };
        let threads: Vec<_> = stores.iter().enumerate().map(start).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a panic"))?)
    })?;
    let end = place.store()?.snapshot()?;
    same!(number(&end, "count/all")?, writers * rounds);
    same!(end.version(), writers * rounds);
    for writer in 0..writers {
        same!(number(&end, &format!("count/{writer}"))?, rounds, "writer {writer}");
    }
    Ok(())
}

fn seen_together(place: &Place) -> anyhow::Result<()> {
    let names: Vec<String> = (0..40).map(|index| format!("s{}/{index}", index % 4)).collect();
    let is_over = AtomicBool::new(false);
    let writers = [place.store()?, place.store()?];
    let readers = [place.store()?, place.store()?];
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let write = |store: &Store| -> anyhow::Result<()> {
            for _ in 0..place.rounds {
                store.update(|base| -> Result<_, Infallible> {
                    let value = base.version().to_be_bytes();
                    Ok(names.iter().map(|name| put(name, value)).collect())
                })?;
            }
            Ok(())
        };
        let read = |store: &Store| -> anyhow::Result<u64> {
            let (mut seen, mut last) = (0, 0);
            while !is_over.load(Ordering::Acquire) {
                let snapshot = store.snapshot()?;
                ensure!(snapshot.version() >= last, "a snapshot before one that was seen");
                last = snapshot.version();
                for name in names.iter().filter(|_| last > 0) {
                    same!(number(&snapshot, name)?, last - 1, "{name} in version {last}");
                }
                seen += 1;
            }
            Ok(seen)
        };
        let readers: Vec<_> =
            readers.iter().map(|store| scope.spawn(move || read(store))).collect();
        let writers: Vec<_> =
            writers.iter().map(|store| scope.spawn(move || write(store))).collect();
        let written =
            writers.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a panic"))?);
        let written: anyhow::Result<Vec<()>> = written.collect();
        is_over.store(true, Ordering::Release);
        for reader in readers {
            let seen = reader.join().map_err(|_| anyhow!("a panic"))??;
            ensure!(seen > 0, "a reader saw nothing");
        }
        written.map(drop)
    })
}

fn lost_answers(place: &Place) -> anyhow::Result<()> {
    let faulty: Vec<Arc<Faulty>> = (0..3)
        .map(|seed| Ok(Arc::new(Faulty::new(place.backend()?, seed, 3))))
        .collect::<anyhow::Result<_>>()?;
    drop(place.store()?);
    let stores: Vec<Store> =
        faulty.iter().map(|one| Store::open(Arc::clone(one))).collect::<Result<_, _>>()?;
    // Each thread says what held and what did not, by its own numbers.
    let write = |writer: usize, store: &Store| -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let (mut held, mut not) = (Vec::new(), Vec::new());
        for round in 0..place.rounds * 3 {
            let name = format!("w{writer}/{round:04}");
            let base = store.snapshot()?;
            match store.commit(&base, vec![put(&name, name.as_str())]) {
                Ok(snapshot) => {
                    ensure!(snapshot.get(&name)?.is_some(), "{name} held, and is not there");
                    held.push(name);
                }
                Err(CommitError::Conflict { .. }) => not.push(name),
                // Said of a swap that is over: this one certainly does not hold.
                Err(CommitError::Store(_)) => not.push(name),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((held, not))
    };
    let told = std::thread::scope(|scope| -> anyhow::Result<Vec<_>> {
        let start = |(writer, store)| scope.spawn(move || write(writer, store));
        let threads: Vec<_> = stores.iter().enumerate().map(start).collect();
        let told = threads.into_iter().map(|one| one.join().map_err(|_| anyhow!("a panic"))?);
        told.collect()
    })?;
    faulty.iter().for_each(|one| one.join());
    let lost: u64 = faulty.iter().map(|one| one.lost.load(Ordering::Relaxed)).sum();
    ensure!(lost > place.rounds / 2, "only {lost} answers were lost, so this shows little");
    let end = place.store()?.snapshot()?;
    let mut all = 0;
    for (held, not) in told {
        for name in &held {
            ensure!(end.get(name)?.is_some(), "{name} was acknowledged, and is lost");
        }
        for name in &not {
            ensure!(end.get(name)?.is_none(), "{name} was refused, and holds");
        }
        all += held.len() as u64;
    }
    same!(end.names(), all);
    same!(end.version(), all, "each commit that held counts once");
    end.verify().context("after all")?;
    Ok(())
}
