//! Several files into one fabric: includes followed, objects merged, everything checked, all errors kept.

mod declared;
mod sections;
mod text;

use crate::check;
use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Severity, code};
use crate::fabric::Fabric;
use crate::span::Span;
use crate::tree::Remembered;
pub use declared::{Declared, Entry, Named};
use std::collections::{BTreeMap, BTreeSet};

/// Most files that one fabric is read from.
pub const FILES_MAX: usize = 256;

/// Name under which errors and explanations know what was declared over control's API, as a file of its own.
pub const API_FILE: &str = "(api)";

/// What loading gave: the fabric if there is no error, all findings, and the texts they point into.
#[derive(Debug)]
pub struct Loaded {
    /// The fabric, unless there is an error.
    pub fabric: Option<Fabric>,
    /// Its name, as far as the files say it.
    pub name: Option<String>,
    /// Findings by place, at most [`FINDINGS_MAX`](crate::decode::FINDINGS_MAX) and one that says so.
    pub diagnostics: Vec<Diagnostic>,
    /// Texts by file name.
    pub sources: BTreeMap<String, String>,
}

/// Loads `files` and what they include. `read` gives a file's bytes, or why it cannot.
pub fn load(files: &[String], read: impl FnMut(&str) -> Result<Vec<u8>, String>) -> Loaded {
    load_edited(&mut Remembered::default(), files, read)
}

/// Loads as [`load`] does, and parses only what is not as it was when `remembered` was used last.
pub fn load_edited(
    remembered: &mut Remembered,
    files: &[String],
    mut read: impl FnMut(&str) -> Result<Vec<u8>, String>,
) -> Loaded {
    let mut loader = Loader {
        remembered,
        decoder: Decoder::default(),
        declared: Declared::default(),
        sources: BTreeMap::new(),
        seen: BTreeSet::new(),
        read: &mut read,
    };
    for file in files {
        let span = Span { file: file.as_str().into(), line: 1, column: 1 };
        loader.file(file, &span, &mut Vec::new());
    }
    let Loader { remembered, mut decoder, declared, sources, seen, .. } = loader;
    remembered.keep(&seen);
    let first = files.first().map_or("", String::as_str);
    let name = declared.fabric.as_ref().map(|name| name.value.clone());
    let fabric = check::check(declared, first, &mut decoder);
    let diagnostics = decoder.into_findings();
    let sound = diagnostics.iter().all(|found| found.severity == Severity::Warning);
    Loaded { fabric: fabric.filter(|_| sound), name, diagnostics, sources }
}

struct Loader<'a> {
    remembered: &'a mut Remembered,
    decoder: Decoder,
    declared: Declared,
    sources: BTreeMap<String, String>,
    /// Files that were read, or could not be.
    seen: BTreeSet<String>,
    read: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
}

impl Loader<'_> {
    /// Reads one file, named at `span`, on the way of includes `path`.
    fn file(&mut self, file: &str, span: &Span, path: &mut Vec<String>) {
        if path.iter().any(|name| name == file) {
            self.decoder.error(
                code::INCLUDE_LOOP,
                span,
                format!("`{file}` includes itself"),
                format!("the way is {} -> {file}", path.join(" -> ")),
                "remove one of these includes",
            );
            return;
        }
        if self.seen.contains(file) {
            return;
        }
        if self.seen.len() == FILES_MAX {
            self.declared.nothing_is_known_to_be_missing();
            self.decoder.error(
                code::LIMIT,
                span,
                format!("more than {FILES_MAX} files are included"),
                "so many files are rather a mistake than a fabric",
                "merge some of them",
            );
            return;
        }
        self.seen.insert(file.to_owned());
        let Some((text, lossy)) = self.text(file, span) else {
            self.declared.nothing_is_known_to_be_missing();
            return;
        };
        let mut found = Vec::new();
        let tree = self.remembered.read(file, &text, &mut found);
        found.into_iter().for_each(|found| self.decoder.push(found));
        self.sources.insert(file.to_owned(), text);
        path.push(file.to_owned());
        match tree {
            Some(mut tree) => {
                if lossy {
                    tree.break_unreadable();
                }
                self.document(&tree, file, path);
            }
            None => self.declared.nothing_is_known_to_be_missing(),
        }
        path.pop();
    }

    /// A file's text, and whether bytes in it were no text.
    fn text(&mut self, file: &str, span: &Span) -> Option<(String, bool)> {
        let bytes = match (self.read)(file) {
            Ok(bytes) => bytes,
            Err(cause) => {
                self.decoder.error(
                    code::UNREADABLE,
                    span,
                    format!("`{file}` cannot be read"),
                    cause,
                    "check the path and who may read the file",
                );
                return None;
            }
        };
        let mut found = Vec::new();
        let text = text::decode(file, bytes, &mut found);
        let lossy = !found.is_empty();
        found.into_iter().for_each(|found| self.decoder.push(found));
        text.map(|text| (text, lossy))
    }
}
