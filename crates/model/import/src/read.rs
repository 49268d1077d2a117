//! Texts into documents: JSON, YAML, TOML or Python, and which kind of file it is.

mod json;
mod python;

use crate::document::Document;
use crate::import::{Error, Source};
use crate::kind::Kind;
use netloom_model::tree::{self, Tree, Value};

/// Largest source.
pub(crate) const SOURCE_BYTES_MAX: usize = 16 << 20;
/// Most values of all sources together.
pub(crate) const VALUES_MAX: usize = 500_000;
/// Deepest nesting.
pub(crate) const DEPTH_MAX: usize = 64;

/// Why a text could not be read: the line, and what is wrong there.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) line: u32,
    pub(crate) cause: String,
}

impl Broken {
    pub(crate) fn new(line: u32, cause: impl Into<String>) -> Self {
        Self { line, cause: cause.into() }
    }
}

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    Json,
    Yaml,
    Toml,
    Python,
}

/// Reads a source.
pub(crate) fn document(
    number: usize,
    source: &Source,
    wanted: Option<Kind>,
) -> Result<Document, Error> {
    let file = || source.file.clone();
    if source.bytes.len() > SOURCE_BYTES_MAX {
        return Err(Error::TooLarge { file: file(), bytes_max: SOURCE_BYTES_MAX });
    }
    let text = std::str::from_utf8(&source.bytes).map_err(|_| Error::NotText { file: file() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let notation = notation(&source.file, text);
    let tree = read(&source.file, text, notation).map_err(|Broken { line, cause }| {
        let notation = match notation {
            Notation::Json => "JSON",
            Notation::Yaml => "YAML",
            Notation::Toml => "TOML",
            Notation::Python => "Python",
        };
        Error::Syntax { file: file(), line, notation, cause }
    })?;
    if !matches!(tree.value, Value::Map(_)) {
        return Err(Error::NoKeys { file: file(), what: tree.kind() });
    }
    if Kind::is_ours(&tree) {
        return Err(Error::Ours { file: file() });
    }
    let found = if notation == Notation::Python { Some(Kind::Peering) } else { Kind::of(&tree) };
    let kind = wanted.or(found).ok_or_else(|| Error::UnknownKind { file: file() })?;
    let document = Document::new(number, &source.file, kind, tree);
    if notation == Notation::Python && wanted.is_none() && !Kind::is_peering(document.root()) {
        return Err(Error::UnknownKind { file: file() });
    }
    if document.len() > VALUES_MAX {
        return Err(Error::TooMany { file: file(), values_max: VALUES_MAX });
    }
    Ok(document)
}

fn notation(file: &str, text: &str) -> Notation {
    let ends = |ending: &str| file.to_ascii_lowercase().ends_with(ending);
    if ends(".py") {
        Notation::Python
    } else if ends(".toml") {
        Notation::Toml
    } else if text.trim_start().starts_with(['{', '[']) && !ends(".yaml") && !ends(".yml") {
        // A table of TOML begins with a bracket too.
        let first = text.trim_start().lines().next().unwrap_or("").trim_end();
        let table = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_name = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
                && name.starts_with(char::is_alphabetic)
        };
        if table.is_some_and(is_name) { Notation::Toml } else { Notation::Json }
    } else {
        Notation::Yaml
    }
}

fn read(file: &str, text: &str, notation: Notation) -> Result<Tree, Broken> {
    let mut found = Vec::new();
    let tree = match notation {
        Notation::Json => return json::read(file, text),
        Notation::Python => return python::read(file, text),
        Notation::Yaml => tree::yaml::read(file, text, &mut found),
        Notation::Toml => tree::toml::read(file, text, &mut found),
    };
    if let Some(first) = found.iter().min_by_key(|found| found.span.line) {
        let cause = format!("{}: {}", first.message, first.cause);
        return Err(Broken::new(first.span.line, cause));
    }
    tree.ok_or_else(|| Broken::new(1, "it cannot be read"))
}
