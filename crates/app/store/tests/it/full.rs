//! Full disks, and files that are in use or are none.

use netloom_store::{CommitError, Damage, RedbBackend, Settings, Store, StoreError};
use netloom_store_conformance::disk::Disk;
use netloom_store_conformance::history;
use std::time::Duration;

fn open(disk: &Disk) -> Result<Store, StoreError> {
    let storage = disk.clone();
    let backend = RedbBackend::on("the disk", move || Ok(storage.clone()))?;
    let settings = Settings { settle_timeout: Duration::ZERO, ..Settings::default() };
    Store::open_with(backend, settings)
}

/// Commits until there is no room; gives the last that was acknowledged.
fn fill(store: &Store) -> u64 {
    loop {
        let base = store.snapshot().expect("reading needs no room");
        match store.commit(&base, history::changes(base.version() + 1)) {
            Ok(_) => {}
            Err(CommitError::Store(error)) => {
                assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
                let text = error.to_string();
                assert!(text.contains("the disk is full") && text.contains("Make room"), "{text}");
                return base.version();
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    for has_holes in [false, true] {
        for room in (0..24).map(|step| 3_000_000 + step * 171_717) {
            let disk = Disk::new();
            let store = open(&disk).unwrap();
            disk.limit(room, has_holes);
            let last = fill(&store);
            assert!(last > 0, "there was no room at all");
            let context = format!("room {room}, holes {has_holes}");
            // The same store goes on reading. Opened again inside, it may have found some room; it says the same again.
            history::check(&store.snapshot().unwrap(), last).expect(&context);
            let last = fill(&store);
            drop(store);
            // Opened anew, with room or without.
            let again = open(&disk).expect(&context);
            history::check(&again.snapshot().unwrap(), last).expect(&context);
            disk.make_room();
            let base = again.snapshot().unwrap();
            let next = again.commit(&base, history::changes(last + 1)).expect(&context);
            history::check(&next, last + 1).expect(&context);
        }
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = crate::etcd::folder(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_file_in_use_is_said_to_be() {
    let folder = folder("in-use");
    let file = folder.join("store.redb");
    let first = RedbBackend::open(&file).unwrap();
    let error = RedbBackend::open(&file).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("store.redb is in use by another process"), "{text}");
    drop(first);
    RedbBackend::open(&file).unwrap();
    // Nobody else reads it, and no other file is left.
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn several_that_create_a_file_at_once_leave_one() {
    let folder = folder("created");
    for round in 0..20 {
        let file = folder.join(format!("{round}.redb"));
        let opened: u64 = std::thread::scope(|scope| {
            let open = || match RedbBackend::open(&file) {
                Ok(backend) => {
                    Store::open(backend).unwrap();
                    1
                }
                Err(StoreError::Locked { .. }) => 0,
                Err(error) => panic!("{error:?}"),
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(opened >= 1, "nobody could open it");
        Store::open(RedbBackend::open(&file).unwrap()).unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let folder = folder("no-store");
    let file = folder.join("store.redb");
    for (bytes, words) in [
        (&b""[..], "it is empty: it was truncated"),
        (b"something else", "it does not begin as a store does"),
        (&[0; 5000], "it does not begin as a store does"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let error = RedbBackend::open(&file).unwrap_err();
        let is_damage = matches!(&error, StoreError::Damaged { damage: Damage::File(_), .. });
        assert!(is_damage && error.to_string().contains(words), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
    for path in [folder.clone(), folder.join("missing/store.redb")] {
        let error = RedbBackend::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    }
    // A database of somebody else's.
    std::fs::remove_file(&file).unwrap();
    let database =
        redb::Database::builder().create_with_file_format_v3(true).create(&file).unwrap();
    let write = database.begin_write().unwrap();
    let table = redb::TableDefinition::<u64, u64>::new("chunks");
    write.open_table(table).unwrap().insert(1, 1).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = RedbBackend::open(&file).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}
