//! Where chunks and the head are kept: one trait, which an embedded file, etcd and memory implement.

pub(crate) mod etcd;
pub(crate) mod memory;
pub(crate) mod redb;

use crate::chunk::ChunkId;
use crate::error::StoreError;
use std::fmt;
use std::time::Duration;

/// Most operations of a transaction, the comparison with the head included. etcd's default is 128.
pub const TRANSACTION_OPERATIONS_MAX: usize = 100;
/// Most bytes of a transaction, names and heads included. etcd's default is 1.5 MiB.
pub const TRANSACTION_BYTES_MAX: usize = 1024 * 1024;
/// What an operation takes beside its value, at most: its key, and what frames it.
pub(crate) const OPERATION_BYTES: usize = 256;
/// Longest head that is read. All formats are far shorter.
pub(crate) const HEAD_BYTES_MAX: usize = 4096;

/// A place in the order of a backend's writes: of two, the later is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub u64);

/// The head as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRecord {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it was written.
    pub written: Stamp,
}

/// A chunk to be written.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Its name.
    pub id: ChunkId,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A chunk that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: ChunkId,
    /// When it was last written.
    pub written: Stamp,
}

/// What became of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// They are stored.
    Done,
    /// The head is another one, and nothing was written.
    Moved,
}

/// What became of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It is the new one, and stays so through any failure that the backend survives.
    Done(Stamp),
    /// It was not the expected one, and was left.
    Moved,
}

/// A swap that failed: what is known of it.
#[derive(Debug)]
pub enum SwapError {
    /// It has not taken effect, and will not.
    Refused(StoreError),
    /// It is over. The head says whether it took effect.
    Ended(StoreError),
    /// It may have taken effect, and if not, it still may.
    Unsettled(StoreError),
    /// It took effect, and may be lost yet: the disk failed when it was to be made lasting.
    Doubtful(StoreError),
}

/// Where chunks and the head are kept.
///
/// Each call is one transaction, and callers keep it within [`TRANSACTION_OPERATIONS_MAX`] and [`TRANSACTION_BYTES_MAX`]. All
/// calls block, and may be made from several threads.
pub trait Backend: fmt::Debug + Send + Sync {
    /// Where it is, for messages.
    fn place(&self) -> String;

    /// The head as the last swap that was acknowledged left it, or a later one.
    ///
    /// # Errors
    /// The backend fails.
    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError>;

    /// Makes `new` the head if `expected` is it; `None` expects that there is none.
    ///
    /// # Errors
    /// The backend fails; the error says what is known of the swap.
    fn compare_and_swap_head(&self, expected: Option<&[u8]>, new: &[u8])
    -> Result<Swap, SwapError>;

    /// Chunks by name, in the order of the names; `None` for one that is not there.
    ///
    /// # Errors
    /// The backend fails.
    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Writes chunks, if `expected` is the head. One that is there already gets a new stamp.
    ///
    /// They have to last only from the next swap on.
    ///
    /// # Errors
    /// The backend fails. Some of the chunks may be stored.
    fn put_chunks(&self, expected: Option<&[u8]>, chunks: &[Chunk<'_>]) -> Result<Put, StoreError>;

    /// Chunks that follow `after` in the order of names, up to `count_max`.
    ///
    /// # Errors
    /// The backend fails.
    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError>;

    /// Deletes chunks that were not written since they were listed; gives how many.
    ///
    /// Each takes two operations.
    ///
    /// # Errors
    /// The backend fails. Some of them may be deleted.
    fn delete_chunks(&self, chunks: &[Listed]) -> Result<u64, StoreError>;

    /// Returns when the head may be another one than `seen`, or after `timeout`.
    ///
    /// # Errors
    /// The backend fails.
    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError>;
}

impl<B: Backend + ?Sized> Backend for std::sync::Arc<B> {
    fn place(&self) -> String {
        (**self).place()
    }

    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError> {
        (**self).read_head()
    }

    fn compare_and_swap_head(
        &self,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, SwapError> {
        (**self).compare_and_swap_head(expected, new)
    }

    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        (**self).get_chunks(ids)
    }

    fn put_chunks(&self, expected: Option<&[u8]>, chunks: &[Chunk<'_>]) -> Result<Put, StoreError> {
        (**self).put_chunks(expected, chunks)
    }

    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        (**self).list_chunks(after, count_max)
    }

    fn delete_chunks(&self, chunks: &[Listed]) -> Result<u64, StoreError> {
        (**self).delete_chunks(chunks)
    }

    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError> {
        (**self).wait(seen, timeout)
    }
}
