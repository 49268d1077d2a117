//! One broken file: what its comment announces against what `netloom check` says.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How the comment begins that says what must be found: `CODE@LINE`, or `CODE@FILE:LINE`.
const ANNOUNCEMENT: &str = "# expect: ";

/// A broken file on disk, or the main one of several.
#[derive(Debug)]
pub(super) struct BrokenFile {
    /// Its path in the folder, as it is given to the executable.
    pub(super) name: String,
    folder: PathBuf,
}

/// What checking it gave.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Errors that are announced.
    pub(super) expected: usize,
    /// Errors of these that are reported.
    pub(super) found: usize,
    /// Whether all are, and no other is.
    pub(super) complete: bool,
    /// Errors without cause or solution.
    pub(super) bare: usize,
    /// Whether the text is the golden one.
    pub(super) golden: bool,
}

/// Errors by code, file and line, each with how often it is there.
type Errors = BTreeMap<(String, String, u64), usize>;

impl BrokenFile {
    /// All of a folder, by name.
    pub(super) fn all(folder: &Path) -> anyhow::Result<Vec<Self>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".golden") {
                continue;
            }
            let name = if name.contains('.') { name } else { format!("{name}/main.yaml") };
            files.push(Self { name, folder: folder.to_owned() });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Checks it twice: as a program would, and as a person would.
    pub(super) fn check(&self, netloom: &Path) -> anyhow::Result<Verdict> {
        let text = self.read(&self.name)?;
        let list = text.lines().find_map(|line| line.strip_prefix(ANNOUNCEMENT));
        let list = list.with_context(|| format!("{} announces nothing", self.name))?;
        let expected = announced(&self.name, list)
            .with_context(|| format!("{}: `{list}` is not understood", self.name))?;
        let answer = self.netloom(netloom, &["check", "--json"])?;
        let answer: Value = serde_json::from_slice(&answer.stdout)
            .with_context(|| format!("{}: the answer is not JSON", self.name))?;
        let (errors, bare) = errors(&answer);
        let common = expected
            .iter()
            .map(|(key, count)| errors.get(key).map_or(0, |found| *found.min(count)));
        let stem = self.name.split(['.', '/']).next().unwrap_or_default();
        let golden = self.read(&format!("{stem}.golden"))?;
        let shown = self.netloom(netloom, &["check"])?;
        Ok(Verdict {
            expected: expected.values().sum(),
            found: common.sum(),
            complete: errors == expected,
            bare,
            golden: without_sum(&String::from_utf8_lossy(&shown.stdout)) == golden,
        })
    }

    fn read(&self, name: &str) -> anyhow::Result<String> {
        let path = self.folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    fn netloom(&self, netloom: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(netloom);
        let output = command.args(arguments).arg(&self.name).current_dir(&self.folder).output();
        let output = output.context("cannot run netloom")?;
        // A crash would have another code, and a sound file none.
        ensure!(output.status.code() == Some(1), "{}: {:?}", self.name, output.status);
        Ok(output)
    }
}

fn announced(name: &str, list: &str) -> Option<Errors> {
    let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut errors = Errors::new();
    for word in list.split_whitespace() {
        let (code, place) = word.split_once('@')?;
        let (file, line) = match place.rsplit_once(':') {
            Some((part, line)) => (format!("{folder}{part}"), line),
            None => (name.to_owned(), place),
        };
        *errors.entry((code.to_owned(), file, line.parse().ok()?)).or_default() += 1;
    }
    Some(errors)
}

/// The errors of an answer, and how many of them lack a cause or a solution.
fn errors(answer: &Value) -> (Errors, usize) {
    let (mut errors, mut bare) = (Errors::new(), 0);
    let text = |found: &Value, key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let findings = answer["findings"].as_array().map_or(&[][..], Vec::as_slice);
    for found in findings.iter().filter(|found| found["severity"] == "error") {
        let line = found["line"].as_u64().unwrap_or_default();
        *errors.entry((text(found, "code"), text(found, "file"), line)).or_default() += 1;
        bare += usize::from(text(found, "cause").is_empty() || text(found, "solution").is_empty());
    }
    (errors, bare)
}

/// What the executable prints, without its last line.
fn without_sum(text: &str) -> &str {
    let end = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn announcements_and_answers_agree_by_code_file_and_line() {
        let expected = announced("a/main.yaml", "N0201@3 N0201@3 N0104@b.toml:7").unwrap();
        let found = |code: &str, file: &str, line: u64, severity: &str| {
            json!({ "code": code, "file": file, "line": line, "severity": severity,
                    "cause": "c", "solution": "s" })
        };
        let mut findings = vec![
            found("N0201", "a/main.yaml", 3, "error"),
            found("N0104", "a/b.toml", 7, "error"),
            found("N0901", "a/main.yaml", 3, "warning"),
            found("N0201", "a/main.yaml", 3, "error"),
        ];
        assert_eq!(errors(&json!({ "findings": findings })), (expected.clone(), 0));
        findings[0]["cause"] = json!("");
        findings.pop();
        let (errors, bare) = errors(&json!({ "findings": findings }));
        assert_ne!(errors, expected);
        assert_eq!(bare, 1);
        assert_eq!(announced("a.yaml", "N0201@x"), None);
    }

    #[test]
    fn the_sum_is_the_last_line() {
        assert_eq!(without_sum("error\n\n2 errors\n"), "error\n\n");
    }
}
