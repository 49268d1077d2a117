//! The store: opening it, taking snapshots, updating, and waiting for changes.

use crate::backend::Backend;
use crate::commit::{self, Change};
use crate::error::{CommitError, StoreError, UpdateError};
use crate::garbage::{self, Collected};
use crate::head::AnyHead;
use crate::inner::Inner;
use crate::migrate;
use crate::settle::{self, Pending};
use crate::snapshot::Snapshot;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often opening, or taking a snapshot, is tried while others are faster.
const OPENINGS_MAX: u32 = 100;
/// Longest pause between attempts of an update, in milliseconds.
const PAUSE_MS_MAX: u64 = 128;

/// How a store behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a commit tries to find out whether it holds, where the backend's answer was lost.
    pub settle_timeout: Duration,
    /// How often an update is tried while others come first.
    pub update_attempts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { settle_timeout: Duration::from_secs(30), update_attempts: 256 }
    }
}

/// Named values, changed all at once. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

impl Store {
    /// Opens the store of a backend. An empty one is begun, one of an older format is made a current one.
    ///
    /// # Errors
    /// It cannot be reached, is damaged, or is of a later format.
    pub fn open(backend: impl Backend + 'static) -> Result<Self, StoreError> {
        Self::open_with(backend, Settings::default())
    }

    /// As [`open`](Self::open), with settings.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        backend: impl Backend + 'static,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let inner = Inner::new(Box::new(backend), settings);
        for _ in 0..OPENINGS_MAX {
            let Some(record) = inner.chunks.backend.read_head()? else {
                inner.begin()?;
                continue;
            };
            match AnyHead::decode(&record.bytes) {
                Ok(AnyHead::Current(head)) => {
                    // What is damaged is found now where that costs little.
                    match inner.expired(head.number, inner.chunks.root(head.root)) {
                        Ok(_) => return Ok(Self { inner: Arc::new(inner) }),
                        // Others have committed, and collected, since the head was read.
                        Err(StoreError::Expired { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(AnyHead::Flat { number, manifest }) => {
                    migrate::from_flat(&inner.chunks, &record.bytes, number, manifest)?;
                }
                Err(error) => return Err(inner.head_error(error)),
            }
        }
        Err(inner.contended(OPENINGS_MAX))
    }

    /// The store as the newest commit left it.
    ///
    /// # Errors
    /// The store fails.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        for _ in 0..OPENINGS_MAX {
            let _gate = self.inner.gate();
            let (_, head) = self.inner.head()?;
            match self.inner.expired(head.number, self.inner.view(head.root)) {
                // Others have committed, and collected, since the head was read.
                Err(StoreError::Expired { .. }) => {}
                other => return other,
            }
        }
        Err(self.inner.contended(OPENINGS_MAX))
    }

    /// Makes changes, in their order, if `base` is still the newest snapshot; gives the next one.
    ///
    /// All of them hold when this returns, or none. Changes that change nothing give `base` itself.
    ///
    /// # Errors
    /// Another commit came first, a change cannot be stored, or the store fails; none of them holds then, except where the
    /// error is [`CommitError::Unknown`].
    pub fn commit(&self, base: &Snapshot, changes: Vec<Change>) -> Result<Snapshot, CommitError> {
        commit::commit(&self.inner, base, &changes)
    }

    /// Commits what `change` makes of the newest snapshot, and asks it anew as long as others come first.
    ///
    /// # Errors
    /// `change` fails, a commit fails, or others come first too often.
    pub fn update<E>(
        &self,
        mut change: impl FnMut(&Snapshot) -> Result<Vec<Change>, E>,
    ) -> Result<Snapshot, UpdateError<E>> {
        let attempts = self.inner.settings.update_attempts;
        for attempt in 0..attempts {
            let base = self.snapshot()?;
            let changes = change(&base).map_err(UpdateError::Own)?;
            match self.commit(&base, changes) {
                Err(
                    CommitError::Conflict { .. } | CommitError::Store(StoreError::Contended { .. }),
                ) => pause(attempt),
                Err(error) => return Err(UpdateError::Commit(error)),
                Ok(snapshot) => return Ok(snapshot),
            }
        }
        Err(UpdateError::Exhausted { attempts })
    }

    /// Waits until there is a commit after number `version`, and gives the newest; nothing if there is none in time.
    ///
    /// # Errors
    /// The store fails.
    pub fn wait_for_change(
        &self,
        version: u64,
        timeout: Duration,
    ) -> Result<Option<Snapshot>, StoreError> {
        let start = Instant::now();
        loop {
            let (record, head) = self.inner.head()?;
            if head.number > version {
                return self.snapshot().map(Some);
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.inner.chunks.backend.wait(&record.bytes, left)?;
        }
    }

    /// Finds out whether a commit holds of which that was not known; it holds then, or never will.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if it does not hold, [`CommitError::Unknown`] if that is still not known.
    pub fn settle(&self, pending: &Pending) -> Result<Snapshot, CommitError> {
        settle::settle(&self.inner, pending)
    }

    /// Removes chunks that no commit needs which was the newest within `grace`, nor a snapshot that lives in this process.
    ///
    /// Commits that are under way, here or elsewhere, lose nothing. `grace` is how long snapshots of other processes are
    /// kept; theirs say so when they are no longer.
    ///
    /// # Errors
    /// The store fails, or is damaged; nothing that is needed was removed.
    pub fn collect_garbage(&self, grace: Duration) -> Result<Collected, StoreError> {
        garbage::collect(&self.inner, grace)
    }
}

/// Lets others go first, longer each time; two that collided do not pause alike.
pub(crate) fn pause(attempt: u32) {
    let longest = 1_u64.checked_shl(attempt).unwrap_or(PAUSE_MS_MAX).min(PAUSE_MS_MAX);
    let mut random = [0; 8];
    // Without randomness all pause alike, and the bound on attempts ends it.
    let _ = aws_lc_rs::rand::fill(&mut random);
    let micros = u64::from_be_bytes(random) % (longest * 1000);
    std::thread::sleep(Duration::from_micros(micros));
}
