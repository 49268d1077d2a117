//! Whether an account tells of every key, item and line of a file: they are found without the importer.

use anyhow::Context as _;
use netloom_model::tree::{self, Tree, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// An account, held against the files that it is of.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    /// Keys and items of the files; lines, where a file is a program.
    pub(super) keys: usize,
    /// Those that the account does not have.
    pub(super) missing: Vec<String>,
    /// What the account has, and no file.
    pub(super) strange: Vec<String>,
    /// Entries that do not say how, or why.
    pub(super) silent: usize,
}

impl Audit {
    /// Looks at the entries of one file.
    pub(super) fn file(&mut self, file: &str, text: &str, account: &[Json]) -> anyhow::Result<()> {
        let mut told: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for entry in account.iter().filter(|entry| entry["file"] == file) {
            let path = entry["key"].as_str().context("an entry without its key")?;
            let line = entry["line"].as_u64().context("an entry without its line")?;
            told.entry(line).or_default().push(path.to_owned());
            self.silent += usize::from(entry["words"].as_str().is_none_or(str::is_empty));
        }
        if file.ends_with(".py") {
            self.program(file, text, &told);
        } else {
            self.tree(file, text, told)?;
        }
        Ok(())
    }

    /// Of a program, each line that says something.
    fn program(&mut self, file: &str, text: &str, told: &BTreeMap<u64, Vec<String>>) {
        for (line, number) in text.lines().map(str::trim).zip(1_u64..) {
            let is_said = !line.starts_with(['#', '"', ')']) && line.contains(char::is_alphabetic);
            self.keys += usize::from(is_said);
            if is_said && !told.contains_key(&number) {
                self.missing.push(format!("{file}:{number}"));
            }
        }
    }

    /// Each key and item has one entry, on its line, and there are no further ones.
    fn tree(
        &mut self,
        file: &str,
        text: &str,
        mut told: BTreeMap<u64, Vec<String>>,
    ) -> anyhow::Result<()> {
        // JSON is YAML too, so that it is read otherwise here than by the importer.
        let name = if file.ends_with(".toml") { "a.toml" } else { "a.yaml" };
        let mut found = Vec::new();
        let tree = tree::read(name, text, &mut found);
        let tree = tree.filter(|_| found.is_empty());
        let tree = tree.with_context(|| format!("{file} cannot be read: {found:?}"))?;
        let mut steps = Vec::new();
        walk(&tree, &mut steps);
        self.keys += steps.len();
        for (line, step) in steps {
            let paths = told.entry(u64::from(line)).or_default();
            match paths.iter().position(|path| ends(path, &step)) {
                Some(index) => drop(paths.swap_remove(index)),
                None => self.missing.push(format!("{file}:{line}: {step}")),
            }
        }
        let left = told.into_values().flatten();
        self.strange.extend(left.map(|path| format!("{file}: {path}")));
        Ok(())
    }
}

/// Whether a step is the last one of a path.
fn ends(path: &str, step: &str) -> bool {
    path.trim_end_matches(['"', ']']).ends_with(step)
}

fn walk(tree: &Tree, steps: &mut Vec<(u32, String)>) {
    match &tree.value {
        Value::Map(entries) => {
            for (key, value) in entries.iter() {
                steps.push((key.span.line, key.name.clone()));
                walk(value, steps);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push((item.span.line, index.to_string()));
                walk(item, steps);
            }
        }
        Value::Null | Value::Scalar { .. } | Value::Broken => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(file: &str, line: u64, key: &str) -> Json {
        json!({ "file": file, "line": line, "key": key, "words": "as it is" })
    }

    #[test]
    fn keys_that_an_account_lacks_and_keys_that_it_invents_are_found() {
        let text = "a: 1\nb: [x]\n";
        let whole = [entry("f.yaml", 1, "a"), entry("f.yaml", 2, "b"), entry("f.yaml", 2, "b[0]")];
        let mut audit = Audit::default();
        audit.file("f.yaml", text, &whole).unwrap();
        assert_eq!((audit.keys, audit.missing.len(), audit.strange.len()), (3, 0, 0));
        let other = [entry("f.yaml", 1, "a"), entry("f.yaml", 2, "b[0]"), entry("f.yaml", 1, "a")];
        audit.file("f.yaml", text, &other).unwrap();
        assert_eq!(
            (audit.missing, audit.strange),
            (vec!["f.yaml:2: b".to_owned()], vec!["f.yaml: a".to_owned()],)
        );
    }

    #[test]
    fn lines_of_a_program_that_say_something_need_an_entry() {
        let mut audit = Audit::default();
        audit.file("p.py", "# nothing\nimport x\n)\ny = 1\n", &[entry("p.py", 2, "x")]).unwrap();
        assert_eq!((audit.keys, audit.missing), (2, vec!["p.py:4".to_owned()]));
    }
}
