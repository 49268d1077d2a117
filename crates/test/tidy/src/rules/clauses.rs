//! The page on WireGuard's clauses names code and tests that exist, and leaves no section out.

use crate::rust::Source;
use crate::table::{quoted, rows};
use crate::{Finding, Repository};

const PATH: &str = "docs/wireguard.md";
/// The sections of the paper that say what an implementation does.
const SECTIONS: [&str; 17] = [
    "§5.1", "§5.2", "§5.3", "§5.4", "§5.4.1", "§5.4.2", "§5.4.3", "§5.4.4", "§5.4.5", "§5.4.6",
    "§5.4.7", "§6.1", "§6.2", "§6.3", "§6.4", "§6.5", "§6.6",
];

/// Checks the page.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let Some(text) = repository.text(PATH) else {
        return vec![Finding::new(PATH, 1, "there is no such page", "write it")];
    };
    let sources = repository.sources();
    let (mut findings, mut missing) = (Vec::new(), SECTIONS.to_vec());
    for row in rows(text).iter().filter(|row| row.cells.iter().any(|cell| cell.contains('§'))) {
        let mut report = |why: String, remedy: &str| {
            findings.push(Finding::new(PATH, row.line, why, remedy));
        };
        let [clause, _, code, tests] = row.cells.as_slice() else {
            report("a row without its four cells".to_owned(), "clause, what, code, tests");
            continue;
        };
        let named: Vec<&str> = clause.split(", ").collect();
        missing.retain(|section| !named.contains(section));
        let (code, tests) = (quoted(code), quoted(tests));
        if code.is_empty() || tests.is_empty() {
            report(format!("{clause} names no code or no test"), "name both");
        }
        for path in code.iter().filter(|path| !repository.exists(path)) {
            report(format!("{clause}: there is no file `{path}`"), "name the file that follows it");
        }
        for test in tests.iter().filter(|test| !is_test(&sources, test)) {
            report(format!("{clause}: there is no test `{test}`"), "name one as `path::test_name`");
        }
    }
    for section in missing {
        let why = format!("{section} is left out");
        findings.push(Finding::new(PATH, 1, why, "add a row with its code and tests"));
    }
    findings
}

fn is_test(sources: &[Source<'_>], named: &str) -> bool {
    let Some((path, name)) = named.split_once("::") else { return false };
    let source = sources.iter().find(|source| source.path == path);
    source.is_some_and(|source| {
        source.functions().iter().any(|function| function.is_test && function.name == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(first: &str, rest: &[&str]) -> Vec<String> {
        let mut page = format!("| clause | what | code | tests |\n|---|---|---|---|\n{first}\n");
        for section in rest {
            page.push_str(&format!("| {section} | x | `a/src/lib.rs` | `a/src/lib.rs::works` |\n"));
        }
        let code = "#[test]\nfn works() {}\nfn helps() {}\n";
        let repository = Repository::of(&[(PATH, &page), ("a/src/lib.rs", code)]);
        check(&repository).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn code_and_tests_exist_and_no_section_is_left_out() {
        let good = "| §2, §5.1 | x | `a/src/lib.rs` | `a/src/lib.rs::works` |";
        assert_eq!(findings(good, &SECTIONS[1..]), Vec::<String>::new());
        for (row, why) in [
            ("| §2 | x | `a/src/lib.rs` | `a/src/lib.rs::works` |", "§5.1 is left out"),
            ("| §5.1 | x | `b.rs` | `a/src/lib.rs::works` |", "no file `b.rs`"),
            ("| §5.1 | x | `a/src/lib.rs` | `a/src/lib.rs::helps` |", "no test"),
            ("| §5.1 | x | `a/src/lib.rs` | `works` |", "no test"),
            ("| §5.1 | x | `a/src/lib.rs` | – |", "no code or no test"),
            ("| §5.1 | x | `a/src/lib.rs` |", "four cells"),
        ] {
            let found = findings(row, &SECTIONS[1..]);
            assert!(found.iter().any(|finding| finding.contains(why)), "{row}: {found:?}");
        }
    }
}
