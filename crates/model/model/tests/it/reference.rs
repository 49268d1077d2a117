//! docs/file.md has exactly the keys that files may have, says which must be there, and its example is right.

use netloom_model::diagnostic::{Code, code};
use netloom_model::{Loaded, load};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../../../docs/file.md");
/// Two keys of which one must be there, and the second is the one that is asked for.
const EITHER: (&str, &str) = ("tests[]", "port");

/// A map that the page describes.
struct Section<'a> {
    /// Where it stands: `networks.NAME.dns`, `tests[]`, or `.` for the whole file.
    path: &'a str,
    keys: BTreeSet<&'a str>,
    needed: BTreeSet<&'a str>,
}

fn sections() -> Vec<Section<'static>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            let path = heading.split_once(": `").and_then(|(_, path)| path.strip_suffix('`'));
            sections.extend(path.map(|path| Section {
                path,
                keys: BTreeSet::new(),
                needed: BTreeSet::new(),
            }));
        } else if let Some(row) = line.strip_prefix("| ") {
            let cell = row.split(" |").next().unwrap();
            if cell == "key" || cell.starts_with("key,") {
                continue;
            }
            let section = sections.last_mut().unwrap();
            let key = cell.trim_matches('*');
            assert!(section.keys.insert(key), "{}: {key} twice", section.path);
            if key != cell {
                section.needed.insert(key);
            }
        }
    }
    sections
}

/// A file in which the map at a path has only one entry, `key: 1`, or none.
fn file_with(path: &str, key: Option<&str>) -> String {
    let mut text = key.map_or_else(|| "{}".to_owned(), |key| format!("{{ {key}: 1 }}"));
    if path == "." {
        return text;
    }
    for step in path.split('.').rev() {
        let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let name = name.replace("NAME", "a");
        text = if is_list {
            format!("{{ {name}: [{text}] }}")
        } else {
            format!("{{ {name}: {text} }}")
        };
    }
    text
}

fn loaded(text: &str) -> Loaded {
    load(&["a.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()))
}

/// Messages and solutions of the diagnostics with a code, of a file as [`file_with`] makes it.
fn found(path: &str, key: Option<&str>, code: Code) -> Vec<(String, String)> {
    let diagnostics = loaded(&file_with(path, key)).diagnostics;
    let wanted = diagnostics.into_iter().filter(|found| found.code == code);
    wanted.map(|found| (found.message, found.solution)).collect()
}

#[test]
fn the_page_has_the_keys_of_each_map() {
    let sections = sections();
    assert!(sections.len() >= 36, "{} maps", sections.len());
    for Section { path, keys, .. } in sections {
        let found = found(path, Some("nonsense"), code::UNKNOWN_KEY);
        let about = found.iter().find(|(message, _)| message.contains("`nonsense`"));
        let (_, solution) = about.unwrap_or_else(|| panic!("{path}: no such map: {found:?}"));
        let known = solution.split_once("one of: ").unwrap().1;
        assert_eq!(known.split(", ").collect::<BTreeSet<_>>(), keys, "{path}");
    }
}

#[test]
fn the_page_marks_the_keys_that_must_be_there() {
    for Section { path, keys, needed } in sections() {
        let missing: BTreeSet<String> = found(path, None, code::MISSING_KEY)
            .into_iter()
            .filter_map(|(message, _)| {
                Some(message.split_once("needs the key `")?.1.replace('`', ""))
            })
            .collect();
        // What is missing around the map is no matter of it.
        let mut missing: BTreeSet<&str> =
            missing.iter().map(String::as_str).filter(|key| keys.contains(key)).collect();
        if path == "." {
            missing = ["version", "fabric"].into();
            assert_eq!(found(path, None, code::MISSING_KEY).len(), missing.len());
        }
        if path == EITHER.0 {
            assert!(missing.remove(EITHER.1));
        }
        assert_eq!(missing, needed, "{path}");
    }
}

#[test]
fn the_example_is_right_and_its_tests_hold() {
    let example = PAGE.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let loaded = loaded(example);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    assert!(loaded.fabric.is_some_and(|fabric| fabric.tests.len() >= 4));
}
