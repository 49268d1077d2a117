//! The tree into declared objects: every key known, every value of its type, all errors collected.

mod address;
mod fields;
mod findings;
mod lab;
pub mod network_acl;
pub mod objects;
pub mod party;
pub mod policy;
pub mod routing;
pub mod scalar;
mod service;
mod stock_peer;
pub mod workload;

use crate::diagnostic::{Diagnostic, code};
use crate::span::Span;
use crate::tree::{Key, Tree, Value};
pub use fields::Fields;
pub use findings::{Decoder, FINDINGS_MAX};
use std::collections::BTreeMap;

/// A value and where it is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl Decoder {
    /// The entries of a map with a fixed set of keys; unknown and repeated keys are errors.
    /// What stands under a misspelt key is taken for what was meant, so that it is not missed too.
    pub fn fields<'a>(
        &mut self,
        tree: &'a Tree,
        what: &'static str,
        keys: &[&'static str],
    ) -> Option<Fields<'a>> {
        let mut entries = BTreeMap::new();
        let (mut partial, mut meant) = (false, Vec::new());
        for (key, value) in self.map(tree, what)? {
            if key.broken {
                partial = true;
            } else if let Some(known) = keys.iter().find(|known| **known == key.name) {
                if entries.insert(*known, (key, value)).is_some() {
                    self.duplicate(key, "key", None);
                }
            } else if let Some(guess) = self.unknown_key(key, what, keys) {
                meant.extend(keys.iter().find(|known| **known == guess).map(|k| (*k, key, value)));
            }
        }
        for (known, key, value) in meant {
            entries.entry(known).or_insert((key, value));
        }
        Some(Fields { what, span: &tree.span, entries, partial })
    }

    /// Reports a key without meaning, and gives the one that was probably meant.
    pub fn unknown_key(&mut self, key: &Key, what: &str, keys: &[&'static str]) -> Option<String> {
        let guess = self.guess(&key.name, keys.iter().copied());
        let found = Diagnostic::error(
            code::UNKNOWN_KEY,
            &key.span,
            format!("`{}` is not a key of {what}", key.name),
            "a key without meaning would be ignored silently, which is worse than an error",
            format!("remove it, or use one of: {}", keys.join(", ")),
        );
        self.push(found.meaning(guess.clone()));
        guess
    }

    /// The entries of a map; nothing is an empty map.
    pub fn map<'a>(&mut self, tree: &'a Tree, what: &str) -> Option<&'a [(Key, Tree)]> {
        match &tree.value {
            Value::Map(entries) => Some(entries),
            Value::Null => Some(&[]),
            Value::Broken => None,
            Value::Scalar { .. } | Value::List(_) => {
                self.wrong_type(tree, &format!("{what} is a map (keys and values)"));
                None
            }
        }
    }

    /// The items of a list; a single value is a list of one, nothing is an empty one.
    pub fn items<'a>(&mut self, tree: &'a Tree) -> &'a [Tree] {
        match &tree.value {
            Value::List(items) => items,
            Value::Null | Value::Broken => &[],
            Value::Scalar { .. } | Value::Map(_) => std::slice::from_ref(tree),
        }
    }

    /// The items of a value that must be a list.
    pub fn list<'a>(&mut self, tree: &'a Tree, what: &str) -> &'a [Tree] {
        match &tree.value {
            Value::List(items) => items,
            Value::Null | Value::Broken => &[],
            Value::Scalar { .. } | Value::Map(_) => {
                self.wrong_type(tree, &format!("{what} is a list (items that begin with `-`)"));
                &[]
            }
        }
    }

    /// The text of a single value.
    pub fn text<'a>(&mut self, tree: &'a Tree, what: &str) -> Option<&'a str> {
        match &tree.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Broken => None,
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.wrong_type(tree, what);
                None
            }
        }
    }

    /// A value of another type than `needed`, which is a whole clause.
    pub fn wrong_type(&mut self, tree: &Tree, needed: &str) {
        self.error(
            code::WRONG_TYPE,
            &tree.span,
            format!("{} stands here", tree.kind()),
            needed.to_owned(),
            "write the value in that form",
        );
    }

    /// A key or name that is there twice.
    pub fn duplicate(&mut self, key: &Key, what: &str, first: Option<&Span>) {
        let before = first.map_or_else(|| "before".to_owned(), |span| format!("at {span}"));
        self.error(
            code::DUPLICATE,
            &key.span,
            format!("the {what} `{}` is declared a second time", key.name),
            format!("it is declared {before}; which one is meant cannot be known"),
            "remove or rename one of the two",
        );
    }

    /// A name that an object is given: a DNS label, lower case.
    pub fn name(&mut self, key: &Key, what: &str) {
        if is_label(&key.name) {
            return;
        }
        let made: String = key
            .name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(63)
            .collect();
        let guess = made.trim_matches('-').to_owned();
        let mut found = Diagnostic::error(
            code::BAD_NAME,
            &key.span,
            format!("`{}` cannot be the name of {what}", key.name),
            "names are DNS labels: 1 to 63 of a-z, 0-9 and -, neither first nor last a -",
            "choose such a name",
        );
        found.did_you_mean = is_label(&guess).then_some(guess);
        self.push(found);
    }

    /// A map from free names to texts, such as labels.
    pub fn texts(&mut self, tree: &Tree, what: &'static str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (key, value) in self.map(tree, what).unwrap_or_default() {
            if key.broken {
                continue;
            }
            let Some(text) = self.text(value, "a text is needed") else { continue };
            if texts.insert(key.name.clone(), text.to_owned()).is_some() {
                self.duplicate(key, "key", None);
            }
        }
        texts
    }

    /// A list of names that refer to objects.
    pub fn references(&mut self, tree: &Tree) -> Vec<At<String>> {
        self.items(tree)
            .iter()
            .filter_map(|item| {
                let value = self.text(item, "a name is needed")?.to_owned();
                Some(At { value, span: item.span.clone() })
            })
            .collect()
    }
}

/// Whether `name` is a lower-case DNS label (RFC 1123 §2.1).
pub fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
