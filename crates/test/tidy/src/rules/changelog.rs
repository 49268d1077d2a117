//! The changelog has an unreleased part, first of all, and every entry stands under its kind.

use crate::{Finding, Repository};

const PATH: &str = "CHANGELOG.md";
const UNRELEASED: &str = "## [Unreleased]";
/// The kinds of change, as keepachangelog.com names them.
const KINDS: [&str; 6] =
    ["### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"];

/// Checks the changelog.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let Some(text) = repository.text(PATH) else {
        return vec![Finding::new(PATH, 1, "there is no changelog", "write it")];
    };
    let mut findings = Vec::new();
    let first = text.lines().find(|line| line.starts_with("## "));
    if first != Some(UNRELEASED) {
        let why = "the first part is not the unreleased one";
        findings.push(Finding::new(PATH, 1, why, format!("begin with `{UNRELEASED}`")));
    }
    let mut kind = None;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("## ") {
            kind = None;
        }
        if line.starts_with("### ") {
            kind = Some(line.trim_end());
            if !KINDS.contains(&line.trim_end()) {
                let why = format!("`{line}` is no kind of change");
                findings.push(Finding::new(PATH, index + 1, why, KINDS.join(", ")));
            }
        }
        if line.starts_with("- ") && kind.is_none() {
            let why = "an entry stands under no kind of change";
            findings.push(Finding::new(PATH, index + 1, why, KINDS.join(", ")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_kept() {
        for (text, findings) in [
            (
                "# Changelog\n\n## [Unreleased]\n\n### Added\n- x\n\n## [0.1.0]\n\n### Fixed\n- y\n",
                0,
            ),
            ("# Changelog\n\n## [0.1.0]\n\n### Added\n- x\n", 1),
            ("## [Unreleased]\n### Improved\n- x\n", 1),
            ("## [Unreleased]\n- x\n", 1),
            ("## [Unreleased]\n### Added\n- x\n## [0.1.0]\n- y\n", 1),
        ] {
            assert_eq!(check(&Repository::of(&[(PATH, text)])).len(), findings, "{text}");
        }
        assert_eq!(check(&Repository::of(&[])).len(), 1);
    }
}
