//! The head: the only thing in the store that changes, and what format all of it has.
//!
//! ```text
//! "NLHD" · format u16 · what the format says
//!
//! format 1                number u64 · sweeps u64 · floor u64 · root, 32 bytes · check, 8 bytes
//! format 0                number u64 · manifest, 32 bytes
//! ```
//!
//! `number` is the root's. `sweeps` counts the collections of garbage that have begun: each changes the head, so a commit
//! whose chunks it may remove cannot succeed. Commits from `floor` on have all their chunks. `check` is the first 8 bytes of
//! the SHA-256 of all before it, since the head, alone of all, is not named by its hash.
//!
//! Format 0 had all names in one manifest, which each commit wrote anew:
//!
//! ```text
//! "NLM" 0 · count varint · entries, sorted by name: name bytes · value length varint · count varint · chunks, 32 bytes each
//! ```
//!
//! Its chunks have up to 256 KiB. [`Store::open`](crate::Store::open) makes a format 1 of it.

use crate::chunk::ChunkId;
use crate::encoding::{Malformed, Reader};

const MAGIC: &[u8; 4] = b"NLHD";
const CHECK_BYTES: usize = 8;
/// The format that is written.
pub const FORMAT: u16 = 1;

/// The head, in the format that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the commit.
    pub number: u64,
    /// How many collections of garbage have begun.
    pub sweeps: u64,
    /// The oldest commit all of whose chunks are kept.
    pub floor: u64,
    /// Root of the commit.
    pub root: ChunkId,
}

/// A head of any format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyHead {
    /// Format 0.
    Flat {
        /// Number of the commit.
        number: u64,
        /// Chunk with all names.
        manifest: ChunkId,
    },
    /// Format 1.
    Current(Head),
}

/// Why bytes are no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// They are of a format that a later version writes.
    Newer(u16),
    /// They are damaged.
    Malformed(&'static str),
}

impl From<Malformed> for HeadError {
    fn from(why: Malformed) -> Self {
        Self::Malformed(why)
    }
}

impl Head {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_be_bytes());
        out.extend(self.number.to_be_bytes());
        out.extend(self.sweeps.to_be_bytes());
        out.extend(self.floor.to_be_bytes());
        out.extend(self.root.0);
        out.extend(check(&out));
        out
    }
}

impl AnyHead {
    /// Reads a head.
    ///
    /// # Errors
    /// It is damaged, or too new.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let mut reader = Reader(bytes);
        reader.magic(MAGIC)?;
        match reader.u16()? {
            0 => {
                let (number, manifest) = (reader.u64()?, reader.chunk_id()?);
                reader.end()?;
                Ok(Self::Flat { number, manifest })
            }
            1 => {
                let (number, sweeps, floor) = (reader.u64()?, reader.u64()?, reader.u64()?);
                let root = reader.chunk_id()?;
                let checked = &bytes[..bytes.len() - reader.0.len()];
                if reader.array::<CHECK_BYTES>()? != check(checked) {
                    return Err(HeadError::Malformed("its check is wrong"));
                }
                reader.end()?;
                if floor > number {
                    return Err(HeadError::Malformed("it keeps only commits that are yet to come"));
                }
                Ok(Self::Current(Head { number, sweeps, floor, root }))
            }
            newer => Err(HeadError::Newer(newer)),
        }
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&ChunkId::of(bytes).0[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_those_of_the_document() {
        let head = Head { number: 3, sweeps: 2, floor: 1, root: ChunkId([7; 32]) };
        let bytes = head.encode();
        assert_eq!(bytes.len(), 4 + 2 + 8 + 8 + 8 + 32 + 8);
        let start = b"NLHD\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01";
        assert!(bytes.starts_with(start));
        assert_eq!(bytes[30..62], [7; 32]);
        assert_eq!(AnyHead::decode(&bytes), Ok(AnyHead::Current(head)));
    }

    #[test]
    fn every_changed_or_shortened_head_is_refused() {
        let head = Head { number: 9, sweeps: 0, floor: 4, root: ChunkId([9; 32]) };
        let bytes = head.encode();
        for at in 0..bytes.len() {
            assert!(AnyHead::decode(&bytes[..at]).is_err());
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(AnyHead::decode(&changed).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        let mut later = Head { number: 0, sweeps: 0, floor: 0, root: ChunkId([0; 32]) }.encode();
        later[4..6].copy_from_slice(&2_u16.to_be_bytes());
        later.push(1);
        assert_eq!(AnyHead::decode(&later), Err(HeadError::Newer(2)));
        assert!(matches!(AnyHead::decode(b"NLHX\0\x02"), Err(HeadError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_an_error(bytes: Vec<u8>) {
            let _ = AnyHead::decode(&bytes);
            let mut marked = MAGIC.to_vec();
            marked.push(0);
            marked.extend(bytes);
            let _ = AnyHead::decode(&marked);
        }
    }
}
