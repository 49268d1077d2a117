//! The fuzzing corpus, and random changes of it, through the fuzzing entry point.

use netloom_cbor::from_bytes;
use netloom_cbor::fuzz::{self, Sample};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

fn corpus() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/cbor_record");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_replays_without_panic() {
    let corpus = corpus();
    corpus.iter().for_each(|bytes| fuzz::record(bytes));
    // What the corpus is for would be lost silently if it were all refused one day.
    let read = corpus.iter().filter(|bytes| from_bytes::<Sample>(bytes).is_ok()).count();
    assert!((5..corpus.len() - 10).contains(&read), "{read} of {}", corpus.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_of_the_corpus_never_panic(
        pick in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let corpus = corpus();
        let mut bytes = corpus[pick.index(corpus.len())].clone();
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        fuzz::record(&bytes);
    }
}
