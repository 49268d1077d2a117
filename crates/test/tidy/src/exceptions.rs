//! The list of exceptions: which places may break a rule of size, and why; none longer than needed.

use crate::{Finding, Repository};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Where the list is.
pub const PATH: &str = "crates/test/tidy/exceptions.txt";

/// The rules that know exceptions.
const RULES: [&str; 3] = ["file-length", "function-length", "no-fuzzing"];

/// Lines of the list that belong to no rule: a misspelt one would except nothing, and nobody would see.
pub fn strays(repository: &Repository) -> Vec<Finding> {
    let text = repository.text(PATH).unwrap_or("");
    let lines = text.lines().enumerate();
    let entries = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let strays = entries.filter(|(_, line)| {
        let rule = line.split(' ').next().unwrap_or_default();
        !RULES.contains(&rule)
    });
    let finding = |(index, line): (usize, &str)| {
        let remedy = format!("begin the line with one of: {}", RULES.join(", "));
        Finding::new(PATH, index + 1, format!("`{line}` belongs to no rule"), remedy)
    };
    strays.map(finding).collect()
}

/// The exceptions of one rule, which remembers those that were needed.
#[derive(Debug)]
pub struct Exceptions<'a> {
    entries: Vec<Entry<'a>>,
    used: RefCell<BTreeSet<usize>>,
}

#[derive(Debug)]
struct Entry<'a> {
    line: usize,
    subject: &'a str,
    reason: &'a str,
}

impl<'a> Exceptions<'a> {
    /// The entries of a rule: lines `RULE SUBJECT: reason`.
    pub fn of_rule(repository: &'a Repository, rule: &str) -> Self {
        let text = repository.text(PATH).unwrap_or("");
        let entry = |(index, line): (usize, &'a str)| {
            let (name, rest) = line.split_once(' ')?;
            let (subject, reason) = rest.split_once(": ").unwrap_or((rest, ""));
            (name == rule).then_some(Entry { line: index + 1, subject, reason: reason.trim() })
        };
        let entries = text.lines().enumerate().filter_map(entry).collect();
        Self { entries, used: RefCell::default() }
    }

    /// Whether `subject` is excepted.
    pub fn allow(&self, subject: &str) -> bool {
        let found = self.entries.iter().position(|entry| entry.subject == subject);
        if let Some(index) = found {
            self.used.borrow_mut().insert(index);
        }
        found.is_some()
    }

    /// Entries that nothing needed, and those without a reason.
    pub fn findings(&self) -> Vec<Finding> {
        let used = self.used.borrow();
        let mut findings = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if !used.contains(&index) {
                let why = format!("`{}` no longer needs its exception", entry.subject);
                findings.push(Finding::new(PATH, entry.line, why, "remove this line"));
            }
            if entry.reason.is_empty() {
                let why = format!("the exception of `{}` has no reason", entry.subject);
                findings.push(Finding::new(PATH, entry.line, why, "write it after `: `"));
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_must_be_needed_and_have_a_reason() {
        let list =
            "# what and why\nsize a.rs: a table\nsize b.rs: a list\nsize c.rs\nother d.rs: x\n";
        let repository = Repository::of(&[(PATH, list)]);
        let exceptions = Exceptions::of_rule(&repository, "size");
        assert!(exceptions.allow("a.rs") && exceptions.allow("c.rs") && !exceptions.allow("d.rs"));
        let lines: Vec<usize> = exceptions.findings().iter().map(|found| found.line).collect();
        assert_eq!(lines, [3, 4]);
    }

    #[test]
    fn a_line_of_no_rule_is_found() {
        let list = "# why\n\nfile-length a.rs: x\nfile-lenght b.rs: x\n";
        let lines: Vec<usize> =
            strays(&Repository::of(&[(PATH, list)])).iter().map(|found| found.line).collect();
        assert_eq!(lines, [4]);
    }
}
