//! docs/diagnostics.md lists exactly the codes that the model can give, in order.

use crate::table::{quoted, rows};
use crate::{Finding, Repository};
use std::collections::BTreeMap;

const SOURCE: &str = "crates/model/model/src/diagnostic.rs";
const PAGE: &str = "docs/diagnostics.md";

/// Compares the page with the source.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let (source, page) =
        (repository.text(SOURCE).unwrap_or(""), repository.text(PAGE).unwrap_or(""));
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let code = line.split_once("Code(\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0));
        if let Some(code) = code
            && codes.insert(code, index + 1).is_some()
        {
            let why = format!("{code} is given to two kinds of finding");
            findings.push(Finding::new(SOURCE, index + 1, why, "take the next free code"));
        }
    }
    let mut last = "";
    for row in rows(page) {
        let Some(code) = row.cells.first().and_then(|cell| quoted(cell).first().copied()) else {
            continue;
        };
        if codes.remove(code).is_none() {
            let why = format!("{code} is not in {SOURCE}, or here twice");
            findings.push(Finding::new(PAGE, row.line, why, "remove the row"));
        }
        if code < last {
            let why = format!("{code} stands after {last}");
            findings.push(Finding::new(PAGE, row.line, why, "order the rows by code"));
        }
        if row.cells.len() != 3 || row.cells.iter().any(|cell| cell.is_empty()) {
            let why = format!("{code} lacks its meaning or its cure");
            findings.push(Finding::new(PAGE, row.line, why, "code, meaning, cure"));
        }
        last = code;
    }
    for (code, line) in codes {
        let why = format!("{code} is not explained in {PAGE}");
        findings.push(Finding::new(SOURCE, line, why, "add a row: code, meaning, cure"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_exactly_the_codes_of_the_source() {
        let source = "const A: Code = Code(\"N0001\");\nconst B: Code = Code(\"N0002\");\n";
        let (a, b) = ("| `N0001` | x | y |\n", "| `N0002` | x | y |\n");
        for (page, findings) in [
            (format!("| code | meaning | cure |\n|---|---|---|\n{a}{b}"), 0),
            (a.to_owned(), 1),
            (format!("{b}{a}"), 1),
            (format!("{a}{b}| `N0003` | x | y |\n"), 1),
            (format!("{a}| `N0002` | x |\n"), 1),
        ] {
            let repository = Repository::of(&[(SOURCE, source), (PAGE, &page)]);
            assert_eq!(check(&repository).len(), findings, "{page}");
        }
        let twice = source.replace("N0002", "N0001");
        assert_eq!(check(&Repository::of(&[(SOURCE, &twice), (PAGE, a)])).len(), 1);
    }
}
