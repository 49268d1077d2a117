//! The desk at which importers work: values read with a word on each, and the draft that grows.

use crate::account::{Ledger, Outcome};
use crate::document::At;
use crate::draft::Draft;
use crate::name::Names;
use crate::place::Placed;
use crate::scalar;
use ipnet::IpNet;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Longest key of a tag, and longest value.
const TAG_CHARS_MAX: (usize, usize) = (128, 1024);

/// What an importer works on.
pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
    pub(crate) draft: Draft,
    pub(crate) names: Names,
    pub(crate) placed: Placed,
    /// How many prefixes have been looked at for networks that name none.
    pub(crate) prefixes_tried: usize,
}

impl Desk {
    pub(crate) fn exact(&mut self, at: At<'_>, words: impl Into<Cow<'static, str>>) {
        self.ledger.mark(at, Outcome::Exact, words.into());
    }

    pub(crate) fn approximated(&mut self, at: At<'_>, how: impl Into<Cow<'static, str>>) {
        self.ledger.mark(at, Outcome::Approximated, how.into());
    }

    pub(crate) fn refused(&mut self, at: At<'_>, why: impl Into<Cow<'static, str>>) {
        self.ledger.mark(at, Outcome::Refused, why.into());
    }

    /// Keys without which nothing is lost.
    pub(crate) fn irrelevant_keys(&mut self, at: At<'_>, reasons: &[(&str, &'static str)]) {
        for (key, why) in reasons {
            if let Some(value) = at.get(key) {
                let words = format!("means nothing here: {why}");
                self.ledger.mark_all(value, Outcome::Irrelevant, words.into());
            }
        }
    }

    /// A value and all in it, whatever was said of it before.
    pub(crate) fn refuse_all(&mut self, at: At<'_>, why: impl Into<Cow<'static, str>>) {
        // That it is of the wrong type has been said, and is why all else is missing.
        if at.is_map() || !self.ledger.is_refused(at) {
            self.ledger.mark_all(at, Outcome::Refused, why.into());
        }
    }

    pub(crate) fn exact_all(&mut self, at: At<'_>, words: impl Into<Cow<'static, str>>) {
        self.ledger.mark_all(at, Outcome::Exact, words.into());
    }

    pub(crate) fn approximate_all(&mut self, at: At<'_>, how: impl Into<Cow<'static, str>>) {
        self.ledger.mark_all(at, Outcome::Approximated, how.into());
    }

    /// Something that the sources do not say.
    pub(crate) fn added(&mut self, path: impl Into<String>, words: impl Into<String>) {
        self.ledger.add(path.into(), words.into());
    }

    /// Refuses keys that are there and mean nothing for a network.
    pub(crate) fn refuse_keys(&mut self, at: At<'_>, reasons: &[(&str, &'static str)]) {
        for (key, why) in reasons {
            if let Some(value) = at.get(key) {
                self.refuse_all(value, *why);
            }
        }
    }

    /// The entries of a map.
    pub(crate) fn entries<'a>(&mut self, at: At<'a>) -> Vec<At<'a>> {
        if !at.is_map() && !at.is_nothing() {
            let why = format!("{} stands here; a map (keys and values) is needed", at.what());
            self.refuse_all(at, why);
            return Vec::new();
        }
        if !self.ledger.is_marked(at) && !at.is_root() {
            self.exact(at, "its parts are told one by one");
        }
        at.children()
    }

    /// Whether a map stands there, or nothing; all else is refused.
    pub(crate) fn is_object(&mut self, at: At<'_>) -> bool {
        self.entries(at);
        at.is_map() || at.is_nothing()
    }

    /// The items of a list.
    pub(crate) fn items<'a>(&mut self, at: At<'a>) -> Vec<At<'a>> {
        if !at.is_list() && !at.is_nothing() {
            self.refuse_all(at, format!("{} stands here; a list is needed", at.what()));
            return Vec::new();
        }
        if !self.ledger.is_marked(at) && !at.is_root() {
            self.exact(at, "its items are told one by one");
        }
        at.children()
    }

    /// The items under a key of a map.
    pub(crate) fn items_of<'a>(&mut self, at: At<'a>, key: &str) -> Vec<At<'a>> {
        at.get(key).map(|list| self.items(list)).unwrap_or_default()
    }

    /// The text of a single value, without a word on it if it is one.
    pub(crate) fn text<'a>(&mut self, at: At<'a>) -> Option<&'a str> {
        let text = at.text();
        if text.is_none() {
            self.refuse_all(at, format!("{} stands here; a single value is needed", at.what()));
        }
        text
    }

    /// The text under a key, which is taken as it is.
    pub(crate) fn take<'a>(
        &mut self,
        at: At<'a>,
        key: &str,
        words: impl Into<Cow<'static, str>>,
    ) -> Option<&'a str> {
        let value = at.get(key)?;
        let text = self.text(value)?;
        self.exact(value, words);
        Some(text)
    }

    /// A prefix.
    pub(crate) fn prefix(
        &mut self,
        at: At<'_>,
        words: impl Into<Cow<'static, str>>,
    ) -> Option<IpNet> {
        let text = self.text(at)?;
        let Some(prefix) = scalar::prefix(text) else {
            self.refused(at, format!("`{}` is not a prefix", scalar::short(text)));
            return None;
        };
        if prefix.trunc() == prefix {
            self.exact(at, words);
        } else {
            self.approximated(
                at,
                format!("read as {}: it has bits behind its length", prefix.trunc()),
            );
        }
        Some(prefix.trunc())
    }

    /// Free names and texts, such as tags.
    pub(crate) fn tags(&mut self, at: At<'_>, words: &'static str) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        for entry in self.entries(at) {
            let Some(key) = entry.key() else { continue };
            let text = if entry.is_nothing() { Some("") } else { self.text(entry) };
            let Some(text) = text else { continue };
            if self.tag(&mut tags, key, text) {
                self.exact(entry, words);
            } else {
                self.refused(entry, "a tag has up to 128 characters and a value of up to 1,024");
            }
        }
        tags
    }

    /// Adds a tag, if it is no longer than may be.
    pub(crate) fn tag(&self, tags: &mut BTreeMap<String, String>, key: &str, value: &str) -> bool {
        let (key_max, value_max) = TAG_CHARS_MAX;
        let fits =
            !key.is_empty() && key.chars().count() <= key_max && value.chars().count() <= value_max;
        if fits {
            tags.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
        fits
    }
}
