//! The code map of ARCHITECTURE.md names exactly the crates that exist, each with its folder and storey.

use crate::table::{quoted, rows};
use crate::{Finding, Repository};
use std::collections::BTreeMap;

const PATH: &str = "ARCHITECTURE.md";
/// Longest a reader is asked to read before the code.
const LINES_MAX: usize = 400;

/// Compares the map with the folders.
pub fn check(repository: &Repository) -> Vec<Finding> {
    let Some(text) = repository.text(PATH) else {
        return vec![Finding::new(PATH, 1, "there is no such file", "write it")];
    };
    let mut missing: BTreeMap<String, (String, &str)> = BTreeMap::new();
    let crates = repository.crates();
    for member in &crates {
        let facts = (member.folder.to_owned(), member.storey_folder);
        missing.insert(member.name().to_owned(), facts);
    }
    let mut findings = Vec::new();
    for row in rows(text) {
        let [first, storey, ..] = row.cells.as_slice() else { continue };
        let Some(name) = quoted(first)
            .into_iter()
            .find(|name| *name == "netloom" || name.starts_with("netloom-"))
        else {
            continue;
        };
        let found = match missing.remove(name) {
            None => {
                Some((format!("`{name}` is no crate, or named twice"), "remove the row".to_owned()))
            }
            Some((folder, actual)) => misplaced(name, first, storey, &folder, actual),
        };
        findings.extend(found.map(|(why, remedy)| Finding::new(PATH, row.line, why, remedy)));
    }
    for (name, (folder, storey)) in missing {
        let remedy = format!("add a row `| [`{name}`]({folder}) | {storey} | … |`");
        findings.push(Finding::new(PATH, 1, format!("the code map leaves out `{name}`"), remedy));
    }
    if text.lines().count() > LINES_MAX {
        let why = format!("the page is longer than {LINES_MAX} lines");
        findings.push(Finding::new(PATH, LINES_MAX, why, "move details next to the code"));
    }
    findings
}

fn misplaced(
    name: &str,
    cell: &str,
    storey: &str,
    folder: &str,
    actual: &str,
) -> Option<(String, String)> {
    if storey != actual {
        let why = format!("`{name}` is said to be in storey `{storey}`");
        return Some((why, format!("write `{actual}`")));
    }
    let linked = cell.contains(&format!("]({folder})"));
    (!linked).then(|| (format!("`{name}` has no link to its folder"), format!("link `{folder}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(map: &str) -> Vec<String> {
        let manifest = |name: &str| format!("[package]\nname = \"{name}\"\n");
        let (a, b) = (manifest("netloom-a"), manifest("netloom-b"));
        let repository = Repository::of(&[
            (PATH, map),
            ("crates/base/a/Cargo.toml", &a),
            ("crates/sys/b/Cargo.toml", &b),
        ]);
        check(&repository).into_iter().map(|found| found.why).collect()
    }

    #[test]
    fn the_map_is_exactly_what_exists() {
        let a = "| [`netloom-a`](crates/base/a) | base | it |\n";
        let b = "| [`netloom-b`](crates/sys/b) | sys | it |\n";
        assert_eq!(reasons(&format!("| crate | storey |\n|---|---|\n{a}{b}")), [""; 0]);
        for (map, why) in [
            (a.to_owned(), "the code map leaves out `netloom-b`"),
            (format!("{a}{b}{a}"), "`netloom-a` is no crate, or named twice"),
            (
                format!("{a}{b}| `netloom-c` | sys | it |\n"),
                "`netloom-c` is no crate, or named twice",
            ),
            (
                format!("{a}{}", b.replace("| sys", "| app")),
                "`netloom-b` is said to be in storey `app`",
            ),
            (
                format!("{a}{}", b.replace("sys/b", "sys/c")),
                "`netloom-b` has no link to its folder",
            ),
            (format!("{a}{b}{}", "\n".repeat(400)), "the page is longer than 400 lines"),
        ] {
            assert_eq!(reasons(&map), [why], "{map}");
        }
    }
}
