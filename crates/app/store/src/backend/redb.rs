//! The embedded backend: one file, in one process.
//!
//! ```text
//! meta      "head", "head written", "written"
//! chunks    name → bytes
//! stamps    name → when it was written
//! ```
//!
//! Chunks are written without waiting for the disk; the swap of the head waits for all of it. A file in creation has another
//! name, so one that exists is whole, and an empty one was truncated.

mod failure;
mod file;
mod lengths;
mod tables;

use super::{Backend, Chunk, HEAD_BYTES_MAX, HeadRecord, Listed, Put, Stamp, Swap, SwapError};
use crate::chunk::ChunkId;
use crate::error::StoreError;
use failure::{Failure, caught};
use redb::{
    Database, Durability, ReadTransaction, ReadableTable as _, StorageBackend, WriteTransaction,
};
use std::cell::Cell;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tables::{CHUNKS, HEAD, HEAD_WRITTEN, META, STAMPS, has_head, next_stamp, number};

/// Memory for the file's pages.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

type Opener = dyn Fn() -> Result<Database, Failure> + Send + Sync;

/// The embedded backend.
pub struct RedbBackend {
    place: String,
    opener: Box<Opener>,
    /// Closed after a failure, since what is in memory may differ from the file then; opened again by whoever comes next.
    database: RwLock<Option<Database>>,
    /// Counts swaps.
    swaps: Mutex<u64>,
    moved: Condvar,
}

impl fmt::Debug for RedbBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbBackend").field("place", &self.place).finish_non_exhaustive()
    }
}

impl RedbBackend {
    /// Opens a file, or creates it where there is none.
    ///
    /// # Errors
    /// It is in use, damaged, or cannot be read and written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let place = path.display().to_string();
        file::create_if_missing(&path).map_err(|error| error.explain(&place))?;
        Self::with(place, move || file::open(&path))
    }

    /// On storage other than a file; `storage` is called to open it, and again after each failure. Storage that is empty is
    /// begun.
    ///
    /// # Errors
    /// It is damaged, or cannot be read and written.
    pub fn on<S: StorageBackend>(
        place: impl Into<String>,
        storage: impl Fn() -> io::Result<S> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        Self::with(place.into(), move || file::open_storage(storage()?))
    }

    fn with(
        place: String,
        opener: impl Fn() -> Result<Database, Failure> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let opener: Box<Opener> = Box::new(move || caught(&opener));
        let database = opener().map_err(|error| error.explain(&place))?;
        let database = RwLock::new(Some(database));
        Ok(Self { place, opener, database, swaps: Mutex::default(), moved: Condvar::new() })
    }

    /// Does something with the database, which is opened if need be, and closed if that fails.
    fn call<T>(&self, action: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, Failure> {
        self.open_again()?;
        let result = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have failed since.
            let database = database.as_ref().ok_or_else(Failure::previous)?;
            caught(|| action(database))
        };
        if result.is_err() {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            let closed = database.take();
            // What it wanted to do last cannot be done, and is done when it is opened.
            let _ = caught(|| {
                drop(closed);
                Ok(())
            });
        }
        result
    }

    fn open_again(&self) -> Result<(), Failure> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            *database = Some((self.opener)()?);
        }
        Ok(())
    }

    /// Reads; once more, if another thread's failure has closed the database meanwhile.
    fn read<T>(
        &self,
        action: impl Fn(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let read = || self.call(|database| action(&database.begin_read()?));
        let result = match read() {
            Err(failure) if failure.is_previous() => read(),
            other => other,
        };
        result.map_err(|error| error.explain(&self.place))
    }

    /// Writes in one transaction, unless `action` says that nothing is to be done. `is_ending` becomes true when it begins to
    /// take effect.
    fn write<T>(
        &self,
        durability: Durability,
        is_ending: &Cell<bool>,
        action: impl FnOnce(&WriteTransaction) -> Result<Option<T>, Failure>,
    ) -> Result<Option<T>, StoreError> {
        let result = self.call(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability);
            // A sync before the one that makes it count: what recovery finds rests on no checksum alone.
            transaction.set_two_phase_commit(matches!(durability, Durability::Immediate));
            let done = action(&transaction)?;
            if done.is_some() {
                is_ending.set(true);
                transaction.commit()?;
            } else {
                transaction.abort()?;
            }
            Ok(done)
        });
        result.map_err(|error| error.explain(&self.place))
    }
}

impl Backend for RedbBackend {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError> {
        self.read(|transaction| {
            let meta = transaction.open_table(META)?;
            let Some(bytes) = meta.get(HEAD)? else { return Ok(None) };
            let written = Stamp(number(&meta, HEAD_WRITTEN)?);
            let bytes = bytes.value();
            let bytes = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes).to_vec();
            Ok(Some(HeadRecord { bytes, written }))
        })
    }

    fn compare_and_swap_head(
        &self,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, SwapError> {
        let is_ending = Cell::new(false);
        let swapped = self.write(Durability::Immediate, &is_ending, |transaction| {
            let mut meta = transaction.open_table(META)?;
            if !has_head(&meta, expected)? {
                return Ok(None);
            }
            let stamp = next_stamp(&mut meta)?;
            meta.insert(HEAD, new)?;
            meta.insert(HEAD_WRITTEN, stamp.to_be_bytes().as_slice())?;
            Ok(Some(Stamp(stamp)))
        });
        let error = match swapped {
            Ok(None) => return Ok(Swap::Moved),
            Ok(Some(stamp)) => {
                *self.swaps.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                self.moved.notify_all();
                return Ok(Swap::Done(stamp));
            }
            Err(error) if !is_ending.get() => return Err(SwapError::Refused(error)),
            Err(error) => error,
        };
        // The file was closed by the failure. Opened again, it has taken the swap in or has not, for good.
        match self.read_head() {
            Ok(Some(head)) if head.bytes == new => Err(SwapError::Doubtful(error)),
            Ok(_) => Err(SwapError::Refused(error)),
            Err(_) => Err(SwapError::Unsettled(error)),
        }
    }

    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.read(|transaction| {
            let chunks = transaction.open_table(CHUNKS)?;
            let get = |id: &ChunkId| Ok(chunks.get(id.0)?.map(|bytes| bytes.value().to_vec()));
            ids.iter().map(get).collect()
        })
    }

    fn put_chunks(&self, expected: Option<&[u8]>, new: &[Chunk<'_>]) -> Result<Put, StoreError> {
        let put = self.write(Durability::None, &Cell::new(false), |transaction| {
            let mut meta = transaction.open_table(META)?;
            if !has_head(&meta, expected)? {
                return Ok(None);
            }
            let stamp = next_stamp(&mut meta)?;
            let mut chunks = transaction.open_table(CHUNKS)?;
            let mut stamps = transaction.open_table(STAMPS)?;
            for chunk in new {
                // One that is there may have been damaged since; writing it mends it.
                chunks.insert(chunk.id.0, chunk.bytes)?;
                stamps.insert(chunk.id.0, stamp)?;
            }
            Ok(Some(()))
        })?;
        Ok(put.map_or(Put::Moved, |()| Put::Done))
    }

    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.read(|transaction| {
            let stamps = transaction.open_table(STAMPS)?;
            let start = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.0));
            let range = stamps.range::<[u8; 32]>((start, Bound::Unbounded))?;
            let listed = range.take(count_max).map(|entry| {
                let (id, written) = entry?;
                Ok(Listed { id: ChunkId(id.value()), written: Stamp(written.value()) })
            });
            listed.collect()
        })
    }

    fn delete_chunks(&self, listed: &[Listed]) -> Result<u64, StoreError> {
        // Lasting, since only then the room is free again.
        let deleted = self.write(Durability::Immediate, &Cell::new(false), |transaction| {
            let mut chunks = transaction.open_table(CHUNKS)?;
            let mut stamps = transaction.open_table(STAMPS)?;
            let mut deleted = 0;
            for Listed { id, written } in listed {
                let now = stamps.get(id.0)?.map(|written| Stamp(written.value()));
                if now == Some(*written) {
                    stamps.remove(id.0)?;
                    chunks.remove(id.0)?;
                    deleted += 1;
                }
            }
            Ok(Some(deleted))
        })?;
        Ok(deleted.unwrap_or(0))
    }

    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError> {
        let swaps = self.swaps.lock().unwrap_or_else(PoisonError::into_inner);
        // Swaps are counted after they took effect, so one that is not read here is counted later.
        if self.read_head()?.is_none_or(|head| head.bytes != seen) {
            return Ok(());
        }
        let before = *swaps;
        drop(self.moved.wait_timeout_while(swaps, timeout, |now| *now == before));
        Ok(())
    }
}
