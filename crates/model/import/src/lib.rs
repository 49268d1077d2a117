//! Files of others turned into a fabric's file, with an account of what became of each of their keys.
//!
//! ```text
//! texts ─ read ─► documents ─ one importer for each kind ─► draft + ledger
//!                             draft ─ complete, tests ─► YAML     ledger ─ settle ─► account
//! ```
//! Invariants: nothing here reads files or runs what it reads; every key and item of a source is in
//! the account exactly once, as exact, approximated, refused or irrelevant, because what no importer has taken is
//! refused when the ledger is settled; the values of secrets are in neither.
#![forbid(unsafe_code)]

mod account;
mod aws;
mod blackroad;
mod bolt;
mod clusterdb;
mod complete;
mod compose;
mod desk;
mod document;
mod draft;
mod flows;
#[doc(hidden)]
pub mod fuzz;
mod import;
mod kind;
mod name;
mod place;
mod probes;
mod read;
mod scalar;
mod text;
mod yaml;

pub use account::{Account, Entry, Outcome};
pub use import::{Error, Import, Imported, Source};
pub use kind::Kind;
