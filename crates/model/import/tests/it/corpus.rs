//! The corpus of the fuzz harness, replayed.

use std::path::Path;

#[test]
fn the_corpus_replays_without_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/import_file");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        netloom_import::fuzz::file(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 8, "{files} files");
}
