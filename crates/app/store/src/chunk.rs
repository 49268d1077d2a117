//! Chunks: byte strings of bounded length, named by their SHA-256 (FIPS 180-4).
//!
//! Whoever has the name can check the bytes, so what a backend gives is never believed. Writing the same chunk twice
//! changes nothing.

use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;

/// Bytes of a chunk's name.
pub const CHUNK_ID_BYTES: usize = 32;
/// Longest chunk. Four of them fit a transaction, with their names and what belongs to them.
pub const CHUNK_BYTES_MAX: usize = 252 * 1024;

/// A chunk's name: the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(pub [u8; CHUNK_ID_BYTES]);

impl ChunkId {
    /// The name of these bytes.
    ///
    /// # Panics
    /// Never: SHA-256 has 32 bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest = digest(&SHA256, bytes);
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * CHUNK_ID_BYTES {
            return None;
        }
        let mut id = [0; CHUNK_ID_BYTES];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high << 4 | low) as u8;
        }
        Some(Self(id))
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_standard_and_read_back() {
        // FIPS 180-4's example "abc".
        let id = ChunkId::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(id.to_string(), text);
        assert_eq!(ChunkId::from_hex(text), Some(id));
        for wrong in ["", "ba", &text[1..], &text.replace('b', "x"), &text.replace('b', "ü")] {
            assert_eq!(ChunkId::from_hex(wrong), None, "{wrong}");
        }
    }
}
