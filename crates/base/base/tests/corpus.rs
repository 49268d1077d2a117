//! Every file of the fuzzing corpora through the fuzzing entry points.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;

fn replay(corpus: &str, mut each: impl FnMut(&[u8]) -> usize) -> usize {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus").join(corpus);
    let entries = std::fs::read_dir(&folder).unwrap();
    entries.map(|entry| each(&std::fs::read(entry.unwrap().path()).unwrap())).sum()
}

#[test]
fn large_packets_are_split() {
    let parts = replay("base_offload", netloom_base::fuzz::offload);
    assert!(parts >= 16, "{parts} parts");
}

#[test]
fn packets_are_put_together() {
    let merged = replay("base_coalesce", netloom_base::fuzz::coalesce);
    assert!(merged >= 20, "{merged} packets");
}
