//! The repository as texts by path, read once, or made up in memory to try a rule.

use crate::manifest::Crate;
use crate::rust::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Folders that hold nothing of ours: results of builds, and the history.
const FOREIGN_FOLDERS: [&str; 3] = ["target", ".git", "node_modules"];

/// All files, by their path from the root with `/` between the parts.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    texts: BTreeMap<String, String>,
    /// Every file and folder, texts and others.
    paths: BTreeSet<String>,
    executable: BTreeSet<String>,
}

impl Repository {
    /// Reads the repository at `root`.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut repository = Self::default();
        repository.read_folder(root, "")?;
        Ok(repository)
    }

    /// A repository of the given texts. Those that begin with `#!` are executable.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut repository = Self::default();
        for (path, text) in files {
            if text.starts_with("#!") && !path.ends_with(".rs") {
                repository.executable.insert((*path).to_owned());
            }
            repository.insert(path, Some((*text).to_owned()));
        }
        repository
    }

    fn insert(&mut self, path: &str, text: Option<String>) {
        let folders = path.match_indices('/').map(|(at, _)| path[..at].to_owned());
        self.paths.extend(folders);
        self.paths.insert(path.to_owned());
        if let Some(text) = text {
            self.texts.insert(path.to_owned(), text);
        }
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if !FOREIGN_FOLDERS.contains(&name.as_str()) {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
                continue;
            }
            let bytes = match std::fs::read(entry.path()) {
                Ok(bytes) => bytes,
                // Somebody else's editor or build may take a file away while we look.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if entry.metadata()?.permissions().mode() & 0o111 != 0 {
                self.executable.insert(path.clone());
            }
            self.insert(&path, String::from_utf8(bytes).ok());
        }
        Ok(())
    }

    /// A file's text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether there is such a file or folder.
    pub fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.paths.contains(path)
    }

    /// Whether a file may be run.
    pub fn is_executable(&self, path: &str) -> bool {
        self.executable.contains(path)
    }

    /// Texts whose path ends with `ending`.
    pub fn ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = self.texts.iter().filter(move |(path, _)| path.ends_with(ending));
        texts.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Paths of files and folders directly in a folder.
    pub fn children<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.paths.iter().map(String::as_str).filter(move |path| {
            path.strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|name| !name.contains('/'))
        })
    }

    /// The crates of the workspace: `crates/STOREY/CRATE/Cargo.toml`.
    pub fn crates(&self) -> Vec<Crate<'_>> {
        let manifests = self.ending("/Cargo.toml");
        manifests.filter_map(|(path, text)| Crate::parse(path, text)).collect()
    }

    /// Rust sources, each knowing which of its lines are tests.
    pub fn sources(&self) -> Vec<Source<'_>> {
        crate::rust::sources(self.ending(".rs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_exist_like_files_and_have_children() {
        let repository = Repository::of(&[("a/b/c.rs", ""), ("a/run", "#!/bin/sh")]);
        assert!(repository.exists("a/b/") && repository.exists("a/b/c.rs"));
        assert!(!repository.exists("a/c"));
        assert_eq!(repository.children("a").collect::<Vec<_>>(), ["a/b", "a/run"]);
        assert!(repository.is_executable("a/run") && !repository.is_executable("a/b/c.rs"));
    }
}
