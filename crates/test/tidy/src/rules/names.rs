//! Every source says in its first line what it is; no module is named after nothing in particular.

use crate::rust::{Source, follows};
use crate::{Finding, Repository};

/// Names under which anything can end up.
const EMPTY_NAMES: [&str; 8] =
    ["utils", "util", "common", "helpers", "helper", "misc", "shared", "stuff"];

/// Checks all sources.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in repository.sources() {
        first_line(&source, &mut findings);
        names(&source, &mut findings);
    }
    findings
}

fn first_line(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let mut lines = source.text.lines().enumerate();
    let is_shebang = |line: &str| line.starts_with("#!") && !line.starts_with("#![");
    let first = lines.find(|(_, line)| !is_shebang(line)).map_or("", |(_, line)| line);
    let says = first.strip_prefix("//! ").is_some_and(|sentence| !sentence.trim().is_empty());
    if !says {
        let why = "the file does not begin with a sentence after `//!`";
        findings.push(Finding::new(source.path, 1, why, "say in one sentence what is in it"));
    }
}

fn names(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let mut report = |line: usize, name: &str| {
        let why = format!("a module named `{name}` says nothing about what is in it");
        findings.push(Finding::new(source.path, line, why, "name it after what it does"));
    };
    let parts = source.path.trim_end_matches(".rs").split('/');
    if let Some(name) = parts.into_iter().find(|part| EMPTY_NAMES.contains(part)) {
        report(1, name);
    }
    let tokens = source.tokens();
    for at in 0..tokens.len() {
        for name in EMPTY_NAMES {
            if follows(&tokens, at, &["mod", name, "{"]) {
                report(tokens[at].line, name);
            }
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
    fn the_first_line_says_what_it_is() {
        assert_eq!(count("a.rs", "//! It is this.\n"), 0);
        assert_eq!(count("a.rs", "#!/usr/bin/env x\n//! It is this.\n"), 0);
        for text in
            ["", "use a;\n", "\n//! Late.\n", "//!\n//! Late.\n", "#![forbid(x)]\n//! Late."]
        {
            assert_eq!(count("a.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn names_without_meaning_are_found() {
        assert_eq!(count("a/src/utils.rs", "//! A.\n"), 1);
        assert_eq!(count("a/src/common/mod.rs", "//! A.\n"), 1);
        assert_eq!(count("a/src/b.rs", "//! A.\nmod helpers {\n}\n"), 1);
        assert_eq!(count("a/src/commons.rs", "//! A.\nfn misc() {}\n"), 0);
    }
}
