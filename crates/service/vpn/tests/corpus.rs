//! Every file of the fuzzing corpus through the fuzzing entry point.

use std::path::PathBuf;

#[test]
fn the_corpus_replays_and_changes_what_it_is_for() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/vpn_uapi");
    let mut changes = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        changes += netloom_vpn::fuzz::uapi(&std::fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(changes >= 7, "{changes} changes");
}
