//! The tree that YAML and TOML are read into: values with the place where they stand.

use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::sync::Arc;

pub mod toml;
pub mod yaml;

mod remembered;

pub use remembered::Remembered;

/// Largest file that is read.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Deepest nesting of maps and lists.
pub const DEPTH_MAX: usize = 64;
/// Most values in a file, after its aliases have been put in.
pub const VALUES_MAX: usize = 2_000_000;

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Where it begins.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// The kinds of value. Scalars keep their text: what it means depends on what is asked for,
/// so that a country `no` is never read as "false". What a tree [remembered](Remembered) and the one that is
/// looked at have in common, they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A string, number or truth value.
    Scalar {
        /// As written.
        text: String,
        /// Whether it was quoted, and so can only be a string.
        quoted: bool,
    },
    /// A list.
    List(Arc<Vec<Tree>>),
    /// A map, in the order of the file; names may still be there twice.
    Map(Arc<Vec<(Key, Tree)>>),
    /// Something that could not be read and has been reported: no cause for further findings.
    Broken,
}

/// A key of a map and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// The key.
    pub name: String,
    /// Whether the key itself could not be read, and has been reported.
    pub broken: bool,
}

/// What stands where bytes are no text, and where a key could not be read.
pub(crate) const UNREADABLE: char = '\u{fffd}';

impl Tree {
    /// What kind of value it is, in words.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Broken => "something unreadable",
        }
    }

    /// Whether something in it could not be read.
    pub fn holds_broken(&self) -> bool {
        match &self.value {
            Value::Broken => true,
            Value::List(items) => items.iter().any(Self::holds_broken),
            Value::Map(entries) => {
                entries.iter().any(|(key, value)| key.broken || value.holds_broken())
            }
            Value::Null | Value::Scalar { .. } => false,
        }
    }

    /// Marks what holds bytes that were no text: they have been reported.
    pub(crate) fn break_unreadable(&mut self) {
        match &mut self.value {
            Value::Scalar { text, .. } if text.contains(UNREADABLE) => self.value = Value::Broken,
            Value::List(items) => {
                Arc::make_mut(items).iter_mut().for_each(Self::break_unreadable);
            }
            Value::Map(entries) => {
                for (key, value) in Arc::make_mut(entries) {
                    key.broken |= key.name.contains(UNREADABLE);
                    value.break_unreadable();
                }
            }
            Value::Null | Value::Scalar { .. } | Value::Broken => {}
        }
    }
}

/// The finding for a file with more values than may be.
pub(crate) fn too_many_values(span: &Span) -> Diagnostic {
    Diagnostic::error(
        crate::diagnostic::code::LIMIT,
        span,
        "the file holds too many values",
        format!("with its aliases put in it has more than {VALUES_MAX}"),
        "split it into several files, or use fewer aliases",
    )
}

/// Reads a text by the ending of its name: `.toml` is TOML, anything else YAML.
/// What can be read is given back even when there are errors.
pub fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Tree> {
    if file.ends_with(".toml") {
        toml::read(file, text, diagnostics)
    } else {
        yaml::read(file, text, diagnostics)
    }
}
