//! What was read before: of a text that is edited, only the entries that changed are parsed again.

use super::{Key, Tree, yaml};
use crate::diagnostic::Diagnostic;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The entries of the texts that were read last, by file.
#[derive(Debug, Default)]
pub struct Remembered {
    files: BTreeMap<String, Pieces>,
}

/// What the pieces of a text hold.
pub(super) type Pieces = HashMap<String, Read>;

/// What a piece of a text holds, and how many lines stood before it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) first_line: usize,
    pub(super) entries: Arc<Vec<(Key, Tree)>>,
    /// How many values that are.
    pub(super) values: usize,
}

impl Remembered {
    /// Reads a text as [`tree::read`](super::read) does.
    pub(crate) fn read(
        &mut self,
        file: &str,
        text: &str,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Tree> {
        if file.ends_with(".toml") {
            return super::read(file, text, found);
        }
        let pieces = self.files.entry(file.to_owned()).or_default();
        match yaml::read_pieces(file, text, pieces) {
            Some(tree) => Some(tree),
            None => super::read(file, text, found),
        }
    }

    /// Forgets all files but some.
    pub(crate) fn keep(&mut self, files: &BTreeSet<String>) {
        self.files.retain(|file, _| files.contains(file));
    }
}

impl Read {
    /// Its entries as they stand behind so many lines.
    pub(super) fn at(&mut self, first_line: usize) -> &[(Key, Tree)] {
        let line = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let by = line(first_line).saturating_sub(line(self.first_line));
        if by != 0 {
            move_entries(Arc::make_mut(&mut self.entries).as_mut_slice(), by);
            self.first_line = first_line;
        }
        &self.entries
    }
}

fn move_entries(entries: &mut [(Key, Tree)], by_lines: i64) {
    for (key, value) in entries {
        key.span.line = moved(key.span.line, by_lines);
        move_tree(value, by_lines);
    }
}

fn move_tree(tree: &mut Tree, by_lines: i64) {
    tree.span.line = moved(tree.span.line, by_lines);
    match &mut tree.value {
        super::Value::List(items) => {
            Arc::make_mut(items).iter_mut().for_each(|item| move_tree(item, by_lines));
        }
        super::Value::Map(entries) => move_entries(Arc::make_mut(entries).as_mut_slice(), by_lines),
        super::Value::Null | super::Value::Scalar { .. } | super::Value::Broken => {}
    }
}

fn moved(line: u32, by_lines: i64) -> u32 {
    u32::try_from(i64::from(line).saturating_add(by_lines)).unwrap_or(u32::MAX)
}
