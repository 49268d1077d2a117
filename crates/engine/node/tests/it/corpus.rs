//! Every file of the fuzzing corpus, and random bytes besides, through the fuzzing entry points.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

/// Of `node_events`: what they are for would be lost silently if steps were read otherwise one day.
const NEEDS_PACKETS: [&str; 6] = [
    "handshake_and_data",
    "preshared_key_changes",
    "suite_changes",
    "restart_and_rekey",
    "replayed_in_a_batch",
    "early_call",
];

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn the_corpus_replays_without_panic() {
    for (_, bytes) in corpus("wireguard_message") {
        netloom_node::wireguard::fuzz::message(&bytes);
    }
    for (_, bytes) in corpus("path_message") {
        netloom_path::fuzz::message(&bytes);
    }
    let opened = |(path, bytes): (PathBuf, Vec<u8>)| {
        (path.file_name().unwrap().to_owned(), netloom_node::fuzz::outer(&bytes))
    };
    let opened: BTreeMap<_, _> = corpus("node_outer").into_iter().map(opened).collect();
    let came_through = |name: &str, bytes: &[u8]| {
        let count = netloom_node::fuzz::events(bytes);
        assert!(count > 0 || !NEEDS_PACKETS.contains(&name), "{name} lets nothing through");
    };
    for (path, bytes) in corpus("node_events") {
        came_through(&path.file_name().unwrap().to_string_lossy(), &bytes);
    }
    // What the corpus is for would be lost silently if its steps were read otherwise one day.
    for name in ["handshake_and_data", "replayed_data", "rekey_after_time"] {
        assert!(opened[OsStr::new(name)] > 0, "{name} opens nothing: {opened:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_steps_replay_without_panic(
        steps in proptest::collection::vec(
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..160)), 0..40),
    ) {
        let mut bytes = Vec::new();
        for (step, data) in steps {
            bytes.push(step);
            bytes.push(data.len() as u8);
            bytes.extend(data);
        }
        netloom_node::fuzz::outer(&bytes);
        netloom_node::fuzz::events(&bytes);
    }
}
