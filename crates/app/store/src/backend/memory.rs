//! A backend in memory, for tests. Clones are the same one, as seen by several members.

use super::{Backend, Chunk, HeadRecord, Listed, Put, Stamp, Swap, SwapError};
use crate::chunk::ChunkId;
use crate::error::StoreError;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A backend in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryBackend(Arc<Cell>);

#[derive(Debug, Default)]
struct Cell {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stamp: Stamp,
    head: Option<HeadRecord>,
    chunks: BTreeMap<ChunkId, (Stamp, Vec<u8>)>,
}

impl State {
    fn has_head(&self, expected: Option<&[u8]>) -> bool {
        self.head.as_ref().map(|head| head.bytes.as_slice()) == expected
    }

    fn next_stamp(&mut self) -> Stamp {
        self.stamp.0 += 1;
        self.stamp
    }
}

impl MemoryBackend {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No method leaves the state half changed, so one that panicked elsewhere does no harm.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for MemoryBackend {
    fn place(&self) -> String {
        "the store in memory".to_owned()
    }

    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError> {
        Ok(self.state().head.clone())
    }

    fn compare_and_swap_head(
        &self,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, SwapError> {
        let mut state = self.state();
        if !state.has_head(expected) {
            return Ok(Swap::Moved);
        }
        let written = state.next_stamp();
        state.head = Some(HeadRecord { bytes: new.to_vec(), written });
        self.0.moved.notify_all();
        Ok(Swap::Done(written))
    }

    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let state = self.state();
        Ok(ids.iter().map(|id| Some(state.chunks.get(id)?.1.clone())).collect())
    }

    fn put_chunks(&self, expected: Option<&[u8]>, chunks: &[Chunk<'_>]) -> Result<Put, StoreError> {
        let mut state = self.state();
        if !state.has_head(expected) {
            return Ok(Put::Moved);
        }
        let stamp = state.next_stamp();
        for chunk in chunks {
            state.chunks.insert(chunk.id, (stamp, chunk.bytes.to_vec()));
        }
        Ok(Put::Done)
    }

    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let state = self.state();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = state.chunks.range((start, Bound::Unbounded));
        Ok(range
            .take(count_max)
            .map(|(id, (written, _))| Listed { id: *id, written: *written })
            .collect())
    }

    fn delete_chunks(&self, chunks: &[Listed]) -> Result<u64, StoreError> {
        let mut state = self.state();
        let mut deleted = 0;
        for listed in chunks {
            if state.chunks.get(&listed.id).is_some_and(|(written, _)| *written == listed.written) {
                state.chunks.remove(&listed.id);
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError> {
        let state = self.state();
        let same = |state: &mut State| state.has_head(Some(seen));
        // What is found is read again by the caller, so a poisoned lock does no harm here either.
        drop(self.0.moved.wait_timeout_while(state, timeout, same));
        Ok(())
    }
}
