//! A backend whose transactions are counted, and held to the limits.

use netloom_store::{
    Backend, Chunk, ChunkId, HeadRecord, Listed, Put, StoreError, Swap, SwapError,
    TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a key takes beside the value, roughly.
const KEY_BYTES: usize = 112;

/// A backend whose transactions are counted.
#[derive(Debug)]
pub struct Watched {
    inner: Arc<dyn Backend>,
    /// Bytes of chunks that were written.
    pub written_bytes: AtomicU64,
    /// Chunks that were written.
    pub written_chunks: AtomicU64,
    /// Chunks that were asked for.
    pub read_chunks: AtomicU64,
    /// Swaps whose answer got lost, or said nothing.
    pub unsettled: AtomicU64,
}

impl Watched {
    /// Watches a backend.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        let zero = AtomicU64::default;
        Self {
            inner,
            written_bytes: zero(),
            written_chunks: zero(),
            read_chunks: zero(),
            unsettled: zero(),
        }
    }

    /// A counter's value, which is 0 from now on.
    pub fn take(counter: &AtomicU64) -> u64 {
        counter.swap(0, Ordering::Relaxed)
    }
}

/// Ends the test, or the show, at the first transaction that is too large.
fn hold(operations: usize, bytes: usize) {
    assert!(operations <= TRANSACTION_OPERATIONS_MAX, "a transaction of {operations} operations");
    assert!(bytes <= TRANSACTION_BYTES_MAX, "a transaction of {bytes} bytes");
}

fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Backend for Watched {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError> {
        self.inner.read_head()
    }

    fn compare_and_swap_head(
        &self,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, SwapError> {
        hold(2, expected.map_or(0, <[u8]>::len) + new.len() + 2 * KEY_BYTES);
        let swapped = self.inner.compare_and_swap_head(expected, new);
        if matches!(swapped, Err(SwapError::Unsettled(_) | SwapError::Ended(_))) {
            add(&self.unsettled, 1);
        }
        swapped
    }

    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let found = self.inner.get_chunks(ids)?;
        let bytes: usize = found.iter().flatten().map(Vec::len).sum();
        hold(ids.len(), bytes + ids.len() * KEY_BYTES);
        add(&self.read_chunks, ids.len());
        Ok(found)
    }

    fn put_chunks(&self, expected: Option<&[u8]>, chunks: &[Chunk<'_>]) -> Result<Put, StoreError> {
        let bytes: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let head = expected.map_or(0, <[u8]>::len);
        hold(chunks.len() + 1, bytes + head + (chunks.len() + 1) * KEY_BYTES);
        add(&self.written_bytes, bytes);
        add(&self.written_chunks, chunks.len());
        self.inner.put_chunks(expected, chunks)
    }

    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let listed = self.inner.list_chunks(after, count_max)?;
        hold(1, listed.len() * KEY_BYTES);
        Ok(listed)
    }

    fn delete_chunks(&self, chunks: &[Listed]) -> Result<u64, StoreError> {
        hold(2 * chunks.len(), 2 * chunks.len() * KEY_BYTES);
        self.inner.delete_chunks(chunks)
    }

    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError> {
        self.inner.wait(seen, timeout)
    }
}
