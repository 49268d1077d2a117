//! The corpus of broken files: what each must say stands in its first line, how it says it in a golden.

use crate::expectation::{ANNOUNCEMENT, announced, compare};
use netloom_model::{Diagnostic, Loaded, diagnostic};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// Names of the files, relative to the folder: files, or `main.yaml` of folders.
fn files() -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".golden"))
        .map(|name| if name.contains('.') { name } else { format!("{name}/main.yaml") })
        .collect();
    files.sort();
    files
}

fn load(file: &str) -> Loaded {
    netloom_model::load(&[file.to_owned()], |name| {
        std::fs::read(folder().join(name)).map_err(|error| error.to_string())
    })
}

/// As `netloom check` shows it: errors first.
fn rendered(loaded: &Loaded) -> String {
    let mut findings: Vec<Diagnostic> = loaded.diagnostics.clone();
    findings.sort_by_key(|found| found.severity);
    diagnostic::render(&findings, &loaded.sources)
}

fn golden(file: &str) -> PathBuf {
    let name = file.split(['.', '/']).next().unwrap();
    folder().join(format!("{name}.golden"))
}

#[test]
fn every_error_of_every_broken_file_is_reported_and_no_other() {
    let files = files();
    assert!(files.len() >= 60, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(folder().join(file)).unwrap();
        let list = text.lines().find_map(|line| line.strip_prefix(ANNOUNCEMENT));
        let expected = announced(file, list.unwrap_or_else(|| panic!("{file} announces nothing")));
        wrong.extend(compare(file, &expected, &load(file)));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_users_read_is_as_in_the_goldens() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for file in files() {
        let (path, text) = (golden(&file), rendered(&load(&file)));
        if update {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        if golden != text {
            wrong.push(format!("{}:\n{text}", path.display()));
        }
    }
    let rest = wrong.join("\n");
    assert!(wrong.is_empty(), "not as in the goldens (UPDATE_GOLDEN=1 writes them):\n{rest}");
}
