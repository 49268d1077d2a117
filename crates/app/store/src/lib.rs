//! The store of declared state: named values, changed all at once by one compare-and-swap of a head.
//!
//! A value is cut into chunks, named by their SHA-256. Names lead to values through pages, which are
//! chunks too; a root names the pages of all sections, and the head names the root. A commit writes what is new,
//! in small transactions that nobody sees, and then swaps the head: it holds as a whole or not at all.
//!
//! ```text
//!  head ──► root ──► section "fabric" ──► page ──► page ──► value ──► chunks
//!            │  └──► section "lease"  ──► …
//!            └──► parent
//! ```
//!
//! The bytes of all of these are described in `docs/store.md`, and beside the code that writes them: [`chunk`],
//! [`value`], [`page`], [`root`], [`head`].
//!
//! # Limits
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | a name | 512 bytes, its section 64 | [`InputError`] |
//! | a value | 64 MiB | [`InputError`] |
//! | sections | 1,024 | [`InputError`] |
//! | a transaction of a backend | 100 operations, 1 MiB | never made |
//! | a page | 8 KiB | split |
//! | pages kept in memory | 2,048 | the oldest are read again |
//! | attempts of an update | 256 | [`UpdateError::Exhausted`] |
#![forbid(unsafe_code)]

mod backend;
pub mod chunk;
mod commit;
mod edit;
mod encoding;
mod error;
mod garbage;
pub mod head;
mod inner;
mod input;
mod migrate;
pub mod page;
mod reader;
pub mod root;
mod settle;
mod snapshot;
mod store;
mod tree;
pub mod value;
mod writer;

pub use backend::etcd::{EtcdBackend, EtcdSettings, EtcdTls};
pub use backend::memory::MemoryBackend;
pub use backend::redb::RedbBackend;
pub use backend::{
    Backend, Chunk, HeadRecord, Listed, Put, Stamp, Swap, SwapError, TRANSACTION_BYTES_MAX,
    TRANSACTION_OPERATIONS_MAX,
};
pub use chunk::ChunkId;
pub use commit::Change;
pub use error::{CommitError, Damage, StoreError, UpdateError};
pub use garbage::Collected;
pub use input::{InputError, NAME_BYTES_MAX, SECTION_BYTES_MAX, SECTIONS_MAX, VALUE_BYTES_MAX};
pub use settle::Pending;
pub use snapshot::{Entry, Snapshot, Verified};
pub use store::{Settings, Store};
