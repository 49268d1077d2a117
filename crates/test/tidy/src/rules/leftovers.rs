//! Nothing half done is left in the sources: no open ends that panic, no marks to mend, no tests switched off.

use crate::rust::{Source, follows};
use crate::{Finding, Repository};

/// Macros that stand for code not written.
const OPEN_ENDS: [&str; 2] = ["todo", "unimplemented"];
/// A mark that must not outlive its change. Spelled apart, for this file is checked too.
const MARK: &str = concat!("FIX", "ME");

/// Checks all sources.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in repository.sources() {
        check_source(&source, &mut findings);
    }
    findings
}

fn check_source(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let tokens = source.tokens();
    for (at, token) in tokens.iter().enumerate() {
        let open_end = OPEN_ENDS.iter().find(|name| follows(&tokens, at, &[name, "!"]));
        if let Some(name) = open_end {
            let why = format!("`{name}!` panics where a user may come");
            let remedy = "write it, or return an error that says what is missing";
            findings.push(Finding::new(source.path, token.line, why, remedy));
        }
        if follows(&tokens, at, &["#", "[", "ignore", "]"]) {
            let why = "a test is switched off without a reason";
            let remedy = "let it run, or write the reason into the attribute: `ignore = \"...\"`";
            findings.push(Finding::new(source.path, token.line, why, remedy));
        }
    }
    for (index, line) in source.text.lines().enumerate() {
        if line.contains(MARK) {
            let why = format!("`{MARK}` marks something known to be wrong");
            findings.push(Finding::new(source.path, index + 1, why, "mend it before it is merged"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found_and_reasons_accepted() {
        for (code, findings) in [
            (format!("fn f() {{ {}!() }}", OPEN_ENDS[0]), 1),
            (format!("fn f() {{ {}!(\"later\") }}", OPEN_ENDS[1]), 1),
            (format!("// {MARK}: wrong"), 1),
            (format!("#[{}]\nfn t() {{}}", "ignore"), 1),
            ("#[ignore = \"takes an hour\"]\nfn t() {}".to_owned(), 0),
            ("// a todo list\nfn todo() {}".to_owned(), 0),
        ] {
            let found = check(&Repository::of(&[("a.rs", &code)]));
            assert_eq!(found.len(), findings, "{code}");
        }
    }
}
