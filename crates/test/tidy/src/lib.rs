//! The rules of this repository, held by ordinary tests: storeys, purity, sizes, and documents that say what is.
//!
//! ```text
//! folder ─ Repository::read ─► texts ─ one rule each ─► findings: place, why, what to do
//! ```
//! Invariants: a rule sees nothing but the texts, so each is tested on small repositories in
//! memory; nothing is compiled and no other program is run; the tests of `tests/repository.rs`
//! hold every rule of [`rules`] on the repository itself.
#![forbid(unsafe_code)]

pub mod exceptions;
pub mod finding;
pub mod manifest;
pub mod repository;
pub mod rules;
pub mod rust;
pub mod table;

pub use finding::Finding;
pub use repository::Repository;
