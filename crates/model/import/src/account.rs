//! The account: what became of each key of the sources, and what was added to them.

use crate::document::{At, Document};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It means the same in the file that was made.
    Exact,
    /// Nearly the same; the words say how it differs.
    Approximated,
    /// Nothing was made of it; the words say why.
    Refused,
    /// It means nothing in a fabric, such as an id, an owner or a time; nothing is lost without it.
    Irrelevant,
    /// Not of the sources: what a fabric needs, and they do not say.
    Added,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Approximated => "approximated",
            Self::Refused => "refused",
            Self::Irrelevant => "irrelevant",
            Self::Added => "added",
        })
    }
}

/// One key of a source, or one thing that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The source, as the user named it; nothing for what was added.
    pub file: String,
    /// Its line, from 1; 0 for what was added.
    pub line: u32,
    /// The key, with all those above it; for what was added, its place in the file that was made.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How, or why.
    pub words: String,
}

/// What became of every key of the sources, in their order, and then what was added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// One for each key and item.
    pub entries: Vec<Entry>,
}

impl Account {
    /// How many entries have an outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.entries.iter().filter(|entry| entry.outcome == outcome).count()
    }
}

struct Fate {
    outcome: Outcome,
    words: Cow<'static, str>,
}

/// The fates of all values while importers work.
pub(crate) struct Ledger {
    /// By document, then by value.
    fates: Vec<Vec<Option<Fate>>>,
    added: Vec<(String, String)>,
}

impl Ledger {
    pub(crate) fn new(documents: &[Document]) -> Self {
        let empty = |document: &Document| (0..document.len()).map(|_| None).collect();
        Self { fates: documents.iter().map(empty).collect(), added: Vec::new() }
    }

    /// Writes down what became of a value; a later word counts.
    pub(crate) fn mark(&mut self, at: At<'_>, outcome: Outcome, words: Cow<'static, str>) {
        let fates = self.fates.get_mut(at.document.number);
        if let Some(fate) = fates.and_then(|fates| fates.get_mut(at.id)) {
            *fate = Some(Fate { outcome, words });
        }
    }

    /// What became of a value so far.
    fn outcome(&self, at: At<'_>) -> Option<Outcome> {
        let fate = self.fates.get(at.document.number)?.get(at.id)?;
        fate.as_ref().map(|fate| fate.outcome)
    }

    /// Whether something has been said of it.
    pub(crate) fn is_marked(&self, at: At<'_>) -> bool {
        self.outcome(at).is_some()
    }

    pub(crate) fn is_refused(&self, at: At<'_>) -> bool {
        self.outcome(at) == Some(Outcome::Refused)
    }

    /// The same for a value and all in it.
    pub(crate) fn mark_all(&mut self, at: At<'_>, outcome: Outcome, words: Cow<'static, str>) {
        for inner in at.children() {
            self.mark_all(inner, outcome, words.clone());
        }
        self.mark(at, outcome, words);
    }

    pub(crate) fn add(&mut self, path: String, words: String) {
        self.added.push((path, words));
    }

    /// The account: what nobody has said anything of is refused.
    pub(crate) fn settle(mut self, documents: &[Document]) -> Account {
        for document in documents {
            self.sweep(document.root(), None);
        }
        let mut entries = Vec::new();
        for document in documents {
            for at in document.all() {
                let fates = self.fates.get_mut(document.number);
                let fate = fates.and_then(|fates| fates.get_mut(at.id)).and_then(Option::take);
                let Some(Fate { outcome, words }) = fate else { continue };
                entries.push(Entry {
                    file: document.file.clone(),
                    line: at.line(),
                    path: at.path(),
                    outcome,
                    words: words.into_owned(),
                });
            }
        }
        let added = self.added.into_iter().map(|(path, words)| Entry {
            file: String::new(),
            line: 0,
            path,
            outcome: Outcome::Added,
            words,
        });
        entries.extend(added);
        Account { entries }
    }

    /// Marks what is not marked yet; `above` is what became of the value that it is part of.
    fn sweep(&mut self, at: At<'_>, above: Option<Outcome>) {
        let own = self.outcome(at);
        let children = at.children();
        let any_said = children.iter().any(|child| self.said_within(*child));
        let mut seen = BTreeSet::new();
        for child in children {
            if child.key().is_some_and(|key| !seen.insert(key)) && !self.is_marked(child) {
                let words = "this key stands here a second time; the first one counts";
                self.mark_all(child, Outcome::Refused, words.into());
            }
            let whole = if any_said || at.is_root() { None } else { Some(Outcome::Refused) };
            self.sweep(child, own.or(whole));
        }
        if own.is_some() || at.is_root() {
            return;
        }
        let kind = at.document.kind;
        let (outcome, words): (_, Cow<'static, str>) = match above {
            _ if any_said => (Outcome::Exact, "its parts are told one by one".into()),
            Some(Outcome::Refused) => (Outcome::Refused, "part of what is refused above it".into()),
            Some(_) | None => {
                (Outcome::Refused, format!("no meaning is known for it in {}", kind.what()).into())
            }
        };
        self.mark(at, outcome, words);
    }

    fn said_within(&self, at: At<'_>) -> bool {
        self.is_marked(at) || at.children().iter().any(|child| self.said_within(*child))
    }
}
