//! The entries of a map with a fixed set of keys.

use super::{At, Decoder};
use crate::diagnostic::code;
use crate::span::Span;
use crate::tree::{Key, Tree};
use std::collections::BTreeMap;

/// The entries of a map whose keys are all known, by key.
#[derive(Debug)]
pub struct Fields<'a> {
    /// What the map describes, in words, such as "a workload".
    pub(super) what: &'static str,
    /// Where the map stands.
    pub(super) span: &'a Span,
    pub(super) entries: BTreeMap<&'static str, (&'a Key, &'a Tree)>,
    /// Whether a key could not be read, so that what is missing may have stood there.
    pub(super) partial: bool,
}

impl<'a> Fields<'a> {
    /// Where the map stands.
    pub fn span(&self) -> &'a Span {
        self.span
    }

    /// Whether a key of it could not be read.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// A key as it stands in the file, if it is there.
    pub fn key(&self, key: &str) -> Option<&'a Key> {
        self.entries.get(key).map(|(key, _)| *key)
    }

    /// The value of a key, if it is there.
    pub fn optional(&self, key: &str) -> Option<&'a Tree> {
        self.entries.get(key).map(|(_, value)| *value)
    }

    /// The value of a key; its absence is an error.
    pub fn required(&self, key: &str, decoder: &mut Decoder) -> Option<&'a Tree> {
        let found = self.optional(key);
        if found.is_none() && !self.partial {
            decoder.error(
                code::MISSING_KEY,
                self.span,
                format!("{} needs the key `{key}`", self.what),
                "it has no default",
                format!("add `{key}: …`"),
            );
        }
        found
    }

    /// A text that must be there, with its place.
    pub fn reference(&self, key: &str, decoder: &mut Decoder) -> Option<At<String>> {
        let tree = self.required(key, decoder)?;
        let value = decoder.text(tree, "a name is needed")?.to_owned();
        Some(At { value, span: tree.span.clone() })
    }

    /// A text that may be there, with its place.
    pub fn optional_reference(&self, key: &str, decoder: &mut Decoder) -> Option<At<String>> {
        self.optional(key)?;
        self.reference(key, decoder)
    }

    /// The entries that are there, by the known key.
    pub fn present(&self) -> impl Iterator<Item = (&'static str, &'a Tree)> {
        self.entries.iter().map(|(known, (_, value))| (*known, *value))
    }
}
