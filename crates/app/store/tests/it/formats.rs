//! Older formats become the current one, whole or not at all; later ones are refused.

use netloom_store::chunk::ChunkId;
use netloom_store::{Backend, Chunk, Damage, MemoryBackend, RedbBackend, Store, StoreError, Swap};
use netloom_store_conformance::disk::Disk;
use netloom_store_conformance::hurt::Hurt;
use netloom_store_conformance::suite::put;
use std::sync::Arc;
use std::time::Duration;

/// A store of format 0, as it was written.
const FIXTURE: &str = include_str!("../fixtures/format-0.txt");
/// What is in it.
const VALUES: [(&str, &str); 7] = [
    ("a.b/x", "section with a dot"),
    ("a/x", "1"),
    ("fabric/empty", ""),
    ("fabric/name", "quickstart"),
    ("fabric/unicode-ü", "grüß"),
    ("lease/web-1", "10.0.1.3"),
    ("lease/web-2", "10.0.1.4"),
];

fn bytes(digits: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(digit).collect()
}

/// Writes head and chunks as they are.
fn fill(backend: &dyn Backend, head: &[u8], chunks: &[Vec<u8>]) {
    for bytes in chunks {
        let chunk = Chunk { id: ChunkId::of(bytes), bytes };
        backend.put_chunks(None, &[chunk]).unwrap();
    }
    let swap = backend.compare_and_swap_head(None, head).unwrap();
    assert!(matches!(swap, Swap::Done(_)));
}

fn fill_from_fixture(backend: &dyn Backend) {
    let lines: Vec<Vec<&str>> = FIXTURE.lines().map(|line| line.split(' ').collect()).collect();
    let head = lines.iter().find(|words| words[0] == "head").unwrap();
    let chunks: Vec<Vec<u8>> = lines
        .iter()
        .filter(|words| words[0] == "chunk")
        .map(|words| {
            let chunk = bytes(words[2]);
            assert_eq!(ChunkId::of(&chunk).to_string(), words[1]);
            chunk
        })
        .collect();
    fill(backend, &bytes(head[1]), &chunks);
}

fn check(store: &Store) {
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.version(), 42);
    let found = snapshot.values("").unwrap();
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
        .collect();
    assert_eq!(found, VALUES);
    assert_eq!(snapshot.verify().unwrap().names, 7);
}

/// Opens, and uses it further.
fn migrates(backend: impl Backend + 'static) {
    let backend: Arc<dyn Backend> = Arc::new(backend);
    fill_from_fixture(&backend);
    let store = Store::open(Arc::clone(&backend)).unwrap();
    check(&store);
    // What the old format consisted of is garbage, and nothing else is.
    let collected = store.collect_garbage(Duration::ZERO).unwrap();
    assert!(collected.removed >= 1);
    check(&Store::open(Arc::clone(&backend)).unwrap());
    let base = store.snapshot().unwrap();
    let next = store.commit(&base, vec![put("a/x", "2")]).unwrap();
    assert_eq!(next.version(), 43);
    assert_eq!(next.changed_since(&base).unwrap(), ["a/x"]);
}

#[test]
fn format_0_becomes_format_1_in_memory() {
    migrates(MemoryBackend::new());
}

#[test]
fn format_0_becomes_format_1_in_an_embedded_file() {
    let disk = Disk::new();
    migrates(RedbBackend::on("the disk", move || Ok(disk.clone())).unwrap());
}

#[test]
fn format_0_becomes_format_1_in_etcd() {
    let Some(cluster) = crate::etcd::cluster("etcd-format", 1, Default::default()) else { return };
    migrates(netloom_store::EtcdBackend::new(cluster.settings(1).unwrap()).unwrap());
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

#[test]
fn large_values_of_format_0_are_cut_anew() {
    let value: Vec<u8> = (0..1_000_000_usize).map(|at| (at % 65_521 % 256) as u8).collect();
    let parts: Vec<Vec<u8>> = value.chunks(256 * 1024).map(<[u8]>::to_vec).collect();
    let mut manifest = b"NLM\0\x01\x09large/one".to_vec();
    manifest.extend(varint(value.len()));
    manifest.extend(varint(parts.len()));
    parts.iter().for_each(|part| manifest.extend(ChunkId::of(part).0));
    let mut head = b"NLHD\0\0\0\0\0\0\0\0\0\x01".to_vec();
    head.extend(ChunkId::of(&manifest).0);
    let backend = MemoryBackend::new();
    fill(&backend, &head, &[parts, vec![manifest]].concat());
    let store = Store::open(backend).unwrap();
    assert_eq!(store.snapshot().unwrap().get("large/one").unwrap(), Some(value));
}

#[test]
fn a_migration_that_is_broken_off_at_any_step_can_be_repeated() {
    let mut steps = 0;
    loop {
        let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
        fill_from_fixture(&backend);
        let hurt = Arc::new(Hurt::new(Arc::clone(&backend)));
        hurt.stop_after(steps);
        let is_done = Store::open(hurt).is_ok();
        check(&Store::open(backend).unwrap());
        if is_done {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 2, "it was never broken off");
}

#[test]
fn several_that_open_at_once_migrate_once() {
    let backend = MemoryBackend::new();
    fill_from_fixture(&backend);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| check(&Store::open(backend.clone()).unwrap()));
        }
    });
}

#[test]
fn a_later_format_is_refused_and_left_as_it_is() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let head = b"NLHD\0\x02what a later version has to say";
    fill(&backend, head, &[]);
    let error = Store::open(Arc::clone(&backend)).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("format 2") && text.contains("run the later version"), "{text}");
    assert_eq!(backend.read_head().unwrap().unwrap().bytes, head);
}

#[test]
fn a_format_0_that_is_damaged_is_left_as_it_is() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    fill_from_fixture(&backend);
    let before = backend.read_head().unwrap();
    for listed in backend.list_chunks(None, 100).unwrap() {
        let hurt = Arc::new(Hurt::new(Arc::clone(&backend)));
        hurt.tamper(listed.id, Some(b"other bytes".to_vec()));
        let error = Store::open(hurt).unwrap_err();
        let is_right = matches!(
            &error,
            StoreError::Damaged { damage: Damage::Altered(id), .. } if *id == listed.id
        );
        assert!(is_right, "{error:?}");
        assert_eq!(backend.read_head().unwrap(), before);
    }
    check(&Store::open(backend).unwrap());
}
