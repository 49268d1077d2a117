//! Files of others, imported: each key accounted for, and what is made is what they mean.

mod aws;
mod cases;
mod compose;
mod corpus;
mod every_key;
mod hostile;
mod loaded;
mod peering;

use netloom_import::{Import, Imported, Outcome, Source};
use std::path::{Path, PathBuf};

/// The folder of files for tests.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn source(path: &str) -> Source {
    let bytes = std::fs::read(data().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Source { file: path.to_owned(), bytes }
}

fn text(file: &str, text: &str) -> Source {
    Source { file: file.to_owned(), bytes: text.into() }
}

fn import(sources: &[Source]) -> Imported {
    Import::default().run(sources).unwrap_or_else(|error| panic!("{error}"))
}

fn import_with_probes(sources: &[Source]) -> Imported {
    let import = Import { with_probes: true, ..Import::default() };
    import.run(sources).unwrap_or_else(|error| panic!("{error}"))
}

/// What became of the key of a path.
fn outcome(imported: &Imported, path: &str) -> Outcome {
    let found = imported.account.entries.iter().find(|entry| entry.path == path);
    let paths =
        || imported.account.entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>();
    found.unwrap_or_else(|| panic!("no `{path}` in {:#?}", paths())).outcome
}

fn words<'a>(imported: &'a Imported, path: &str) -> &'a str {
    let found = imported.account.entries.iter().find(|entry| entry.path == path);
    found.map_or("", |entry| &entry.words)
}

/// Exact, approximated, refused.
fn counts(imported: &Imported) -> [usize; 3] {
    [Outcome::Exact, Outcome::Approximated, Outcome::Refused]
        .map(|outcome| imported.account.count(outcome))
}
