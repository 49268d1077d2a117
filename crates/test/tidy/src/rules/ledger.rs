//! The ledger of features has every promise in order, each with its state; what is said to work has a proof.

use crate::rust::Source;
use crate::table::{Row, quoted, rows};
use crate::{Finding, Repository};

const PATH: &str = "docs/features.md";
/// The ids of all promises, in order.
const PROMISES: &str = "crates/test/tidy/promises.txt";
/// Where the shows are, one file each, and the file that registers them.
const SHOWS: &str = "crates/test/xtask/src/show";
const SHOW_REGISTRY: &str = "crates/test/xtask/src/show.rs";

/// Checks the ledger.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let Some(text) = repository.text(PATH) else {
        return vec![Finding::new(PATH, 1, "there is no ledger", "write it")];
    };
    let sources = repository.sources();
    let promises: Vec<&str> = repository.text(PROMISES).unwrap_or("").split_whitespace().collect();
    let rows: Vec<Row<'_>> = rows(text).into_iter().filter(is_promise).collect();
    let mut findings = Vec::new();
    order(&promises, &rows, &mut findings);
    for row in &rows {
        let mut report = |why: String, remedy: &str| {
            findings.push(Finding::new(PATH, row.line, why, remedy));
        };
        match row.cells.as_slice() {
            [id, _, _, "open", proof] if !quoted(proof).is_empty() => {
                report(
                    format!("{id} is open and names a proof"),
                    "say `part`, or remove the proof",
                );
            }
            [_, _, _, "open", _] => {}
            [id, _, _, "done" | "part", proof] => {
                for why in proof_breaches(repository, &sources, proof) {
                    report(format!("{id}: {why}"), "name a test that exists, or set `open`");
                }
            }
            [id, _, _, state, _] => {
                report(format!("{id} has state `{state}`"), "states are `done`, `part` and `open`");
            }
            _ => report("a row without its five cells".to_owned(), "id, what, from, state, proof"),
        }
    }
    findings
}

/// A letter and a number.
fn is_promise(row: &Row<'_>) -> bool {
    let id = row.cells.first().copied().unwrap_or("");
    let mut chars = id.chars();
    let letter = chars.next().is_some_and(|c| c.is_ascii_uppercase());
    let number = chars.as_str();
    letter && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn order(promises: &[&str], rows: &[Row<'_>], findings: &mut Vec<Finding>) {
    for index in 0..promises.len().max(rows.len()) {
        let promised = promises.get(index).copied().unwrap_or("nothing more");
        let (line, found) =
            rows.get(index).map_or((1, "nothing more"), |row| (row.line, row.cells[0]));
        if promised != found {
            let why = format!("{promised} is promised here, and the ledger has {found}");
            let remedy = format!("keep the ids and the order of {PROMISES}");
            // What follows is shifted by this one; one finding says it all.
            findings.push(Finding::new(PATH, line, why, remedy));
            return;
        }
    }
}

fn proof_breaches(repository: &Repository, sources: &[Source<'_>], cell: &str) -> Vec<String> {
    let proofs = quoted(cell);
    if proofs.is_empty() {
        return vec!["it is said to work, without a proof".to_owned()];
    }
    let breach = |proof: &&str| match proof.strip_prefix("cargo xtask show ") {
        Some(show) => show_breach(repository, show),
        None => test_breach(sources, proof),
    };
    proofs.iter().filter_map(breach).collect()
}

fn show_breach(repository: &Repository, show: &str) -> Option<String> {
    let stem = show.replace('-', "_");
    let path = format!("{SHOWS}/{stem}.rs");
    let Some(text) = repository.text(&path) else {
        return Some(format!("there is no show `{show}` ({path})"));
    };
    let registry = repository.text(SHOW_REGISTRY).unwrap_or("");
    if !registry.contains(&format!("{stem}::SHOW")) {
        return Some(format!("the show `{show}` is not registered in {SHOW_REGISTRY}"));
    }
    text.contains("not_built").then(|| format!("the show `{show}` is not built yet"))
}

fn test_breach(sources: &[Source<'_>], proof: &str) -> Option<String> {
    let Some((path, name)) = proof.split_once("::") else {
        return Some(format!("`{proof}` is neither `path::test_name` nor `cargo xtask show NAME`"));
    };
    let Some(source) = sources.iter().find(|source| source.path == path) else {
        return Some(format!("there is no file `{path}`"));
    };
    let marked = |name: &str| {
        source.functions().iter().any(|function| function.is_test && function.name == name)
    };
    let known = marked(name) || in_own_harness(source, name);
    (!known).then(|| format!("`{path}` has no test `{name}`"))
}

/// Tests of an own harness stand in a table of names and functions.
fn in_own_harness(source: &Source<'_>, name: &str) -> bool {
    source.is_test && source.text.contains(&format!("(\"{name}\", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "#[test]\nfn works() {}\nfn helps() {}\n";
    const HARNESS: &str = "const TESTS: [T; 1] = [(\"listed\", || works(1))];\nfn alone() {}\n";

    fn reasons(ledger: &str) -> Vec<String> {
        let repository = Repository::of(&[
            (PATH, ledger),
            (PROMISES, "F1\nF2\n"),
            (SHOW_REGISTRY, "[good::SHOW, idle_one::SHOW]"),
            ("crates/test/xtask/src/show/good.rs", ""),
            ("crates/test/xtask/src/show/idle_one.rs", "not_built()"),
            ("crates/test/xtask/src/show/lost.rs", ""),
            ("a/src/lib.rs", TEST),
            ("a/tests/kernel.rs", HARNESS),
        ]);
        check(&repository).into_iter().map(|found| found.why).collect()
    }

    fn reasons_for(state: &str, proof: &str) -> Vec<String> {
        reasons(&format!("| F1 | x | B | {state} | {proof} |\n| F2 | y | B | open | – |\n"))
    }

    #[test]
    fn proofs_that_exist_are_accepted() {
        for (state, proof) in [
            ("open", "–"),
            ("part", "`a/src/lib.rs::works`"),
            ("done", "`a/src/lib.rs::works`, `a/tests/kernel.rs::listed`"),
            ("done", "`cargo xtask show good`"),
        ] {
            assert_eq!(reasons_for(state, proof), [""; 0], "{proof}");
        }
    }

    #[test]
    fn proofs_that_prove_nothing_are_found() {
        for (state, proof, why) in [
            ("open", "`a/src/lib.rs::works`", "F1 is open and names a proof"),
            ("done", "–", "F1: it is said to work, without a proof"),
            ("part", "`a/src/lib.rs::helps`", "F1: `a/src/lib.rs` has no test `helps`"),
            ("part", "`a/tests/kernel.rs::alone`", "F1: `a/tests/kernel.rs` has no test `alone`"),
            ("part", "`b.rs::works`", "F1: there is no file `b.rs`"),
            ("done", "`cargo xtask show idle-one`", "F1: the show `idle-one` is not built yet"),
            ("nearly", "–", "F1 has state `nearly`"),
        ] {
            assert_eq!(reasons_for(state, proof), [why], "{proof}");
        }
        assert_eq!(reasons_for("done", "`cargo xtask show lost`").len(), 1);
        assert_eq!(reasons_for("done", "`cargo xtask show never`").len(), 1);
        assert_eq!(reasons_for("done", "`it works`").len(), 1);
    }

    #[test]
    fn promises_are_complete_and_in_order() {
        let row = |id: &str| format!("| {id} | x | B | open | – |\n");
        assert_eq!(reasons(&row("F1")), ["F2 is promised here, and the ledger has nothing more"]);
        let swapped = format!("{}{}", row("F2"), row("F1"));
        assert_eq!(reasons(&swapped), ["F1 is promised here, and the ledger has F2"]);
        let more = format!("{}{}{}", row("F1"), row("F2"), row("F3"));
        assert_eq!(reasons(&more), ["nothing more is promised here, and the ledger has F3"]);
        assert_eq!(
            reasons(&format!("{}| F2 | x |\n", row("F1"))),
            ["a row without its five cells"]
        );
    }
}
