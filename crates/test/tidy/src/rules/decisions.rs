//! Decision records are numbered without gaps, and each says whether it holds.

use crate::{Finding, Repository};

const FOLDER: &str = "docs/decisions";
/// What a record may say of itself.
const STATES: [&str; 4] = ["accepted", "planned", "superseded by ", "withdrawn"];
/// Parts that every record has.
const PARTS: [&str; 4] = ["## Context", "## Decision", "## Consequences", "## Evidence"];

/// Checks `docs/decisions/NNNN-title.md`.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expected = 1;
    let records = repository.children(FOLDER).filter(|path| path.ends_with(".md"));
    for path in records.filter(|path| !path.ends_with("/README.md")) {
        let name = &path[FOLDER.len() + 1..];
        let number = name.get(..4).and_then(|digits| digits.parse::<usize>().ok());
        if number != Some(expected) || name.as_bytes().get(4) != Some(&b'-') {
            let why = format!("`{name}` stands where number {expected:04} is due");
            let remedy = "number records without gaps: NNNN-title.md";
            findings.push(Finding::new(path, 1, why, remedy));
        }
        expected = number.unwrap_or(expected) + 1;
        record(path, repository.text(path).unwrap_or(""), number, &mut findings);
    }
    if expected == 1 {
        findings.push(Finding::new(FOLDER, 1, "there is no record", "write down what was decided"));
    }
    findings
}

fn record(path: &str, text: &str, number: Option<usize>, findings: &mut Vec<Finding>) {
    let mut report = |line: usize, why: String, remedy: &str| {
        findings.push(Finding::new(path, line, why, remedy));
    };
    let title = text.lines().next().unwrap_or("");
    let titled = number.is_some_and(|number| title.starts_with(&format!("# {number}. ")));
    if !titled {
        report(1, "the title does not begin with its number".to_owned(), "write `# NUMBER. Title`");
    }
    let status = text
        .lines()
        .enumerate()
        .find_map(|(index, line)| Some((index + 1, line.strip_prefix("Status: ")?)));
    match status {
        None => report(1, "there is no status line".to_owned(), "write `Status: accepted`"),
        Some((line, status)) if !STATES.iter().any(|state| status.starts_with(state)) => {
            let remedy = "a record is accepted, planned, superseded by NNNN, or withdrawn";
            report(line, format!("`{status}` is no status"), remedy);
        }
        Some(_) => {}
    }
    for part in PARTS {
        if !text.lines().any(|line| line == part) {
            report(1, format!("there is no part `{part}`"), "say it, in one sentence at least");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: usize, status: &str) -> String {
        format!("# {number}. Title\n\n{status}\n\n{}\n", PARTS.join("\nx\n"))
    }

    fn reasons(files: &[(&str, String)]) -> Vec<String> {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        check(&Repository::of(&files)).into_iter().map(|found| found.why).collect()
    }

    #[test]
    fn records_have_numbers_in_order_and_a_status() {
        let one = ("docs/decisions/0001-a.md", text(1, "Status: accepted"));
        let two = ("docs/decisions/0002-b.md", text(2, "Status: superseded by 0001"));
        let three = ("docs/decisions/0003-c.md", text(3, "Status: accepted"));
        assert_eq!(reasons(&[one.clone(), two.clone()]), [""; 0]);
        assert_eq!(reasons(&[one.clone(), three]), ["`0003-c.md` stands where number 0002 is due"]);
        let unclear = ("docs/decisions/0002-b.md", text(2, "Status: perhaps"));
        assert_eq!(reasons(&[one.clone(), unclear]), ["`perhaps` is no status"]);
        let silent = ("docs/decisions/0002-b.md", text(2, ""));
        assert_eq!(reasons(&[one.clone(), silent]), ["there is no status line"]);
        let other = ("docs/decisions/0002-b.md", text(3, "Status: accepted"));
        assert_eq!(reasons(&[one.clone(), other]), ["the title does not begin with its number"]);
        let short = ("docs/decisions/0002-b.md", two.1.replace(PARTS[3], ""));
        assert_eq!(reasons(&[one, short]), ["there is no part `## Evidence`"]);
        assert_eq!(reasons(&[]), ["there is no record"]);
    }
}
