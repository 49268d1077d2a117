//! The tree that YAML and TOML are read into: values with the place where they stand.

use crate::diagnostic::Diagnostic;
use crate::span::Span;

pub mod toml;
pub mod yaml;

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
/// so that a country `no` is never read as "false".
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
    List(Vec<Tree>),
    /// A map, in the order of the file; names may still be there twice.
    Map(Vec<(Key, Tree)>),
}

/// A key of a map and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// The key.
    pub name: String,
}

impl Tree {
    /// What kind of value it is, in words.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads a text by the ending of its name: `.toml` is TOML, anything else YAML.
/// What can be read is given back even when there are errors.
pub fn read(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Tree> {
    if text.len() > FILE_BYTES_MAX {
        let span = Span { file: file.into(), line: 1, column: 1 };
        diagnostics.push(Diagnostic::error(
            crate::diagnostic::code::LIMIT,
            &span,
            format!("the file has {} bytes", text.len()),
            format!("a file may have at most {FILE_BYTES_MAX} bytes"),
            "split it: several files are merged, and `include` names further ones",
        ));
        return None;
    }
    if file.ends_with(".toml") {
        toml::read(file, text, diagnostics)
    } else {
        yaml::read(file, text, diagnostics)
    }
}
