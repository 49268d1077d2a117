//! Values: how a byte string is cut into chunks.
//!
//! ```text
//! length 0                    no chunk
//! length up to 252 KiB        one chunk, which is the value
//! longer                      chunks of 252 KiB (the last is what is left), and an index that names them:
//!                             "NLI" 1 · length varint · 32 bytes for each chunk
//! ```

use crate::chunk::{CHUNK_BYTES_MAX, CHUNK_ID_BYTES, ChunkId};
use crate::encoding::{Malformed, Reader, put_varint};
use crate::input::VALUE_BYTES_MAX;

const MAGIC: &[u8; 4] = b"NLI\x01";

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef {
    /// It has no bytes.
    Empty,
    /// It is one chunk of this length.
    Whole(u32, ChunkId),
    /// It has this length, and its chunks stand in this index.
    Indexed(u32, ChunkId),
}

impl ValueRef {
    /// The value's length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        match self {
            Self::Empty => 0,
            Self::Whole(bytes, _) | Self::Indexed(bytes, _) => *bytes,
        }
    }

    /// The chunk that is the value, or its index.
    #[must_use]
    pub const fn chunk(&self) -> Option<ChunkId> {
        match self {
            Self::Empty => None,
            Self::Whole(_, id) | Self::Indexed(_, id) => Some(*id),
        }
    }

    /// From a length and a chunk, as pages have it.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = u32::try_from(reader.varint()?).map_err(|_| "a value is too long")?;
        match bytes as usize {
            0 => Ok(Self::Empty),
            1..=CHUNK_BYTES_MAX => Ok(Self::Whole(bytes, reader.chunk_id()?)),
            _ if bytes as usize <= VALUE_BYTES_MAX => Ok(Self::Indexed(bytes, reader.chunk_id()?)),
            _ => Err("a value is too long"),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.bytes()));
        if let Some(id) = self.chunk() {
            out.extend_from_slice(&id.0);
        }
    }
}

/// A value cut into chunks.
#[derive(Debug)]
pub(crate) struct Cut<'a> {
    pub(crate) place: ValueRef,
    pub(crate) chunks: Vec<(ChunkId, &'a [u8])>,
    /// The index, where there are several chunks.
    pub(crate) index: Option<(ChunkId, Vec<u8>)>,
}

/// Cuts a value, whose length was checked.
pub(crate) fn cut(value: &[u8]) -> Cut<'_> {
    let chunks: Vec<(ChunkId, &[u8])> =
        value.chunks(CHUNK_BYTES_MAX).map(|chunk| (ChunkId::of(chunk), chunk)).collect();
    let bytes = value.len() as u32;
    match chunks.as_slice() {
        [] => Cut { place: ValueRef::Empty, chunks, index: None },
        [(id, _)] => Cut { place: ValueRef::Whole(bytes, *id), chunks, index: None },
        several => {
            let mut index = MAGIC.to_vec();
            put_varint(&mut index, u64::from(bytes));
            several.iter().for_each(|(id, _)| index.extend_from_slice(&id.0));
            let id = ChunkId::of(&index);
            Cut { place: ValueRef::Indexed(bytes, id), chunks, index: Some((id, index)) }
        }
    }
}

/// Reads the index of a value of `bytes` bytes.
pub(crate) fn read_index(index: &[u8], bytes: u32) -> Result<Vec<ChunkId>, Malformed> {
    let mut reader = Reader(index);
    reader.magic(MAGIC)?;
    if reader.varint()? != u64::from(bytes) {
        return Err("its length is not that of the page");
    }
    let count = (bytes as usize).div_ceil(CHUNK_BYTES_MAX);
    if reader.0.len() != count * CHUNK_ID_BYTES {
        return Err("it does not name as many chunks as the length needs");
    }
    (0..count).map(|_| reader.chunk_id()).collect()
}

/// How long the chunk at `index` of a value of `bytes` bytes is.
pub(crate) fn chunk_bytes(bytes: u32, index: usize) -> usize {
    (bytes as usize).saturating_sub(index * CHUNK_BYTES_MAX).min(CHUNK_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_at_fixed_places() {
        for (bytes, chunks) in [
            (0, 0),
            (1, 1),
            (CHUNK_BYTES_MAX, 1),
            (CHUNK_BYTES_MAX + 1, 2),
            (2 * CHUNK_BYTES_MAX, 2),
            (2 * CHUNK_BYTES_MAX + 1, 3),
        ] {
            let value: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            let cut = cut(&value);
            assert_eq!(cut.chunks.len(), chunks);
            assert_eq!(cut.place.bytes() as usize, bytes);
            for (index, (_, chunk)) in cut.chunks.iter().enumerate() {
                assert_eq!(chunk.len(), chunk_bytes(bytes as u32, index));
            }
            let joined: Vec<u8> = cut.chunks.iter().flat_map(|(_, chunk)| chunk.to_vec()).collect();
            assert_eq!(joined, value);
            if let Some((_, index)) = &cut.index {
                let ids: Vec<ChunkId> = cut.chunks.iter().map(|(id, _)| *id).collect();
                assert_eq!(read_index(index, bytes as u32), Ok(ids));
                assert!(read_index(index, bytes as u32 + 1).is_err());
                assert!(read_index(&index[..index.len() - 1], bytes as u32).is_err());
            }
            let mut out = Vec::new();
            cut.place.write(&mut out);
            assert_eq!(ValueRef::read(&mut Reader(&out)), Ok(cut.place));
        }
    }
}
