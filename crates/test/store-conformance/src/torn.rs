//! Power cuts: an embedded store on a disk that keeps what was synced, and of the rest something.

use crate::disk::Disk;
use crate::history;
use anyhow::{Context as _, ensure};
use netloom_store::{CommitError, RedbBackend, Settings, Store, StoreError};
use netloom_testkit::random_fabric::Dice;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Operations of the disk until the power goes, at most.
const OPERATIONS_MAX: u64 = 400;
/// Lives of one store.
const LIVES: u64 = 4;

/// What trials have found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Power cuts.
    pub cuts: u64,
    /// Commits that were acknowledged.
    pub acknowledged: u64,
    /// Cuts after which the commit before the last was there: the last one, unacknowledged, was undone.
    pub undone: u64,
    /// Cuts after which the last commit was there, though it was not acknowledged.
    pub done: u64,
    /// Cuts while the store was opened again.
    pub in_recovery: u64,
}

impl Found {
    /// Adds what another trial has found.
    pub fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.acknowledged += other.acknowledged;
        self.undone += other.undone;
        self.done += other.done;
        self.in_recovery += other.in_recovery;
    }
}

/// One store through several power cuts, chosen by seed.
///
/// # Errors
/// Something else was found than the last commit that was acknowledged, or the one that was under way.
pub fn trial(seed: u64) -> anyhow::Result<Found> {
    let mut dice = Dice::new(seed);
    let mut found = Found::default();
    let mut disk = Disk::new();
    // Creating a store is under another file's name, so it is not cut here.
    drop(open(&disk)?);
    let mut may_be = 0..=0;
    for life in 0..LIVES {
        let context = || format!("seed {seed}, life {life}");
        disk.cut_power_after(dice.below(OPERATIONS_MAX));
        may_be = live(&disk, &mut dice, may_be, &mut found).with_context(context)?;
        found.cuts += 1;
        disk = disk.after_power_cut(&mut dice);
    }
    // The last one is not cut.
    let end = open(&disk).with_context(|| format!("seed {seed}, at the end"))?.snapshot()?;
    agrees(&end, &may_be).with_context(|| format!("seed {seed}, at the end"))?;
    Ok(found)
}

fn open(disk: &Disk) -> Result<Store, StoreError> {
    let storage = disk.clone();
    let backend = RedbBackend::on("the disk", move || Ok(storage.clone()))?;
    // The power does not come back while it is waited for.
    let settings = Settings { settle_timeout: Duration::ZERO, ..Settings::default() };
    Store::open_with(backend, settings)
}

fn agrees(snapshot: &netloom_store::Snapshot, may_be: &RangeInclusive<u64>) -> anyhow::Result<()> {
    let version = snapshot.version();
    ensure!(may_be.contains(&version), "commit {version} was found, expected one of {may_be:?}");
    history::check(snapshot, version)
}

/// Commits until the power goes; gives which commits may be found then.
fn live(
    disk: &Disk,
    dice: &mut Dice,
    may_be: RangeInclusive<u64>,
    found: &mut Found,
) -> anyhow::Result<RangeInclusive<u64>> {
    let store = match open(disk) {
        Err(_) if disk.is_off() => {
            found.in_recovery += 1;
            return Ok(may_be);
        }
        other => other?,
    };
    let mut last = match store.snapshot() {
        Err(_) if disk.is_off() => return Ok(may_be),
        other => other?,
    };
    if !disk.is_off() {
        agrees(&last, &may_be)?;
        if may_be.start() < may_be.end() {
            let is_done = last.version() == *may_be.end();
            *(if is_done { &mut found.done } else { &mut found.undone }) += 1;
        }
    }
    loop {
        if dice.one_in(10) {
            match store.collect_garbage(Duration::ZERO) {
                Err(error) if !disk.is_off() => return Err(error.into()),
                _ => {}
            }
        }
        let number = last.version() + 1;
        match store.commit(&last, history::changes(number)) {
            Ok(next) => {
                found.acknowledged += 1;
                last = next;
            }
            Err(error) if !disk.is_off() => return Err(error.into()),
            // Refused before anything could take effect, or not known.
            Err(CommitError::Store(_) | CommitError::Unknown { .. }) => {
                return Ok(last.version()..=number);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
