//! Damaged stores: what is wrong is said, and nothing wrong is read.

use netloom_store::{Damage, RedbBackend, Settings, Store, StoreError};
use netloom_store_conformance::disk::Disk;
use netloom_store_conformance::history;
use netloom_testkit::random_fabric::Dice;
use std::time::Duration;

fn open(disk: &Disk) -> Result<Store, StoreError> {
    let storage = disk.clone();
    let backend = RedbBackend::on("the disk", move || Ok(storage.clone()))?;
    let settings = Settings { settle_timeout: Duration::ZERO, ..Settings::default() };
    Store::open_with(backend, settings)
}

/// A file with so many commits.
fn file(commits: u64) -> Vec<u8> {
    let disk = Disk::new();
    let store = open(&disk).expect("an empty disk can be used");
    let mut base = store.snapshot().expect("it can be read");
    for number in 1..=commits {
        base = store.commit(&base, history::changes(number)).expect("it can be written");
    }
    drop((base, store));
    disk.image()
}

/// Reads all of it: `Ok` if it is what commit `number` left.
fn read(image: Vec<u8>, number: u64) -> Result<(), String> {
    let store = open(&Disk::of(image)).map_err(|error| error.to_string())?;
    let snapshot = store.snapshot().map_err(|error| error.to_string())?;
    match snapshot.verify() {
        Ok(_) => history::check(&snapshot, number).map_err(|error| format!("WRONG: {error:#}")),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_damaged_file_is_read_right_or_not_at_all() {
    let commits = 60;
    let whole = file(commits);
    read(whole.clone(), commits).expect("it is whole");
    let (mut right, mut refused) = (0, 0);
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut image = whole.clone();
        match dice.below(4) {
            0 => {
                for _ in 0..dice.between(1, 40) {
                    let at = dice.below(image.len() as u64) as usize;
                    image[at] ^= 1 << dice.below(8);
                }
            }
            1 => image.truncate(dice.below(whole.len() as u64) as usize),
            2 => {
                let at = dice.below(image.len() as u64 / 4096) as usize * 4096;
                image[at..at + 4096].fill(dice.below(256) as u8);
            }
            _ => {
                // Near the beginning, where the file says what is where.
                let at = dice.below(512) as usize;
                image[at] = dice.below(256) as u8;
            }
        }
        match read(image, commits) {
            Ok(()) => right += 1,
            Err(words) => {
                assert!(!words.starts_with("WRONG"), "seed {seed}: {words}");
                refused += 1;
            }
        }
    }
    assert!(right > 20 && refused > 20, "{right} were read right, {refused} refused");
}
