//! What can go wrong, each with its cause and what to do.

use crate::chunk::ChunkId;
use crate::head::FORMAT;
use crate::input::InputError;
use crate::settle::Pending;
use thiserror::Error;

/// The store cannot be used, or not for this. Nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file.
    #[error(
        "{place} is in use by another process; stop that one (`fuser FILE` names it), or use its store"
    )]
    Locked {
        /// The file.
        place: String,
    },
    /// There is no room.
    #[error(
        "{place} is full: {cause}; nothing was changed, and all that was acknowledged is kept. Make room (on the disk, or \
         for etcd by compaction, defragmentation or a larger --quota-backend-bytes, then `etcdctl alarm disarm`), and \
         repeat"
    )]
    Full {
        /// The file, or the endpoints.
        place: String,
        /// As the system says it.
        cause: String,
    },
    /// Nobody answers, or nobody who may.
    #[error(
        "{place} does not answer: {cause}; see that most members of etcd run and can reach each other, and repeat"
    )]
    Unavailable {
        /// The endpoints.
        place: String,
        /// The last failure.
        cause: String,
    },
    /// It answers, and refuses.
    #[error(
        "{place} refuses: {cause}; see to certificates, permissions and the settings of the store"
    )]
    Refused {
        /// The file, or the endpoint.
        place: String,
        /// As it says.
        cause: String,
    },
    /// Reading or writing failed.
    #[error(
        "{place} cannot be read or written: {cause}; see the system's log for the disk, and repeat"
    )]
    Io {
        /// The file.
        place: String,
        /// As the system says it.
        cause: String,
    },
    /// What is stored is not what was written.
    #[error(
        "{place} is damaged: {damage}. It is left as it is; put back a copy of it, and look for the cause in the disk"
    )]
    Damaged {
        /// The file, or the endpoints.
        place: String,
        /// What is wrong.
        damage: Damage,
    },
    /// A later version wrote it.
    #[error(
        "{place} has format {found}, and this version knows formats up to {FORMAT}; run the later version that wrote it, or \
         put back a copy from before"
    )]
    NewerFormat {
        /// The file, or the endpoints.
        place: String,
        /// Its format.
        found: u16,
    },
    /// The snapshot is so old that its chunks were removed.
    #[error(
        "snapshot {version} is no longer kept, the oldest that is has number {floor}; take a new snapshot"
    )]
    Expired {
        /// The snapshot's number.
        version: u64,
        /// The oldest commit that is kept.
        floor: u64,
    },
    /// Others changed the head each time.
    #[error("{place}: others changed the head {attempts} times meanwhile; repeat")]
    Contended {
        /// The file, or the endpoints.
        place: String,
        /// How often it was tried.
        attempts: u32,
    },
}

/// How what is stored differs from what was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The head's bytes are none.
    #[error("its head cannot be read: {0}")]
    Head(&'static str),
    /// There was a head, and it is gone.
    #[error("its head is gone: it was emptied, or deleted, while in use")]
    HeadGone,
    /// A chunk is not there.
    #[error("chunk {0} is missing")]
    Missing(ChunkId),
    /// A chunk's bytes do not have its hash.
    #[error("chunk {0} was altered: its bytes do not have that hash")]
    Altered(ChunkId),
    /// A chunk has its hash, and yet is not what must be there.
    #[error("chunk {0} is not what belongs there: {1}")]
    Malformed(ChunkId, &'static str),
    /// The file as a whole is wrong.
    #[error("{0}")]
    File(String),
}

/// A commit that did not succeed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another commit came first. Nothing has changed.
    #[error(
        "another commit, number {current}, came first, and this one changed nothing; take a new snapshot and repeat"
    )]
    Conflict {
        /// Number of the commit that holds.
        current: u64,
    },
    /// It cannot be stored. Nothing has changed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Whether it holds cannot be found out now.
    #[error(
        "whether commit {} holds is not known: {cause}; ask again with `settle`, or take a new snapshot when the store \
         answers, and look", pending.number()
    )]
    Unknown {
        /// What `settle` needs.
        pending: Box<Pending>,
        /// Why it is not known.
        cause: Box<StoreError>,
    },
    /// The store failed. Nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An update that did not succeed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpdateError<E> {
    /// Others came first each time. Nothing has changed.
    #[error("others came first {attempts} times, and nothing was changed; repeat later")]
    Exhausted {
        /// How often it was tried.
        attempts: u32,
    },
    /// The closure failed. Nothing has changed.
    #[error("{0:#}")]
    Own(E),
    /// The commit failed otherwise than by a conflict.
    #[error(transparent)]
    Commit(CommitError),
}

impl<E> From<StoreError> for UpdateError<E> {
    fn from(error: StoreError) -> Self {
        Self::Commit(CommitError::Store(error))
    }
}
