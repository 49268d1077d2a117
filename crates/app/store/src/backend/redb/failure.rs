//! What redb says when it fails, put into our words.

use crate::error::{Damage, StoreError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A failure of redb. Boxed, since its errors are large.
#[derive(Debug)]
pub(super) struct Failure(Box<redb::Error>);

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self(Box::new(error.into()))
            }
        })*
    };
}

from!(
    io::Error,
    redb::CommitError,
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);

impl Failure {
    /// The file is not what it should be.
    pub(super) fn damage(words: impl Into<String>) -> Self {
        Self(Box::new(redb::Error::Corrupted(words.into())))
    }

    /// Another thread has failed, and closed the database.
    pub(super) fn previous() -> Self {
        Self(Box::new(redb::Error::PreviousIo))
    }

    pub(super) fn is_previous(&self) -> bool {
        matches!(*self.0, redb::Error::PreviousIo)
    }

    pub(super) fn is_locked(&self) -> bool {
        matches!(*self.0, redb::Error::DatabaseAlreadyOpen)
    }

    pub(super) fn explain(self, place: &str) -> StoreError {
        let place = place.to_owned();
        let damaged = |place, words| StoreError::Damaged { place, damage: Damage::File(words) };
        match *self.0 {
            redb::Error::DatabaseAlreadyOpen => StoreError::Locked { place },
            redb::Error::Io(error) => of_system(place, &error),
            redb::Error::Corrupted(words) => damaged(place, words),
            error @ redb::Error::PreviousIo => StoreError::Io { place, cause: error.to_string() },
            // What is left is about tables: others than ours are in it.
            other => damaged(place, other.to_string()),
        }
    }
}

fn of_system(place: String, error: &io::Error) -> StoreError {
    let cause = error.to_string();
    let damaged = |words: &str| Damage::File(words.to_owned());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Full { place, cause }
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotFound
        | io::ErrorKind::IsADirectory => StoreError::Refused { place, cause },
        io::ErrorKind::UnexpectedEof => {
            StoreError::Damaged { place, damage: damaged("it ends too early: it was truncated") }
        }
        io::ErrorKind::InvalidData => {
            StoreError::Damaged { place, damage: damaged("it does not begin as a store does") }
        }
        _ => StoreError::Io { place, cause },
    }
}

/// redb ends with a panic where a damaged file contradicts itself; here that is an error like others.
pub(super) fn caught<T>(action: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(action)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().copied();
        let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let words = words.unwrap_or("a panic");
        Err(Failure::damage(format!("its tables contradict each other ({words})")))
    })
}
