//! What a store and its snapshots have in common: the head, and which roots are in use.

use crate::backend::{Backend, Chunk, HeadRecord, Put, Swap, SwapError};
use crate::chunk::ChunkId;
use crate::error::{Damage, StoreError};
use crate::head::{AnyHead, Head, HeadError};
use crate::reader::Chunks;
use crate::root::{COMMIT_ID_BYTES, Root};
use crate::snapshot::{Snapshot, View};
use crate::store::Settings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What snapshots and commits need of their store.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) chunks: Chunks,
    pub(crate) settings: Settings,
    /// Held for reading between learning of a root and counting it as in use, and for writing while those in use are counted
    /// together.
    gate: RwLock<()>,
    /// Roots of snapshots that live, and how many each has.
    live: Mutex<BTreeMap<ChunkId, usize>>,
    /// One collection of garbage at a time.
    pub(crate) collecting: Mutex<()>,
}

impl Inner {
    pub(crate) fn new(backend: Box<dyn Backend>, settings: Settings) -> Self {
        Self {
            chunks: Chunks::new(backend),
            settings,
            gate: RwLock::default(),
            live: Mutex::default(),
            collecting: Mutex::default(),
        }
    }

    /// The head, which must be there and of the current format.
    pub(crate) fn head(&self) -> Result<(HeadRecord, Head), StoreError> {
        let Some(record) = self.chunks.backend.read_head()? else {
            return Err(self.chunks.damaged(Damage::HeadGone));
        };
        match AnyHead::decode(&record.bytes) {
            Ok(AnyHead::Current(head)) => Ok((record, head)),
            Ok(AnyHead::Flat { .. }) => {
                let why = "it is of format 0 again, though it was of format 1";
                Err(self.chunks.damaged(Damage::Head(why)))
            }
            Err(error) => Err(self.head_error(error)),
        }
    }

    /// Tells what was removed as no longer needed from damage: of commit `version`, with all that it consists of.
    pub(crate) fn expired<T>(
        &self,
        version: u64,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !matches!(&result, Err(StoreError::Damaged { damage: Damage::Missing(_), .. })) {
            return result;
        }
        match self.head() {
            Ok((_, head)) if head.floor > version => {
                Err(StoreError::Expired { version, floor: head.floor })
            }
            _ => result,
        }
    }

    pub(crate) fn contended(&self, attempts: u32) -> StoreError {
        StoreError::Contended { place: self.chunks.backend.place(), attempts }
    }

    pub(crate) fn head_error(&self, error: HeadError) -> StoreError {
        match error {
            HeadError::Newer(found) => {
                StoreError::NewerFormat { place: self.chunks.backend.place(), found }
            }
            HeadError::Malformed(why) => self.chunks.damaged(Damage::Head(why)),
        }
    }

    /// Makes the empty store. The root of it is the same each time, so a beginning that was broken off can be repeated.
    pub(crate) fn begin(&self) -> Result<(), StoreError> {
        let root = Root {
            number: 0,
            commit_id: [0; COMMIT_ID_BYTES],
            at_ms: 0,
            parent: None,
            sections: Vec::new(),
        };
        let bytes = root.encode();
        let id = ChunkId::of(&bytes);
        let backend = &self.chunks.backend;
        if backend.list_chunks(None, 2)?.iter().any(|listed| listed.id != id) {
            // Others may have begun meanwhile, and written on.
            return match backend.read_head()? {
                Some(_) => Ok(()),
                None => Err(self.chunks.damaged(Damage::HeadGone)),
            };
        }
        let head = Head { number: 0, sweeps: 0, floor: 0, root: id };
        if backend.put_chunks(None, &[Chunk { id, bytes: &bytes }])? == Put::Moved {
            return Ok(());
        }
        match backend.compare_and_swap_head(None, &head.encode()) {
            Ok(Swap::Done(_) | Swap::Moved) => Ok(()),
            // All that begin write the same head.
            Err(SwapError::Ended(_) | SwapError::Unsettled(_))
                if backend.read_head()?.is_some() =>
            {
                Ok(())
            }
            Err(
                SwapError::Refused(error)
                | SwapError::Ended(error)
                | SwapError::Unsettled(error)
                | SwapError::Doubtful(error),
            ) => Err(error),
        }
    }

    /// A snapshot of a root. The gate must be held since it was learnt that the root is kept.
    pub(crate) fn view(self: &Arc<Self>, id: ChunkId) -> Result<Snapshot, StoreError> {
        Ok(self.hold(id, self.chunks.root(id)?))
    }

    /// A snapshot of a root that is known. The gate must be held as for [`view`](Self::view).
    pub(crate) fn hold(self: &Arc<Self>, id: ChunkId, root: Root) -> Snapshot {
        *self.live().entry(id).or_default() += 1;
        Snapshot { view: Arc::new(View { inner: Arc::clone(self), id, root }) }
    }

    pub(crate) fn release(&self, id: ChunkId) {
        let mut live = self.live();
        if let Some(count) = live.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                live.remove(&id);
            }
        }
    }

    /// Roots of snapshots that live.
    pub(crate) fn live_roots(&self) -> Vec<ChunkId> {
        self.live().keys().copied().collect()
    }

    pub(crate) fn gate(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shut_gate(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<ChunkId, usize>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
