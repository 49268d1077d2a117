//! Snapshots: all names and values as one commit left them.

use crate::chunk::ChunkId;
use crate::error::{Damage, StoreError};
use crate::inner::Inner;
use crate::page::LeafEntry;
use crate::root::{Root, Section};
use crate::tree;
use crate::value::ValueRef;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The store as one commit left it.
///
/// It does not change, whatever is committed later. Values are read when they are asked for; while a snapshot lives, its
/// own process keeps what it needs. Clones are cheap.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) view: Arc<View>,
}

/// A name, and what is known of its value without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole name.
    pub name: String,
    /// Where the value is. Two values are equal if and only if these are.
    pub value: ValueRef,
}

/// What [`Snapshot::verify`] has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Names, each with its value.
    pub names: u64,
    /// Bytes of all values.
    pub bytes: u64,
}

/// A root that is in use, and is counted as such until this is dropped.
pub(crate) struct View {
    pub(crate) inner: Arc<Inner>,
    pub(crate) id: ChunkId,
    pub(crate) root: Root,
}

impl Drop for View {
    fn drop(&mut self) {
        self.inner.release(self.id);
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, root) = (self.view.root.number, self.view.id);
        f.debug_struct("Snapshot").field("version", &number).field("root", &root).finish()
    }
}

impl Snapshot {
    /// The number of the commit. Each commit has the number after the one before.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.view.root.number
    }

    /// The name of the root: equal only for snapshots of the same commit.
    #[must_use]
    pub fn root(&self) -> ChunkId {
        self.view.id
    }

    /// How many names there are.
    #[must_use]
    pub fn names(&self) -> u64 {
        self.view.root.sections.iter().fold(0, |sum, section| sum.saturating_add(section.names))
    }

    /// The value of a name.
    ///
    /// # Errors
    /// The store fails, or no longer has this snapshot.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let chunks = &self.view.inner.chunks;
        let read = || self.find(name)?.map(|value| chunks.value(value)).transpose();
        self.explained(read())
    }

    /// A name without reading its value.
    ///
    /// # Errors
    /// The store fails, or no longer has this snapshot.
    pub fn entry(&self, name: &str) -> Result<Option<Entry>, StoreError> {
        let value = self.explained(self.find(name))?;
        Ok(value.map(|value| Entry { name: name.to_owned(), value }))
    }

    /// Names that begin with `prefix`, in order.
    ///
    /// # Errors
    /// The store fails, or no longer has this snapshot.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.entries(prefix)?.into_iter().map(|entry| entry.name).collect())
    }

    /// Names that begin with `prefix`, in order, with what is known of their values.
    ///
    /// # Errors
    /// The store fails, or no longer has this snapshot.
    pub fn entries(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        self.visit(prefix, &mut |section, entry| {
            let name = format!("{}/{}", section.name, entry.name);
            entries.push(Entry { name, value: entry.value });
            Ok(())
        })?;
        // Sections are in order, and still `a.b/` comes before `a/`.
        entries.sort_unstable_by(|left: &Entry, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    /// Names that begin with `prefix`, in order, with their values.
    ///
    /// # Errors
    /// The store fails, or no longer has this snapshot.
    pub fn values(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let entries = self.entries(prefix)?;
        let places: Vec<ValueRef> = entries.iter().map(|entry| entry.value).collect();
        let values = self.explained(self.view.inner.chunks.values(&places))?;
        Ok(entries.into_iter().map(|entry| entry.name).zip(values).collect())
    }

    /// Names whose values differ from those of another snapshot, in order; also those that only one of them has.
    ///
    /// What both have in common is not read: the cost grows with what differs.
    ///
    /// # Errors
    /// The store fails, or no longer has one of the snapshots.
    pub fn changed_since(&self, other: &Self) -> Result<Vec<String>, StoreError> {
        let (new, old) = (&self.view.root, &other.view.root);
        let sections = new.sections.iter().chain(&old.sections).map(|section| &section.name);
        let sections: BTreeSet<&String> = sections.collect();
        let mut names = Vec::new();
        for section in sections {
            let page = |root: &Root| root.section(section).map(|section| section.page);
            let mut each = |name: &str| names.push(format!("{section}/{name}"));
            let found = tree::differences(&self.view.inner.chunks, page(old), page(new), &mut each);
            other.explained(self.explained(found))?;
        }
        // As in `entries`.
        names.sort_unstable();
        Ok(names)
    }

    /// Reads all of it, and checks every chunk.
    ///
    /// # Errors
    /// What is damaged first.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let mut verified = Verified::default();
        self.visit("", &mut |_, entry| {
            let value = self.view.inner.chunks.value(entry.value)?;
            verified.names += 1;
            verified.bytes += value.len() as u64;
            Ok(())
        })?;
        if verified.names != self.names() {
            let damage = Damage::Malformed(self.root(), "it has not as many names as it says");
            return Err(self.view.inner.chunks.damaged(damage));
        }
        Ok(verified)
    }

    pub(crate) fn find(&self, name: &str) -> Result<Option<ValueRef>, StoreError> {
        let Some((section, rest)) = name.split_once('/') else { return Ok(None) };
        let Some(section) = self.view.root.section(section) else { return Ok(None) };
        tree::find(&self.view.inner.chunks, section.page, rest)
    }

    fn visit(
        &self,
        prefix: &str,
        each: &mut dyn FnMut(&Section, &LeafEntry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let chunks = &self.view.inner.chunks;
        let mut visit = |section: &Section, rest: &str| {
            let page = chunks.page(section.page)?;
            tree::visit(chunks, &page, rest, &mut |entry| each(section, entry))
        };
        let visited = match prefix.split_once('/') {
            Some((section, rest)) => {
                self.view.root.section(section).map_or(Ok(()), |section| visit(section, rest))
            }
            None => {
                let sections = self.view.root.sections.iter();
                let mut within = sections.filter(|section| section.name.starts_with(prefix));
                within.try_for_each(|section| visit(section, ""))
            }
        };
        self.explained(visited)
    }

    fn explained<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.view.inner.expired(self.version(), result)
    }
}
