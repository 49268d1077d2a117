//! Relative links in documents lead to files that exist, and to headings that are there.

use crate::table::prose;
use crate::{Finding, Repository};
use std::collections::BTreeSet;

/// Checks all Markdown files.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.ending(".md") {
        for (line, target) in targets(text) {
            if let Some(why) = breach(repository, path, &target) {
                let remedy = "correct the link, or add what it leads to";
                findings.push(Finding::new(path, line, why, remedy));
            }
        }
    }
    findings
}

/// What links lead to: `[text](target)` and `[name]: target`.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            targets.push((number, rest[..end].to_owned()));
        }
        let definition =
            line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        if let Some((_, target)) = definition {
            let target = target.split_whitespace().next().unwrap_or_default();
            targets.push((number, target.to_owned()));
        }
    }
    targets
}

fn breach(repository: &Repository, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    if target.starts_with('/') {
        return Some(format!("`{target}` is a path of one machine"));
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = resolve(from, file) else {
        return Some(format!("`{target}` leads out of the repository"));
    };
    if !repository.exists(&path) {
        return Some(format!("`{target}` leads to `{path}`, which does not exist"));
    }
    let known = repository.text(&path).filter(|_| !heading.is_empty()).map(headings);
    let dead = known.is_some_and(|known| !known.contains(heading));
    dead.then(|| format!("`{path}` has no heading `#{heading}`"))
}

/// A relative path seen from the file `from`; an empty one means that file.
fn resolve(from: &str, relative: &str) -> Option<String> {
    if relative.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document's headings: lower case, blanks as dashes, no punctuation.
fn headings(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let lower = title.trim().to_lowercase();
        let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(link: &str) -> Vec<String> {
        let repository = Repository::of(&[
            ("docs/a.md", link),
            ("docs/b.md", "# The `way` of it\n"),
            ("crates/c/d.rs", ""),
        ]);
        check(&repository).into_iter().map(|found| found.why).collect()
    }

    #[test]
    fn dead_links_are_found() {
        for (link, why) in [
            ("[x](c.md)", "`c.md` leads to `docs/c.md`, which does not exist"),
            ("[x](../crates/e)", "`../crates/e` leads to `crates/e`, which does not exist"),
            ("[x](../../b.md)", "`../../b.md` leads out of the repository"),
            ("[x](b.md#way)", "`docs/b.md` has no heading `#way`"),
            ("[x](/etc/hosts)", "`/etc/hosts` is a path of one machine"),
            ("[x]: nowhere.md", "`nowhere.md` leads to `docs/nowhere.md`, which does not exist"),
        ] {
            assert_eq!(reasons(link), [why], "{link}");
        }
    }

    #[test]
    fn living_links_and_code_are_left_alone() {
        for link in [
            "[x](b.md) and [y](../crates/c/d.rs), [z](../crates/c/)",
            "[x](b.md#the-way-of-it) [y](#own)\n# Own",
            "[x](https://www.rfc-editor.org/rfc/rfc4193)",
            "`[x](c.md)`",
            "```\n[x](c.md)\n```",
        ] {
            assert_eq!(reasons(link), [""; 0], "{link}");
        }
    }
}
