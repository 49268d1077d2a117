//! The tree into declared objects: every key known, every value of its type, all errors collected.

pub mod objects;
pub mod policy;
pub mod scalar;
pub mod workload;

use crate::diagnostic::{Code, Diagnostic, code};
use crate::span::Span;
use crate::tree::{Key, Tree, Value};
use std::collections::BTreeMap;

/// A value and where it is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// Collects findings while trees are read.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What was found so far.
    pub diagnostics: Vec<Diagnostic>,
}

/// The entries of a map whose keys are all known, by key.
#[derive(Debug)]
pub struct Fields<'a> {
    /// What the map describes, in words, such as "a workload".
    what: &'static str,
    /// Where the map stands.
    span: &'a Span,
    entries: BTreeMap<&'a str, (&'a Key, &'a Tree)>,
}

impl Decoder {
    /// Adds an error.
    pub fn error(
        &mut self,
        code: Code,
        span: &Span,
        message: impl Into<String>,
        cause: impl Into<String>,
        solution: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic::error(code, span, message, cause, solution));
    }

    /// The entries of a map with a fixed set of keys; unknown and repeated keys are errors.
    pub fn fields<'a>(
        &mut self,
        tree: &'a Tree,
        what: &'static str,
        keys: &[&'static str],
    ) -> Option<Fields<'a>> {
        let mut entries = BTreeMap::new();
        for (key, value) in self.map(tree, what)? {
            if !keys.contains(&key.name.as_str()) {
                self.diagnostics.push(unknown_key(key, what, keys));
            } else if entries.insert(key.name.as_str(), (key, value)).is_some() {
                self.duplicate(key, "key", None);
            }
        }
        Some(Fields { what, span: &tree.span, entries })
    }

    /// The entries of a map; nothing is an empty map.
    pub fn map<'a>(&mut self, tree: &'a Tree, what: &str) -> Option<&'a [(Key, Tree)]> {
        match &tree.value {
            Value::Map(entries) => Some(entries),
            Value::Null => Some(&[]),
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
            Value::Null => &[],
            Value::Scalar { .. } | Value::Map(_) => std::slice::from_ref(tree),
        }
    }

    /// The items of a value that must be a list.
    pub fn list<'a>(&mut self, tree: &'a Tree, what: &str) -> &'a [Tree] {
        match &tree.value {
            Value::List(items) => items,
            Value::Null => &[],
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
    pub fn name(&mut self, key: &Key, what: &str) -> Option<String> {
        if is_label(&key.name) {
            return Some(key.name.clone());
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
        self.diagnostics.push(found);
        None
    }

    /// A map from free names to texts, such as labels.
    pub fn texts(&mut self, tree: &Tree, what: &'static str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (key, value) in self.map(tree, what).unwrap_or_default() {
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

fn unknown_key(key: &Key, what: &str, keys: &[&'static str]) -> Diagnostic {
    Diagnostic::error(
        code::UNKNOWN_KEY,
        &key.span,
        format!("`{}` is not a key of {what}", key.name),
        "a key without meaning would be ignored silently, which is worse than an error",
        format!("remove it, or use one of: {}", keys.join(", ")),
    )
    .guess(&key.name, keys.iter().copied())
}

impl<'a> Fields<'a> {
    /// Where the map stands.
    pub fn span(&self) -> &'a Span {
        self.span
    }

    /// The value of a key, if it is there.
    pub fn optional(&self, key: &str) -> Option<&'a Tree> {
        self.entries.get(key).map(|(_, value)| *value)
    }

    /// The value of a key; its absence is an error.
    pub fn required(&self, key: &str, decoder: &mut Decoder) -> Option<&'a Tree> {
        let found = self.optional(key);
        if found.is_none() {
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

    /// The entries that are there.
    pub fn present(&self) -> impl Iterator<Item = (&'a Key, &'a Tree)> {
        self.entries.values().copied()
    }
}
