//! `unsafe` stands only in sys, each block with the reason why it is sound; all other crates forbid it.

use crate::manifest::Storey;
use crate::rust::Source;
use crate::{Finding, Repository};

/// How many lines above an `unsafe` its reason may end.
const REASON_LINES: usize = 6;
/// Files that are the root of a shipped crate.
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

/// Checks all sources.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in repository.sources() {
        if Storey::of_path(source.path) == Some(Storey::Sys) {
            reasons(&source, &mut findings);
        } else {
            absence(&source, &mut findings);
        }
    }
    findings
}

fn absence(source: &Source<'_>, findings: &mut Vec<Finding>) {
    for token in source.tokens().iter().filter(|token| token.text == "unsafe") {
        let why = "`unsafe` outside of crates/sys";
        let remedy = "do without it, or put a safe function for it into sys";
        findings.push(Finding::new(source.path, token.line, why, remedy));
    }
    let squeezed: String = source.code.split_whitespace().collect();
    if is_root(source.path) && !squeezed.contains("#![forbid(unsafe_code)]") {
        let why = "the crate does not forbid unsafe code";
        let remedy = "write `#![forbid(unsafe_code)]` under its documentation";
        findings.push(Finding::new(source.path, 1, why, remedy));
    }
}

/// `crates/STOREY/CRATE/src/lib.rs`, `main.rs`, or a program under `src/bin`.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", _, _, "src", file] => ROOTS.contains(file),
        ["crates", _, _, "src", "bin", _] => true,
        _ => false,
    }
}

fn reasons(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let lines: Vec<&str> = source.text.lines().collect();
    let tokens = source.tokens();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "unsafe") {
        let next = tokens.get(at + 1).map_or("", |next| next.text);
        let wanted = match next {
            "{" | "impl" => "SAFETY:",
            "fn" | "extern" | "trait" => "# Safety",
            // An attribute or a list of lints.
            _ => continue,
        };
        // A type of function pointer needs no reason; a function has a name.
        if next == "fn" && !tokens.get(at + 2).is_some_and(crate::rust::Token::is_word) {
            continue;
        }
        let reach = if wanted == "SAFETY:" { REASON_LINES } else { 4 * REASON_LINES };
        let above = &lines[token.line.saturating_sub(reach + 1)..token.line];
        if !above.iter().any(|line| line.contains(wanted)) {
            let why = format!("`unsafe {next}` without `{wanted}` above it");
            findings.push(Finding::new(source.path, token.line, why, "write why it is sound"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Repository::of(&[(path, text)])).len()
    }

    #[test]
    fn unsafe_is_for_sys_and_has_a_reason() {
        let bare = "fn f() { unsafe { g() } }";
        let reasoned = "// SAFETY: g takes nothing.\nfn f() { unsafe { g() } }";
        assert_eq!(count("crates/app/a/src/x.rs", reasoned), 1);
        assert_eq!(count("crates/sys/a/src/x.rs", reasoned), 0);
        assert_eq!(count("crates/sys/a/src/x.rs", bare), 1);
        assert_eq!(
            count("crates/sys/a/src/x.rs", &format!("// SAFETY: x{}{bare}", "\n".repeat(9))),
            1
        );
        assert_eq!(count("crates/sys/a/src/x.rs", "pub unsafe fn f() {}"), 1);
        assert_eq!(
            count("crates/sys/a/src/x.rs", "/// # Safety\n/// Never.\npub unsafe fn f() {}"),
            0
        );
        assert_eq!(count("crates/sys/a/src/x.rs", "type F = unsafe fn();"), 0);
    }

    #[test]
    fn roots_forbid_it() {
        assert_eq!(count("crates/app/a/src/lib.rs", "//! A.\nmod b;"), 1);
        assert_eq!(count("crates/app/a/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]\nmod b;"), 0);
        assert_eq!(count("crates/app/a/src/b.rs", "//! B."), 0);
        assert_eq!(count("crates/app/a/src/bin/c.rs", "// #![forbid(unsafe_code)]"), 1);
    }
}
