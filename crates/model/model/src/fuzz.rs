//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::Severity;
use crate::diagnostic;
use crate::tree::{self, Remembered};

/// Loads a file, checks it, and shows what was found. The first byte chooses the language: TOML if
/// it is odd, else YAML. What the file includes is the file itself, under any other name.
///
/// Every finding must say why and what to do, and a fabric comes out exactly if there is no error.
/// What is read entry by entry, also after another text, is what is read whole.
pub fn file(bytes: &[u8]) {
    let Some((language, text)) = bytes.split_first() else { return };
    let name = if language & 1 == 1 { "fuzz.toml" } else { "fuzz.yaml" };
    let loaded = crate::load(&[name.to_owned()], |_| Ok(text.to_vec()));
    let sound = loaded.diagnostics.iter().all(|found| found.severity == Severity::Warning);
    assert_eq!(loaded.fabric.is_some(), sound, "a fabric or an error, not both and not neither");
    for found in &loaded.diagnostics {
        assert!(!found.cause.is_empty() && !found.solution.is_empty(), "{found:?}");
        assert!(found.span.line > 0 && found.span.column > 0, "{found:?}");
    }
    if let Ok(text) = std::str::from_utf8(text) {
        assert_reads_alike(name, text);
    }
    let shown = diagnostic::render(&loaded.diagnostics, &loaded.sources);
    assert_eq!(shown.is_empty(), loaded.diagnostics.is_empty());
}

fn assert_reads_alike(name: &str, text: &str) {
    let mut whole = Vec::new();
    let tree = tree::read(name, text, &mut whole);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let middle = lines.len() / 2;
    let before = [text, &lines[middle..].concat(), &[&lines[..middle], &lines].concat().concat()];
    for before in before {
        let (mut remembered, mut found) = (Remembered::default(), Vec::new());
        remembered.read(name, before, &mut Vec::new());
        assert_eq!(remembered.read(name, text, &mut found), tree, "after {before:?}");
        assert_eq!(found, whole, "after {before:?}");
    }
}
