//! Why what the store has cannot be used.

use netloom_cbor::DecodeError;
use netloom_control_protocol::ResourceError;
use netloom_store::StoreError;

/// Why the store's content cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record is damaged.
    #[error("the store's record {name} cannot be read: {error}; restore the store from a copy")]
    Record {
        /// Its name.
        name: String,
        /// What is wrong.
        error: DecodeError,
    },
    /// A record is missing.
    #[error("the store has no record {name}; it is not the store of a fabric, or not all of it")]
    Missing {
        /// Its name.
        name: String,
    },
    /// What was accepted once is refused now.
    #[error("revision {revision} cannot be loaded any more:\n{findings}")]
    Revision {
        /// Its number.
        revision: u64,
        /// What is wrong with it.
        findings: String,
    },
    /// Something is too large to be sent.
    #[error(transparent)]
    Resource(#[from] ResourceError),
}
