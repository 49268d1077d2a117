//! Changing the pages of a section: what is touched is written anew, the rest stays as it is.

use crate::chunk::ChunkId;
use crate::error::StoreError;
use crate::page::{Child, LEVEL_MAX, LeafEntry, PAGE_BYTES_MAX, PAGE_HEADER_BYTES_MAX, Page};
use crate::reader::Chunks;
use crate::value::ValueRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of entries that a page holds.
const ROOM: usize = PAGE_BYTES_MAX - PAGE_HEADER_BYTES_MAX;
/// More than any entry has.
const ENTRY_BYTES_MAX: usize = 600;
/// Neighbours that are not longer than this together become one page.
const JOINED_BYTES_MAX: usize = PAGE_BYTES_MAX / 2;

/// A name, and its value from now on; none if it goes.
pub(crate) type NameChange = (String, Option<ValueRef>);

/// The pages of one section while they are changed.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    chunks: &'a Chunks,
    /// Pages to be written. Within a section no two are alike, since no name stands in two.
    pub(crate) fresh: BTreeMap<ChunkId, (Arc<Page>, Vec<u8>)>,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(chunks: &'a Chunks) -> Self {
        Self { chunks, fresh: BTreeMap::new() }
    }

    /// Makes changes, which are sorted by name, below a page; gives the highest page then, if there are names.
    pub(crate) fn apply(
        &mut self,
        page: Option<ChunkId>,
        changes: &[NameChange],
    ) -> Result<Option<Child>, StoreError> {
        let page = page.map(|id| self.chunks.page(id)).transpose()?;
        let empty = Page::Leaf(Vec::new());
        let page = page.as_deref().unwrap_or(&empty);
        let mut level = page.level();
        let mut children = self.change(page, changes)?;
        while children.len() > 1 && level < LEVEL_MAX {
            level += 1;
            children = self.write_inner(level, children);
        }
        let Some(mut top) = children.pop() else { return Ok(None) };
        // A page with one page below it says nothing.
        loop {
            let page = self.load(&top, level)?;
            let Page::Inner(_, children) = &*page else { return Ok(Some(top)) };
            let [only] = children.as_slice() else { return Ok(Some(top)) };
            self.fresh.remove(&top.id);
            top = only.clone();
            level -= 1;
        }
    }

    /// The pages that take a page's place.
    fn change(&mut self, page: &Page, changes: &[NameChange]) -> Result<Vec<Child>, StoreError> {
        match page {
            Page::Leaf(entries) => Ok(self.write_leaves(merged(entries, changes))),
            Page::Inner(level, children) => {
                let mut after = Vec::new();
                let mut rest = changes;
                for (index, child) in children.iter().enumerate() {
                    let own = match children.get(index + 1) {
                        Some(next) => rest.partition_point(|(name, _)| *name < next.first),
                        None => rest.len(),
                    };
                    let (own, others) = rest.split_at(own);
                    rest = others;
                    if own.is_empty() {
                        after.push((child.clone(), false));
                    } else {
                        let page = self.chunks.child(child, *level)?;
                        let changed = self.change(&page, own)?;
                        after.extend(changed.into_iter().map(|child| (child, true)));
                    }
                }
                let joined = self.join(level - 1, after)?;
                Ok(self.write_inner(*level, joined))
            }
        }
    }

    /// Joins neighbours that are short, where one of them was touched.
    fn join(&mut self, level: u8, pages: Vec<(Child, bool)>) -> Result<Vec<Child>, StoreError> {
        let mut joined: Vec<(Child, bool)> = Vec::new();
        for mut page in pages {
            while let Some(last) = joined.pop_if(|last| {
                (last.1 || page.1) && last.0.bytes + page.0.bytes <= JOINED_BYTES_MAX as u32
            }) {
                let (left, right) = (self.load(&last.0, level)?, self.load(&page.0, level)?);
                let both = match (&*left, &*right) {
                    (Page::Leaf(left), Page::Leaf(right)) => {
                        Page::Leaf([left.as_slice(), right].concat())
                    }
                    (Page::Inner(_, left), Page::Inner(_, right)) => {
                        Page::Inner(level, [left.as_slice(), right].concat())
                    }
                    // Neighbours are of one level, which reading them checks.
                    (Page::Leaf(_), Page::Inner(..)) | (Page::Inner(..), Page::Leaf(_)) => {
                        joined.push(last);
                        break;
                    }
                };
                self.fresh.remove(&last.0.id);
                self.fresh.remove(&page.0.id);
                page = (self.write(both), true);
            }
            joined.push(page);
        }
        Ok(joined.into_iter().map(|(page, _)| page).collect())
    }

    /// A page that was written just now, or is stored.
    fn load(&self, child: &Child, level: u8) -> Result<Arc<Page>, StoreError> {
        match self.fresh.get(&child.id) {
            Some((page, _)) => Ok(Arc::clone(page)),
            None => self.chunks.child(child, level + 1),
        }
    }

    fn write_leaves(&mut self, entries: Vec<LeafEntry>) -> Vec<Child> {
        let groups = divided(entries, LeafEntry::encoded_bytes);
        groups.into_iter().map(|entries| self.write(Page::Leaf(entries))).collect()
    }

    fn write_inner(&mut self, level: u8, children: Vec<Child>) -> Vec<Child> {
        let groups = divided(children, Child::encoded_bytes);
        groups.into_iter().map(|children| self.write(Page::Inner(level, children))).collect()
    }

    fn write(&mut self, page: Page) -> Child {
        let bytes = page.encode();
        let id = ChunkId::of(&bytes);
        let first = page.first().unwrap_or_default().to_owned();
        let child = Child { first, id, bytes: bytes.len() as u32, names: page.names() };
        self.fresh.insert(id, (Arc::new(page), bytes));
        child
    }
}

/// Entries of a leaf with changes made to them, both sorted.
fn merged(entries: &[LeafEntry], changes: &[NameChange]) -> Vec<LeafEntry> {
    let mut after = Vec::with_capacity(entries.len() + changes.len());
    let mut rest = entries;
    for (name, value) in changes {
        let before = rest.partition_point(|entry| entry.name < *name);
        after.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        if rest.first().is_some_and(|entry| entry.name == *name) {
            rest = &rest[1..];
        }
        after.extend(value.map(|value| LeafEntry { name: name.clone(), value }));
    }
    after.extend_from_slice(rest);
    after
}

/// Divides entries into pages of about equal length, as few as there can be.
fn divided<T>(entries: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let total: usize = entries.iter().map(&bytes).sum();
    if total <= ROOM {
        return if entries.is_empty() { Vec::new() } else { vec![entries] };
    }
    // A page is full once it has its share, so it has at most one entry more than that.
    let share = total.div_ceil(total.div_ceil(ROOM - ENTRY_BYTES_MAX));
    let mut groups = vec![Vec::new()];
    let mut filled = 0;
    for entry in entries {
        if filled >= share {
            groups.push(Vec::new());
            filled = 0;
        }
        filled += bytes(&entry);
        if let Some(group) = groups.last_mut() {
            group.push(entry);
        }
    }
    groups
}
