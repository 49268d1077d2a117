//! Pages: the sorted names of one section, as a B-tree whose pages are chunks.
//!
//! ```text
//! "NLP" 1 · level u8 · count varint · entries, sorted by name, no two alike
//!
//! level 0, an entry       name bytes · value length varint · chunk, 32 bytes, unless the length is 0
//! above, a child          first name bytes · chunk, 32 bytes · its encoded length varint · names below it varint
//!
//! bytes: length varint · that many bytes
//! ```
//!
//! Names stand without their section. A page is split when it would be longer than [`PAGE_BYTES_MAX`], and joined with a
//! neighbour when both would fill less than half of one. So a commit of one value writes a page of each level, however many
//! names there are.

use crate::chunk::{CHUNK_ID_BYTES, ChunkId};
use crate::encoding::{Malformed, Reader, put_bytes, put_varint, varint_bytes};
use crate::input::NAME_BYTES_MAX;
use crate::value::ValueRef;

const MAGIC: &[u8; 4] = b"NLP\x01";
/// Longest page.
pub const PAGE_BYTES_MAX: usize = 8 * 1024;
/// Bytes before the entries, at most.
pub(crate) const PAGE_HEADER_BYTES_MAX: usize = 4 + 1 + 3;
/// More levels than any number of names needs.
pub const LEVEL_MAX: u8 = 16;

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafEntry {
    /// Without the section.
    pub name: String,
    /// Where the value is.
    pub value: ValueRef,
}

/// A page below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The first name in it.
    pub first: String,
    /// Its chunk.
    pub id: ChunkId,
    /// Its length as a chunk.
    pub bytes: u32,
    /// How many names are below it.
    pub names: u64,
}

/// A page of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Names.
    Leaf(Vec<LeafEntry>),
    /// Pages, all of one level: this one's less one.
    Inner(u8, Vec<Child>),
}

impl LeafEntry {
    /// How long it is in a page.
    pub(crate) fn encoded_bytes(&self) -> usize {
        let value = varint_bytes(u64::from(self.value.bytes()))
            + self.value.chunk().map_or(0, |_| CHUNK_ID_BYTES);
        varint_bytes(self.name.len() as u64) + self.name.len() + value
    }
}

impl Child {
    /// How long it is in a page.
    pub(crate) fn encoded_bytes(&self) -> usize {
        varint_bytes(self.first.len() as u64)
            + self.first.len()
            + CHUNK_ID_BYTES
            + varint_bytes(u64::from(self.bytes))
            + varint_bytes(self.names)
    }
}

impl Page {
    /// 0 for a leaf.
    #[must_use]
    pub const fn level(&self) -> u8 {
        match self {
            Self::Leaf(_) => 0,
            Self::Inner(level, _) => *level,
        }
    }

    /// How many names are in it and below it.
    pub(crate) fn names(&self) -> u64 {
        match self {
            Self::Leaf(entries) => entries.len() as u64,
            Self::Inner(_, children) => {
                children.iter().fold(0, |sum, child| sum.saturating_add(child.names))
            }
        }
    }

    /// The first name in it.
    pub(crate) fn first(&self) -> Option<&str> {
        match self {
            Self::Leaf(entries) => entries.first().map(|entry| entry.name.as_str()),
            Self::Inner(_, children) => children.first().map(|child| child.first.as_str()),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(self.level());
        match self {
            Self::Leaf(entries) => {
                put_varint(&mut out, entries.len() as u64);
                for entry in entries {
                    put_bytes(&mut out, entry.name.as_bytes());
                    entry.value.write(&mut out);
                }
            }
            Self::Inner(_, children) => {
                put_varint(&mut out, children.len() as u64);
                for child in children {
                    put_bytes(&mut out, child.first.as_bytes());
                    out.extend_from_slice(&child.id.0);
                    put_varint(&mut out, u64::from(child.bytes));
                    put_varint(&mut out, child.names);
                }
            }
        }
        out
    }

    /// Reads bytes of [`encode`](Self::encode), and no others.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > PAGE_BYTES_MAX {
            return Err("it is longer than a page may be");
        }
        let mut reader = Reader(bytes);
        reader.magic(MAGIC)?;
        let level = reader.u8()?;
        let count = reader.varint()?;
        if count == 0 {
            return Err("it has no entries");
        }
        let page = match level {
            0 => Self::Leaf(entries(&mut reader, count, |reader, name| {
                Ok(LeafEntry { name, value: ValueRef::read(reader)? })
            })?),
            1..=LEVEL_MAX => Self::Inner(level, entries(&mut reader, count, child)?),
            _ => return Err("it has too many levels below it"),
        };
        reader.end()?;
        Ok(page)
    }
}

/// Reads entries, each after a name that follows the one before.
fn entries<T>(
    reader: &mut Reader<'_>,
    count: u64,
    read: impl Fn(&mut Reader<'_>, String) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut found = Vec::new();
    let mut last: Option<&str> = None;
    for _ in 0..count {
        let bytes = reader.bytes(NAME_BYTES_MAX)?;
        let name = std::str::from_utf8(bytes).map_err(|_| "a name is not UTF-8")?;
        if name.is_empty() {
            return Err("a name is empty");
        }
        if last.is_some_and(|last| last >= name) {
            return Err("its names are not in order");
        }
        last = Some(name);
        found.push(read(reader, name.to_owned())?);
    }
    Ok(found)
}

fn child(reader: &mut Reader<'_>, first: String) -> Result<Child, Malformed> {
    let id = reader.chunk_id()?;
    let bytes = u32::try_from(reader.varint()?).map_err(|_| "a page below is too long")?;
    if bytes as usize > PAGE_BYTES_MAX {
        return Err("a page below is too long");
    }
    Ok(Child { first, id, bytes, names: reader.varint()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaf() -> impl Strategy<Value = Page> {
        let names = proptest::collection::btree_map("[a-zä/.]{1,12}", 0_u32..70_000_000, 1..40);
        names.prop_map(|names| {
            let entry = |(name, bytes): (String, u32)| {
                let id = ChunkId::of(name.as_bytes()).0;
                let mut out = Vec::new();
                put_varint(&mut out, u64::from(bytes % (64 << 20)));
                out.extend(id);
                let value = ValueRef::read(&mut Reader(&out)).unwrap();
                LeafEntry { name, value }
            };
            Page::Leaf(names.into_iter().map(entry).collect())
        })
    }

    fn inner() -> impl Strategy<Value = Page> {
        let names = proptest::collection::btree_map("[a-zä/.]{1,12}", 0_u32..8192, 1..40);
        (1..=LEVEL_MAX, names).prop_map(|(level, names)| {
            let child = |(first, bytes): (String, u32)| {
                let id = ChunkId::of(first.as_bytes());
                Child { first, id, bytes, names: u64::from(bytes) * 7 }
            };
            Page::Inner(level, names.into_iter().map(child).collect())
        })
    }

    proptest! {
        #[test]
        fn pages_are_read_as_they_were_written(page in prop_oneof![leaf(), inner()]) {
            let bytes = page.encode();
            let entries: usize = match &page {
                Page::Leaf(entries) => entries.iter().map(LeafEntry::encoded_bytes).sum(),
                Page::Inner(_, children) => children.iter().map(Child::encoded_bytes).sum(),
            };
            prop_assert!(bytes.len() <= entries + PAGE_HEADER_BYTES_MAX && bytes.len() > entries);
            prop_assert_eq!(Page::decode(&bytes), Ok(page));
        }

        #[test]
        fn changed_pages_are_refused_or_another_page(
            page in prop_oneof![leaf(), inner()],
            at: prop::sample::Index,
            flip in 1_u8..,
            cut: prop::sample::Index,
        ) {
            let mut bytes = page.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(other) = Page::decode(&bytes) {
                prop_assert_ne!(&other, &page);
                // There is one form only.
                prop_assert_eq!(other.encode(), bytes.clone());
            }
            let cut = cut.index(bytes.len());
            prop_assert!(Page::decode(&bytes[..cut]).is_err());
        }

        #[test]
        fn any_bytes_are_a_page_or_an_error(bytes: Vec<u8>) {
            let _ = Page::decode(&bytes);
            let mut marked = MAGIC.to_vec();
            marked.extend(bytes);
            let _ = Page::decode(&marked);
        }
    }
}
