//! Every protocol machine has an entry point for fuzzing, and a corpus that an ordinary test replays.

use crate::exceptions::Exceptions;
use crate::manifest::Storey;
use crate::{Finding, Repository};

const CORPUS: &str = "fuzz/corpus";

/// Checks the crates of proto.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let exceptions = Exceptions::of_rule(repository, "no-fuzzing");
    let sources = repository.sources();
    let mut findings = Vec::new();
    for member in repository.crates() {
        let name = member.folder.rsplit('/').next().unwrap_or_default();
        let mut breaches = Vec::new();
        let harness = format!("{}/src/fuzz.rs", member.folder);
        if !repository.text(&harness).is_some_and(|text| text.contains("pub fn ")) {
            let why = format!("`{}` has no entry point for fuzzing", member.name());
            breaches.push(Finding::new(&harness, 1, why, "add a plain `pub fn(bytes: &[u8])`"));
        }
        // A corpus is named like the harness of the fuzzer, which cannot have hyphens.
        let own = format!("{}_", name.replace('-', "_"));
        let all: Vec<&str> = repository.children(CORPUS).collect();
        let corpora = all.into_iter().filter(|path| path[CORPUS.len() + 1..].starts_with(&own));
        let filled: Vec<&str> =
            corpora.filter(|path| repository.children(path).next().is_some()).collect();
        if filled.is_empty() {
            let why = format!("`{}` has no corpus", member.name());
            let remedy = format!("add files of hostile bytes under {CORPUS}/{own}SUBJECT");
            breaches.push(Finding::new(CORPUS, 1, why, remedy));
        }
        for path in filled {
            let corpus = &path[CORPUS.len() + 1..];
            let is_read = |text: &str| names(text).any(|name| name == corpus);
            if !sources.iter().any(|source| source.is_test && is_read(source.text)) {
                let why = "no test replays this corpus";
                breaches.push(Finding::new(path, 1, why, format!("read `{corpus}` in a test")));
            }
        }
        let must = member.storey() == Some(Storey::Proto);
        if must && !breaches.is_empty() && !exceptions.allow(name) {
            findings.extend(breaches);
        }
    }
    findings.extend(exceptions.findings());
    findings
}

/// The words of a text, as names of folders are words.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exceptions::PATH;

    #[test]
    fn harness_corpus_and_replay_belong_together() {
        let manifest = ("crates/proto/dns/Cargo.toml", "[package]\nname = \"netloom-dns\"\n");
        let harness = ("crates/proto/dns/src/fuzz.rs", "pub fn message(bytes: &[u8]) {}");
        let corpus = ("fuzz/corpus/dns_message/empty", "");
        let replay = ("crates/proto/dns/tests/it.rs", "replay(\"dns_message\")");
        let excepted = (PATH, "no-fuzzing dns: parses nothing\n");
        for (files, findings) in [
            (vec![manifest, harness, corpus, replay], 0),
            (vec![manifest, corpus, replay], 1),
            (vec![manifest, harness, replay], 1),
            (vec![manifest, harness, corpus], 1),
            (vec![manifest], 2),
            (vec![manifest, excepted], 0),
            (vec![manifest, harness, corpus, replay, excepted], 1),
        ] {
            assert_eq!(check(&Repository::of(&files)).len(), findings, "{files:?}");
        }
    }

    #[test]
    fn a_hyphen_in_the_name_is_an_underscore_in_the_corpus() {
        let repository = Repository::of(&[
            ("crates/proto/a-b/Cargo.toml", "[package]\nname = \"netloom-a-b\"\n"),
            ("crates/proto/a-b/src/fuzz.rs", "pub fn message(bytes: &[u8]) {}"),
            ("fuzz/corpus/a_b_message/empty", ""),
            ("crates/proto/a-b/tests/it.rs", "replay(\"a_b_message\")"),
        ]);
        assert_eq!(check(&repository).len(), 0);
    }
}
