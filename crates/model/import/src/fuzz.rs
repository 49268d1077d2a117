//! Entry point for fuzzing: whatever the bytes are, nothing panics and every key is accounted for.

use crate::{Import, Kind, Source};

/// Names that files are given, for what they are written in.
const FILES: [&str; 4] = ["a.yaml", "a.json", "a.toml", "a.py"];

/// Imports bytes as each kind of file.
pub fn file(bytes: &[u8]) {
    for file in FILES {
        let source = Source { file: file.to_owned(), bytes: bytes.to_vec() };
        let kinds = Kind::ALL.map(|(_, kind)| Some(kind));
        for kind in kinds.into_iter().chain([None]) {
            let import = Import { kind, fabric: None, with_probes: true };
            let Ok(imported) = import.run(std::slice::from_ref(&source)) else { continue };
            assert!(!imported.yaml.contains('\0'), "a control character is written");
            let told = imported.account.entries.iter().filter(|entry| !entry.file.is_empty());
            assert!(told.clone().all(|entry| !entry.words.is_empty()), "an entry has no words");
        }
    }
}
