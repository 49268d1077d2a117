//! A backend that is hurt: it stops after so many writes, or gives other bytes than were written.

use netloom_store::{
    Backend, Chunk, ChunkId, HeadRecord, Listed, Put, StoreError, Swap, SwapError,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A backend that is hurt.
#[derive(Debug)]
pub struct Hurt {
    inner: Arc<dyn Backend>,
    /// So many more writes are done.
    left: AtomicU64,
    /// What is given for these chunks instead; nothing as if they were not there.
    tampered: Mutex<BTreeMap<ChunkId, Option<Vec<u8>>>>,
}

impl Hurt {
    /// One that is not hurt yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        Self { inner, left: AtomicU64::new(u64::MAX), tampered: Mutex::default() }
    }

    /// Fails after so many more writes, in everything.
    pub fn stop_after(&self, writes: u64) {
        self.left.store(writes, Ordering::Relaxed);
    }

    /// Gives these bytes for a chunk, and what was written for all others.
    pub fn tamper(&self, id: ChunkId, bytes: Option<Vec<u8>>) {
        *self.tampered.lock().unwrap_or_else(PoisonError::into_inner) =
            BTreeMap::from([(id, bytes)]);
    }

    fn stopped(&self) -> StoreError {
        StoreError::Unavailable { place: self.place(), cause: "it has stopped".to_owned() }
    }

    fn count(&self) -> Result<(), StoreError> {
        let less = |left: u64| if left == u64::MAX { Some(left) } else { left.checked_sub(1) };
        let counted = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        counted.map(drop).map_err(|_| self.stopped())
    }

    fn read(&self) -> Result<(), StoreError> {
        if self.left.load(Ordering::Relaxed) == 0 { Err(self.stopped()) } else { Ok(()) }
    }
}

impl Backend for Hurt {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError> {
        self.read()?;
        self.inner.read_head()
    }

    fn compare_and_swap_head(
        &self,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, SwapError> {
        self.count().map_err(SwapError::Refused)?;
        self.inner.compare_and_swap_head(expected, new)
    }

    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.read()?;
        let mut found = self.inner.get_chunks(ids)?;
        let tampered = self.tampered.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, bytes) in ids.iter().zip(&mut found) {
            if let Some(instead) = tampered.get(id) {
                bytes.clone_from(instead);
            }
        }
        Ok(found)
    }

    fn put_chunks(&self, expected: Option<&[u8]>, chunks: &[Chunk<'_>]) -> Result<Put, StoreError> {
        self.count()?;
        self.inner.put_chunks(expected, chunks)
    }

    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.read()?;
        self.inner.list_chunks(after, count_max)
    }

    fn delete_chunks(&self, chunks: &[Listed]) -> Result<u64, StoreError> {
        self.count()?;
        self.inner.delete_chunks(chunks)
    }

    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError> {
        self.inner.wait(seen, timeout)
    }
}
