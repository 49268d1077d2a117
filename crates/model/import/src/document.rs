//! A source as numbered values: what each is, where it stands, and what it is part of.

use crate::kind::Kind;
use netloom_model::tree::{Tree, Value};
use std::sync::Arc;

/// A source that has been read.
#[derive(Debug)]
pub(crate) struct Document {
    /// Which one of those given.
    pub(crate) number: usize,
    /// As the user named it.
    pub(crate) file: String,
    /// What it is.
    pub(crate) kind: Kind,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    parent: usize,
    step: Step,
    line: u32,
    content: Content,
}

#[derive(Debug)]
enum Step {
    Root,
    Key(String),
    Item(usize),
}

#[derive(Debug)]
enum Content {
    Nothing,
    Text { text: String, quoted: bool },
    List(Vec<usize>),
    Map(Vec<usize>),
}

impl Document {
    /// Numbers the values of a tree.
    pub(crate) fn new(number: usize, file: &str, kind: Kind, tree: Tree) -> Self {
        let mut document = Self { number, file: file.to_owned(), kind, nodes: Vec::new() };
        let line = tree.span.line;
        document.insert(0, Step::Root, line, tree);
        document
    }

    fn insert(&mut self, parent: usize, step: Step, line: u32, tree: Tree) -> usize {
        let id = self.nodes.len();
        self.nodes.push(Node { parent, step, line, content: Content::Nothing });
        let content = match tree.value {
            Value::Null | Value::Broken => Content::Nothing,
            Value::Scalar { text, quoted } => Content::Text { text, quoted },
            Value::List(items) => {
                let items = Arc::unwrap_or_clone(items).into_iter().enumerate();
                let insert = |(index, item): (usize, Tree)| {
                    let line = item.span.line;
                    self.insert(id, Step::Item(index), line, item)
                };
                Content::List(items.map(insert).collect())
            }
            Value::Map(entries) => {
                let entries = Arc::unwrap_or_clone(entries).into_iter();
                let insert = |(key, value): (netloom_model::tree::Key, Tree)| {
                    self.insert(id, Step::Key(key.name), key.span.line, value)
                };
                Content::Map(entries.map(insert).collect())
            }
        };
        if let Some(node) = self.nodes.get_mut(id) {
            node.content = content;
        }
        id
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn root(&self) -> At<'_> {
        At { document: self, id: 0 }
    }

    /// Every value but the root, in the order of the source.
    pub(crate) fn all(&self) -> impl Iterator<Item = At<'_>> {
        (1..self.nodes.len()).map(|id| At { document: self, id })
    }
}

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) document: &'a Document,
    pub(crate) id: usize,
}

impl<'a> At<'a> {
    fn node(self) -> Option<&'a Node> {
        self.document.nodes.get(self.id)
    }

    fn content(self) -> &'a Content {
        self.node().map_or(&Content::Nothing, |node| &node.content)
    }

    pub(crate) fn is_root(self) -> bool {
        self.id == 0
    }

    pub(crate) fn line(self) -> u32 {
        self.node().map_or(1, |node| node.line)
    }

    /// Its key, where it stands in a map.
    pub(crate) fn key(self) -> Option<&'a str> {
        match &self.node()?.step {
            Step::Key(key) => Some(key),
            Step::Root | Step::Item(_) => None,
        }
    }

    /// The text of a single value.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self.content() {
            Content::Text { text, .. } => Some(text),
            Content::Nothing | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The text of a single value that stands in quotes.
    pub(crate) fn literal(self) -> Option<&'a str> {
        match self.content() {
            Content::Text { text, quoted: true } => Some(text),
            Content::Text { .. } | Content::Nothing | Content::List(_) | Content::Map(_) => None,
        }
    }

    pub(crate) fn is_nothing(self) -> bool {
        matches!(self.content(), Content::Nothing)
    }

    pub(crate) fn is_map(self) -> bool {
        matches!(self.content(), Content::Map(_))
    }

    pub(crate) fn is_list(self) -> bool {
        matches!(self.content(), Content::List(_))
    }

    /// What kind of value it is, in words.
    pub(crate) fn what(self) -> &'static str {
        match self.content() {
            Content::Nothing => "nothing",
            Content::Text { .. } => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// Entries of a map, or items of a list.
    pub(crate) fn children(self) -> Vec<Self> {
        match self.content() {
            Content::List(ids) | Content::Map(ids) => {
                ids.iter().map(|id| Self { document: self.document, id: *id }).collect()
            }
            Content::Nothing | Content::Text { .. } => Vec::new(),
        }
    }

    /// The value under a key, the first if it stands there twice.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        if !self.is_map() {
            return None;
        }
        self.children().into_iter().find(|child| child.key() == Some(key))
    }

    /// The text under a key.
    pub(crate) fn text_of(self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// The keys that lead to it.
    pub(crate) fn path(self) -> String {
        let mut steps = Vec::new();
        let mut id = self.id;
        while let Some(node) = self.document.nodes.get(id).filter(|_| id != 0) {
            steps.push(&node.step);
            id = node.parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Item(index) => path.push_str(&format!("[{index}]")),
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    let plain = |c: char| c.is_alphanumeric() || "-_/()".contains(c);
                    if !key.is_empty() && key.chars().all(plain) {
                        path.push_str(key);
                    } else {
                        path.push_str(&crate::yaml::quoted(key));
                    }
                }
            }
        }
        path
    }
}
