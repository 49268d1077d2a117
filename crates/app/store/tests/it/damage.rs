//! Damaged stores: what is wrong is said, and nothing wrong is read.

use netloom_store::{
    Backend, ChunkId, CommitError, Damage, MemoryBackend, RedbBackend, Settings, Store, StoreError,
};
use netloom_store_conformance::disk::Disk;
use netloom_store_conformance::history;
use netloom_store_conformance::hurt::Hurt;
use netloom_store_conformance::suite::put;
use netloom_testkit::random_fabric::Dice;
use std::sync::Arc;
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

/// A store of several pages and a value of several chunks, and all its chunks.
fn of_many_pages() -> (Arc<dyn Backend>, Vec<ChunkId>) {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let store = Store::open(Arc::clone(&backend)).unwrap();
    let names = (0..500).map(|number| put(format!("many/{number:04}"), format!("{number}")));
    let large: Vec<u8> = (0..700_000_u32).map(|at| (at % 251) as u8).collect();
    let changes = names.chain([put("large/one", large)]).collect();
    store.commit(&store.snapshot().unwrap(), changes).unwrap();
    store.collect_garbage(Duration::ZERO).unwrap();
    let listed = backend.list_chunks(None, 1000).unwrap();
    (backend, listed.into_iter().map(|listed| listed.id).collect())
}

#[test]
fn every_chunk_that_is_altered_or_missing_is_named() {
    let (backend, ids) = of_many_pages();
    assert!(ids.len() > 500);
    let hurt = Arc::new(Hurt::new(backend));
    let read = || {
        let store = Store::open(Arc::clone(&hurt))?;
        store.snapshot()?.verify()
    };
    for id in ids {
        let mut bytes = hurt.get_chunks(&[id]).unwrap().remove(0).unwrap();
        let shorter = bytes[..bytes.len() - 1].to_vec();
        bytes[0] ^= 1;
        let cases =
            [(Some(bytes), true), (Some(shorter), true), (Some(Vec::new()), true), (None, false)];
        for (instead, is_altered) in cases {
            hurt.tamper(id, instead);
            let error = read().expect_err("it was tampered with");
            let StoreError::Damaged { damage, .. } = &error else { panic!("{error:?}") };
            let expected = if is_altered { Damage::Altered(id) } else { Damage::Missing(id) };
            assert_eq!(*damage, expected);
            let text = error.to_string();
            assert!(text.contains(&id.to_string()) && text.contains("put back a copy"), "{text}");
        }
        // Garbage is not collected by what is damaged: it might be needed.
        let store = Store::open(Arc::clone(&hurt));
        let collected = store.and_then(|store| store.collect_garbage(Duration::ZERO));
        if let Ok(collected) = collected {
            assert_eq!(collected.removed, 0);
        }
    }
    hurt.tamper(ChunkId::of(b"none of them"), None);
    read().expect("it was only tampered with on the way");
}

#[test]
fn a_head_that_is_damaged_or_gone_is_said() {
    let (backend, _) = of_many_pages();
    let head = backend.read_head().unwrap().unwrap().bytes;
    for at in 0..head.len() {
        let mut changed = head.clone();
        changed[at] ^= 0x40;
        let other = MemoryBackend::new();
        other.compare_and_swap_head(None, &changed).unwrap();
        let error = Store::open(other).unwrap_err();
        let is_right = matches!(
            error,
            StoreError::Damaged { damage: Damage::Head(_), .. } | StoreError::NewerFormat { .. }
        );
        assert!(is_right, "byte {at}: {error:?}");
    }
    // Chunks without a head are not an empty store.
    let other = MemoryBackend::new();
    let chunk = netloom_store::Chunk { id: ChunkId::of(b"x"), bytes: b"x" };
    other.put_chunks(None, &[chunk]).unwrap();
    let error = Store::open(other).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { damage: Damage::HeadGone, .. }), "{error:?}");
}

#[test]
fn a_process_that_stops_at_any_step_of_a_commit_leaves_it_undone_or_done() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    drop(Store::open(Arc::clone(&backend)).unwrap());
    let (mut undone, mut done) = (0, 0);
    for steps in 1..4 {
        for number in 1..60 {
            let hurt = Arc::new(Hurt::new(Arc::clone(&backend)));
            let store = Store::open(Arc::clone(&hurt)).unwrap();
            let base = store.snapshot().unwrap();
            let version = base.version();
            hurt.stop_after(steps);
            let result = store.commit(&base, history::changes(version + 1));
            let after = Store::open(Arc::clone(&backend)).unwrap().snapshot().unwrap();
            match result {
                Ok(next) => {
                    assert_eq!(after.root(), next.root());
                    done += 1;
                }
                Err(CommitError::Store(StoreError::Unavailable { .. })) => {
                    assert_eq!(after.root(), base.root());
                    undone += 1;
                }
                Err(error) => panic!("{error:?}"),
            }
            history::check(&after, after.version()).unwrap();
            if number % 10 == 0 {
                Store::open(Arc::clone(&backend)).unwrap().collect_garbage(Duration::ZERO).unwrap();
            }
        }
    }
    assert!(undone > 20 && done > 20, "{undone} undone, {done} done");
}
