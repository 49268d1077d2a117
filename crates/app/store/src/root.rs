//! Roots: the manifest of one commit.
//!
//! ```text
//! "NLR" 1 · number u64 · commit id, 16 bytes · milliseconds since 1970 u64 · parent
//!         · count varint · sections, sorted by name, no two alike
//!
//! parent                  0, or 1 · chunk, 32 bytes
//! a section               name bytes · its highest page, 32 bytes · that page's length varint · names in it varint
//!
//! bytes: length varint · that many bytes
//! ```
//!
//! The commit id is drawn for each attempt, so two roots are never alike, and whoever reads a root knows whose it is.
//! The parent is the root before; what precedes the oldest that is kept may be gone.

use crate::chunk::ChunkId;
use crate::encoding::{Malformed, Reader, put_bytes, put_varint};
use crate::input::{SECTION_BYTES_MAX, SECTIONS_MAX};
use crate::page::PAGE_BYTES_MAX;

const MAGIC: &[u8; 4] = b"NLR\x01";
/// Bytes of a commit id.
pub const COMMIT_ID_BYTES: usize = 16;

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Counts commits; 0 is the empty store.
    pub number: u64,
    /// Drawn for this commit.
    pub commit_id: [u8; COMMIT_ID_BYTES],
    /// When it was made, by the clock of who made it.
    pub at_ms: u64,
    /// The root before.
    pub parent: Option<ChunkId>,
    /// All sections that have names, by name.
    pub sections: Vec<Section>,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its highest page.
    pub page: ChunkId,
    /// That page's length.
    pub bytes: u32,
    /// How many names it has.
    pub names: u64,
}

impl Root {
    /// A section by name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        let at = self.sections.binary_search_by(|section| section.name.as_str().cmp(name)).ok()?;
        self.sections.get(at)
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(self.number.to_be_bytes());
        out.extend(self.commit_id);
        out.extend(self.at_ms.to_be_bytes());
        match self.parent {
            None => out.push(0),
            Some(parent) => {
                out.push(1);
                out.extend(parent.0);
            }
        }
        put_varint(&mut out, self.sections.len() as u64);
        for section in &self.sections {
            put_bytes(&mut out, section.name.as_bytes());
            out.extend(section.page.0);
            put_varint(&mut out, u64::from(section.bytes));
            put_varint(&mut out, section.names);
        }
        out
    }

    /// Reads bytes of [`encode`](Self::encode), and no others.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader(bytes);
        reader.magic(MAGIC)?;
        let number = reader.u64()?;
        let commit_id = reader.array()?;
        let at_ms = reader.u64()?;
        let parent = match reader.u8()? {
            0 => None,
            1 => Some(reader.chunk_id()?),
            _ => return Err("its parent is neither there nor not"),
        };
        let count = reader.varint()?;
        if count > SECTIONS_MAX as u64 {
            return Err("it has too many sections");
        }
        let mut sections: Vec<Section> = Vec::new();
        for _ in 0..count {
            let section = section(&mut reader)?;
            if sections.last().is_some_and(|last| last.name >= section.name) {
                return Err("its sections are not in order");
            }
            sections.push(section);
        }
        reader.end()?;
        Ok(Self { number, commit_id, at_ms, parent, sections })
    }
}

fn section(reader: &mut Reader<'_>) -> Result<Section, Malformed> {
    let name = std::str::from_utf8(reader.bytes(SECTION_BYTES_MAX)?);
    let name = name.map_err(|_| "a section's name is not UTF-8")?.to_owned();
    if name.is_empty() || name.contains('/') {
        return Err("a section's name is none");
    }
    let page = reader.chunk_id()?;
    let bytes = u32::try_from(reader.varint()?).map_err(|_| "a section's page is too long")?;
    if bytes as usize > PAGE_BYTES_MAX {
        return Err("a section's page is too long");
    }
    Ok(Section { name, page, bytes, names: reader.varint()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::CHUNK_BYTES_MAX;
    use proptest::prelude::*;

    fn root() -> impl Strategy<Value = Root> {
        let sections = proptest::collection::btree_map("[a-zä.]{1,12}", 0_u32..8192, 0..20);
        let parent = proptest::option::of(any::<[u8; 32]>());
        (any::<u64>(), any::<[u8; 16]>(), any::<u64>(), parent, sections).prop_map(
            |(number, commit_id, at_ms, parent, sections)| {
                let section = |(name, bytes): (String, u32)| {
                    let page = ChunkId::of(name.as_bytes());
                    Section { name, page, bytes, names: u64::from(bytes) * 3 }
                };
                let sections = sections.into_iter().map(section).collect();
                Root { number, commit_id, at_ms, parent: parent.map(ChunkId), sections }
            },
        )
    }

    proptest! {
        #[test]
        fn roots_are_read_as_they_were_written(root in root()) {
            let bytes = root.encode();
            for section in &root.sections {
                prop_assert_eq!(root.section(&section.name), Some(section));
            }
            prop_assert_eq!(Root::decode(&bytes), Ok(root));
        }

        #[test]
        fn changed_roots_are_refused_or_another_root(
            root in root(),
            at: prop::sample::Index,
            flip in 1_u8..,
            cut: prop::sample::Index,
        ) {
            let mut bytes = root.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(other) = Root::decode(&bytes) {
                prop_assert_ne!(&other, &root);
                prop_assert_eq!(other.encode(), bytes.clone());
            }
            prop_assert!(Root::decode(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_bytes_are_a_root_or_an_error(bytes: Vec<u8>) {
            let _ = Root::decode(&bytes);
            let mut marked = MAGIC.to_vec();
            marked.extend(bytes);
            let _ = Root::decode(&marked);
        }
    }

    #[test]
    fn the_largest_root_fits_a_chunk() {
        let section = |number| Section {
            name: format!("{number:0>64}"),
            page: ChunkId([255; 32]),
            bytes: PAGE_BYTES_MAX as u32,
            names: u64::MAX,
        };
        let root = Root {
            number: u64::MAX,
            commit_id: [255; 16],
            at_ms: u64::MAX,
            parent: Some(ChunkId([255; 32])),
            sections: (0..SECTIONS_MAX).map(section).collect(),
        };
        assert!(root.encode().len() <= CHUNK_BYTES_MAX);
    }
}
