//! Every file of the fuzzing corpus, and random bytes besides, through the fuzzing entry point.

use netloom_model::fuzz;
use proptest::prelude::*;
use std::path::PathBuf;

#[test]
fn the_corpus_replays_without_panic() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/model_file");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        fuzz::file(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 80, "{files} files");
}

/// Bytes of the two languages' grammars, so that more than the first byte is read.
fn grammar() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "nodes",
        "version",
        "a",
        "1",
        "10.0.0.0/8",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "'",
        "&a ",
        "*a",
        "#",
        "|",
        ">",
        "\t",
        "---",
        "=",
        " = ",
        "[[",
        "]]",
        ".",
        "é",
        "\u{fffd}",
        "\0",
        "\r",
        "\r\n",
        "~",
        "!",
        "%",
        "@",
        "`",
        "?",
        "\\",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_bytes_are_told_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz::file(&bytes);
    }

    #[test]
    fn any_words_of_the_grammars_are_told_or_read(language: bool, text in grammar()) {
        let bytes: Vec<u8> = [u8::from(language)].into_iter().chain(text).collect();
        fuzz::file(&bytes);
    }
}
