//! Reading the pages of a section: finding a name, visiting names, and what differs between two of them.

use crate::chunk::ChunkId;
use crate::error::StoreError;
use crate::page::{Child, LeafEntry, Page};
use crate::reader::Chunks;
use crate::value::ValueRef;
use std::cmp::Ordering;
use std::sync::Arc;

/// The value of a name below a page.
pub(crate) fn find(
    chunks: &Chunks,
    page: ChunkId,
    name: &str,
) -> Result<Option<ValueRef>, StoreError> {
    let mut page = chunks.page(page)?;
    loop {
        let next = match &*page {
            Page::Leaf(entries) => {
                let at = entries.binary_search_by(|entry| entry.name.as_str().cmp(name));
                return Ok(at.ok().map(|at| entries[at].value));
            }
            Page::Inner(level, children) => {
                let at = children.partition_point(|child| child.first.as_str() <= name);
                let Some(child) = at.checked_sub(1).and_then(|at| children.get(at)) else {
                    return Ok(None);
                };
                chunks.child(child, *level)?
            }
        };
        page = next;
    }
}

/// Shows all names below a page that begin with `prefix`, in order.
pub(crate) fn visit(
    chunks: &Chunks,
    page: &Page,
    prefix: &str,
    each: &mut dyn FnMut(&LeafEntry) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match page {
        Page::Leaf(entries) => {
            let start = entries.partition_point(|entry| entry.name.as_str() < prefix);
            for entry in entries[start..].iter().take_while(|entry| entry.name.starts_with(prefix))
            {
                each(entry)?;
            }
        }
        Page::Inner(level, children) => {
            // The child before the first that begins after the prefix may end with names that have it.
            let start = children.partition_point(|child| child.first.as_str() <= prefix);
            for child in &children[start.saturating_sub(1)..] {
                if child.first.as_str() > prefix && !child.first.starts_with(prefix) {
                    break;
                }
                visit(chunks, &*chunks.child(child, *level)?, prefix, each)?;
            }
        }
    }
    Ok(())
}

/// Shows the names whose values differ below two pages, in order. Pages that both have are not read.
pub(crate) fn differences(
    chunks: &Chunks,
    left: Option<ChunkId>,
    right: Option<ChunkId>,
    each: &mut dyn FnMut(&str),
) -> Result<(), StoreError> {
    if left == right {
        return Ok(());
    }
    let (mut left, mut right) = (Cursor::new(chunks, left)?, Cursor::new(chunks, right)?);
    loop {
        match (left.rest.last(), right.rest.last()) {
            (None, None) => return Ok(()),
            (Some(Item::Entry(entry)), None) => {
                each(&entry.name);
                left.skip();
            }
            (None, Some(Item::Entry(entry))) => {
                each(&entry.name);
                right.skip();
            }
            (Some(Item::Page(..)), None) => left.enter(chunks)?,
            (None, Some(Item::Page(..))) => right.enter(chunks)?,
            (Some(a), Some(b)) => match step(a, b, each) {
                Step::SkipBoth => {
                    left.skip();
                    right.skip();
                }
                Step::SkipLeft => left.skip(),
                Step::SkipRight => right.skip(),
                Step::EnterLeft => left.enter(chunks)?,
                Step::EnterRight => right.enter(chunks)?,
            },
        }
    }
}

/// What is next on the way through a tree.
enum Item {
    /// A page of this level.
    Page(Child, u8),
    Entry(LeafEntry),
}

enum Step {
    SkipBoth,
    SkipLeft,
    SkipRight,
    EnterLeft,
    EnterRight,
}

fn step(left: &Item, right: &Item, each: &mut dyn FnMut(&str)) -> Step {
    match (left, right) {
        (Item::Page(a, _), Item::Page(b, _)) if a.id == b.id => Step::SkipBoth,
        // The higher one first, so that equal pages can meet; of one level, the one that begins earlier.
        (Item::Page(a, above), Item::Page(b, below)) => {
            match above.cmp(below).then_with(|| b.first.cmp(&a.first)) {
                Ordering::Less => Step::EnterRight,
                Ordering::Equal | Ordering::Greater => Step::EnterLeft,
            }
        }
        (Item::Entry(a), Item::Page(b, _)) if a.name < b.first => {
            each(&a.name);
            Step::SkipLeft
        }
        (Item::Page(a, _), Item::Entry(b)) if b.name < a.first => {
            each(&b.name);
            Step::SkipRight
        }
        (Item::Entry(_), Item::Page(..)) => Step::EnterRight,
        (Item::Page(..), Item::Entry(_)) => Step::EnterLeft,
        (Item::Entry(a), Item::Entry(b)) => match a.name.cmp(&b.name) {
            Ordering::Less => {
                each(&a.name);
                Step::SkipLeft
            }
            Ordering::Greater => {
                each(&b.name);
                Step::SkipRight
            }
            Ordering::Equal => {
                if a.value != b.value {
                    each(&a.name);
                }
                Step::SkipBoth
            }
        },
    }
}

/// What is left of a tree; the next is last.
struct Cursor {
    rest: Vec<Item>,
}

impl Cursor {
    fn new(chunks: &Chunks, page: Option<ChunkId>) -> Result<Self, StoreError> {
        let mut cursor = Self { rest: Vec::new() };
        if let Some(id) = page {
            let page = chunks.page(id)?;
            let first = page.first().unwrap_or_default().to_owned();
            let names = page.names();
            cursor.rest.push(Item::Page(Child { first, id, bytes: 0, names }, page.level()));
        }
        Ok(cursor)
    }

    fn skip(&mut self) {
        self.rest.pop();
    }

    /// Puts what is in the page that is next in its place.
    fn enter(&mut self, chunks: &Chunks) -> Result<(), StoreError> {
        let Some(Item::Page(child, level)) = self.rest.pop() else { return Ok(()) };
        let page: Arc<Page> = chunks.child(&child, level + 1)?;
        match &*page {
            Page::Leaf(entries) => {
                self.rest.extend(entries.iter().rev().cloned().map(Item::Entry));
            }
            Page::Inner(level, children) => {
                let below = level - 1;
                let items = children.iter().rev().cloned();
                self.rest.extend(items.map(|child| Item::Page(child, below)));
            }
        }
        Ok(())
    }
}
