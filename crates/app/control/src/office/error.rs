//! Why the office does not make a change.

use super::ATTEMPTS_MAX;
use crate::proposal::Refused;
use crate::world::WorldError;
use netloom_store::{CommitError, StoreError};

/// Why a change is not made. Nothing of it is in force then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfficeError {
    /// What was declared is not accepted.
    #[error("what is declared is refused")]
    Refused(Refused),
    /// The user has planned on another revision.
    #[error(
        "revision {found} is in force, and the plan was made for revision {expected}: somebody \
         else has applied meanwhile; plan again"
    )]
    Moved {
        /// The revision that was planned on.
        expected: u64,
        /// The one in force.
        found: u64,
    },
    /// There is no such revision.
    #[error("there is no revision {number}; there are 0 to {newest}")]
    NoRevision {
        /// The number that was asked for.
        number: u64,
        /// The newest.
        newest: u64,
    },
    /// Nothing was declared yet then, no node either.
    #[error(
        "revision 0 is from before anything was declared, and has no nodes; `netloom down` removes a \
         fabric, and `netloom history` lists what can be gone back to"
    )]
    BeforeAll,
    /// There is no such node.
    #[error("no node `{name}` has joined; `netloom nodes` lists those that have")]
    NoNode {
        /// The name that was asked for.
        name: String,
    },
    /// The node was shut out for good.
    #[error(
        "node `{name}` was revoked, and its key stays so; forget it with `netloom remove {name}`, then let it \
         join with a new token"
    )]
    Revoked {
        /// The node.
        name: String,
    },
    /// The store's content cannot be used.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The store does not take the change.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Others changed something each time.
    #[error("others changed something each of {ATTEMPTS_MAX} times; try again")]
    Busy,
}

impl From<StoreError> for OfficeError {
    fn from(error: StoreError) -> Self {
        Self::World(error.into())
    }
}
