//! Every key and item of every file is in the account, once, with its line.

use super::*;
use netloom_import::Account;
use netloom_model::tree::{self, Tree, Value};
use std::collections::BTreeMap;

/// All files below the folder of data.
fn files() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(data()).expect("it is below the folder");
                files.push(path.to_string_lossy().into_owned());
            }
        }
    }
    files.sort();
    files
}

/// The line and the last step of every key and item, found without the importer's own reader: what
/// it reads as JSON is read as YAML here.
fn keys(file: &str, text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let name = if file.ends_with(".toml") { "a.toml" } else { "a.yaml" };
    let tree = tree::read(name, text, &mut found).expect("it can be read");
    assert!(found.is_empty(), "{file}: {found:?}");
    let mut keys = Vec::new();
    walk(&tree, &mut keys);
    keys
}

fn walk(tree: &Tree, keys: &mut Vec<(u32, String)>) {
    match &tree.value {
        Value::Map(entries) => {
            for (key, value) in entries.iter() {
                keys.push((key.span.line, key.name.clone()));
                walk(value, keys);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                keys.push((item.span.line, format!("[{index}]")));
                walk(item, keys);
            }
        }
        Value::Null | Value::Scalar { .. } | Value::Broken => {}
    }
}

fn counted(account: &Account, file: &str) -> BTreeMap<u32, usize> {
    let mut lines = BTreeMap::new();
    for entry in account.entries.iter().filter(|entry| entry.file == file) {
        *lines.entry(entry.line).or_default() += 1;
    }
    lines
}

fn check(file: &str, imported: &Imported) {
    let bytes = std::fs::read(data().join(file)).expect("it can be read");
    let text = String::from_utf8(bytes).expect("it is text");
    let mut expected: BTreeMap<u32, usize> = BTreeMap::new();
    for (line, key) in keys(file, &text) {
        *expected.entry(line).or_default() += 1;
        let bare = key.trim_matches(['[', ']']).to_owned();
        let is_told = imported.account.entries.iter().any(|entry| {
            let end = entry.path.trim_end_matches(['"', ']']);
            entry.file == file && entry.line == line && end.ends_with(&bare)
        });
        assert!(is_told, "{file}:{line}: `{key}` is not in the account");
    }
    assert_eq!(counted(&imported.account, file), expected, "{file}");
}

#[test]
fn every_key_of_every_file_alone_is_in_the_account() {
    let files = files();
    assert!(files.len() >= 17, "{files:?}");
    for file in files.iter().filter(|file| !file.ends_with(".py")) {
        check(file, &import(&[source(file)]));
    }
}

#[test]
fn every_key_of_all_files_together_is_in_the_account() {
    let files = files();
    let sources: Vec<Source> = files.iter().map(|file| source(file)).collect();
    let imported = import_with_probes(&sources);
    for file in files.iter().filter(|file| !file.ends_with(".py")) {
        check(file, &imported);
    }
    assert!(imported.account.entries.iter().all(|entry| !entry.words.is_empty()));
}

#[test]
fn every_line_of_a_program_that_says_something_is_in_the_account() {
    let file = "cases/blackroad/peering.py";
    let imported = import(&[source(file)]);
    let text = std::fs::read_to_string(data().join(file)).unwrap();
    let lines = counted(&imported.account, file);
    for (index, line) in text.lines().enumerate() {
        let line_number = u32::try_from(index + 1).unwrap();
        let line = line.trim();
        let silent = line.is_empty()
            || line.starts_with(['#', '"', ')'])
            || !line.contains(char::is_alphabetic);
        assert!(silent || lines.contains_key(&line_number), "line {line_number}: {line}");
    }
}

#[test]
fn keys_that_nobody_knows_and_keys_that_stand_twice_are_refused() {
    let text = text(
        "a.yaml",
        "network:\n  vpc:\n    name: app\n    cidr: 10.0.0.0/16\n    mood: { deep: [1, { er: x }] }\n    \
         name: again\n  subnets: []\nelse: 1\n",
    );
    let imported = import(&[text]);
    for path in [
        "network.vpc.mood",
        "network.vpc.mood.deep",
        "network.vpc.mood.deep[0]",
        "network.vpc.mood.deep[1].er",
        "else",
    ] {
        assert_eq!(outcome(&imported, path), Outcome::Refused, "{path}");
    }
    let names: Vec<_> =
        imported.account.entries.iter().filter(|entry| entry.path == "network.vpc.name").collect();
    assert_eq!((names.len(), names[1].outcome), (2, Outcome::Refused));
    assert!(names[1].words.contains("second time"), "{}", names[1].words);
}
