//! Reading chunks: each is checked against its name, and pages are kept in memory.

use crate::backend::{Backend, OPERATION_BYTES, TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX};
use crate::chunk::{CHUNK_BYTES_MAX, ChunkId};
use crate::error::{Damage, StoreError};
use crate::page::{Child, Page};
use crate::root::Root;
use crate::value::{ValueRef, chunk_bytes, read_index};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pages kept in memory, in each of two halves.
const PAGES_KEPT_MAX: usize = 1024;

/// Reads chunks of a backend.
#[derive(Debug)]
pub(crate) struct Chunks {
    pub(crate) backend: Box<dyn Backend>,
    kept: Mutex<Kept>,
}

/// Pages by name. What was asked for moves to the newer half; the older is dropped when the newer is full.
#[derive(Debug, Default)]
struct Kept {
    newer: HashMap<ChunkId, Arc<Page>>,
    older: HashMap<ChunkId, Arc<Page>>,
}

impl Kept {
    fn find(&mut self, id: ChunkId) -> Option<Arc<Page>> {
        if let Some(page) = self.newer.get(&id) {
            return Some(Arc::clone(page));
        }
        let page = self.older.remove(&id)?;
        self.keep(id, Arc::clone(&page));
        Some(page)
    }

    fn keep(&mut self, id: ChunkId, page: Arc<Page>) {
        if self.newer.len() >= PAGES_KEPT_MAX {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(id, page);
    }
}

impl Chunks {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        Self { backend, kept: Mutex::default() }
    }

    /// An error that says what is damaged, and where.
    pub(crate) fn damaged(&self, damage: Damage) -> StoreError {
        StoreError::Damaged { place: self.backend.place(), damage }
    }

    /// Chunks that must be there, checked, each with a length that it has at most.
    pub(crate) fn read(&self, wanted: &[(ChunkId, usize)]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut chunks = Vec::with_capacity(wanted.len());
        let mut rest = wanted;
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(batch(rest));
            rest = others;
            let ids: Vec<ChunkId> = batch.iter().map(|(id, _)| *id).collect();
            let mut found = self.backend.get_chunks(&ids)?.into_iter();
            for id in ids {
                // A backend that gives fewer than asked for has not given the rest.
                let Some(bytes) = found.next().flatten() else {
                    return Err(self.damaged(Damage::Missing(id)));
                };
                if ChunkId::of(&bytes) != id {
                    return Err(self.damaged(Damage::Altered(id)));
                }
                chunks.push(bytes);
            }
        }
        Ok(chunks)
    }

    fn read_one(&self, id: ChunkId) -> Result<Vec<u8>, StoreError> {
        let mut chunks = self.read(&[(id, CHUNK_BYTES_MAX)])?;
        chunks.pop().ok_or_else(|| self.damaged(Damage::Missing(id)))
    }

    /// A root.
    pub(crate) fn root(&self, id: ChunkId) -> Result<Root, StoreError> {
        let bytes = self.read_one(id)?;
        Root::decode(&bytes).map_err(|why| self.damaged(Damage::Malformed(id, why)))
    }

    /// A page of any level.
    pub(crate) fn page(&self, id: ChunkId) -> Result<Arc<Page>, StoreError> {
        if let Some(page) = self.kept().find(id) {
            return Ok(page);
        }
        let bytes = self.read_one(id)?;
        let page = Page::decode(&bytes).map_err(|why| self.damaged(Damage::Malformed(id, why)))?;
        let page = Arc::new(page);
        self.keep(id, Arc::clone(&page));
        Ok(page)
    }

    /// A page below another one of `level`.
    pub(crate) fn child(&self, child: &Child, level: u8) -> Result<Arc<Page>, StoreError> {
        let page = self.page(child.id)?;
        let wrong = |why| Err(self.damaged(Damage::Malformed(child.id, why)));
        if page.level() + 1 != level {
            return wrong("it stands at the wrong level");
        }
        if page.first() != Some(child.first.as_str()) {
            return wrong("it does not begin with the name by which it is found");
        }
        Ok(page)
    }

    /// Keeps a page that was written just now.
    pub(crate) fn keep(&self, id: ChunkId, page: Arc<Page>) {
        self.kept().keep(id, page);
    }

    /// The chunks of a value with their lengths, its index left out.
    pub(crate) fn value_chunks(
        &self,
        value: ValueRef,
    ) -> Result<Vec<(ChunkId, usize)>, StoreError> {
        match value {
            ValueRef::Empty => Ok(Vec::new()),
            ValueRef::Whole(bytes, id) => Ok(vec![(id, bytes as usize)]),
            ValueRef::Indexed(bytes, id) => {
                let index = self.read_one(id)?;
                let ids = read_index(&index, bytes)
                    .map_err(|why| self.damaged(Damage::Malformed(id, why)))?;
                let lengths = (0..).map(|index| chunk_bytes(bytes, index));
                Ok(ids.into_iter().zip(lengths).collect())
            }
        }
    }

    /// A value.
    pub(crate) fn value(&self, value: ValueRef) -> Result<Vec<u8>, StoreError> {
        let mut values = self.values(&[value])?;
        Ok(values.pop().unwrap_or_default())
    }

    /// Values, with as few transactions as they need.
    pub(crate) fn values(&self, values: &[ValueRef]) -> Result<Vec<Vec<u8>>, StoreError> {
        let places = values.iter().map(|value| self.value_chunks(*value));
        let places: Vec<Vec<(ChunkId, usize)>> = places.collect::<Result<_, _>>()?;
        let mut chunks = self.read(&places.concat())?.into_iter();
        let mut found = Vec::with_capacity(values.len());
        for place in places {
            let mut value = Vec::new();
            for (id, bytes) in place {
                let chunk = chunks.next().unwrap_or_default();
                if chunk.len() != bytes {
                    let why = "it is not as long as its value needs";
                    return Err(self.damaged(Damage::Malformed(id, why)));
                }
                if value.is_empty() {
                    value = chunk;
                } else {
                    value.extend(chunk);
                }
            }
            found.push(value);
        }
        Ok(found)
    }

    /// Pages are whole or not there, so one that panicked elsewhere does no harm.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many chunks from the first on fit a transaction.
fn batch(wanted: &[(ChunkId, usize)]) -> usize {
    let mut room = TRANSACTION_BYTES_MAX;
    let mut fitting = 0;
    for (_, bytes) in wanted.iter().take(TRANSACTION_OPERATIONS_MAX) {
        let Some(left) = room.checked_sub(bytes + OPERATION_BYTES) else { break };
        room = left;
        fitting += 1;
    }
    // One always fits; a backend that gives a longer one than was said is found out by its hash.
    fitting.max(1)
}
