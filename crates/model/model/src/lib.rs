//! What a user declares: files read into a tree with spans, checked into a fabric, or into diagnostics.
//!
//! ```text
//! text ─ yaml | toml ─► tree with spans ─ decode ─► declared objects ─ check ─► Fabric + diagnostics
//! ```
//! Invariants: nothing here reads files or clocks (texts come in, with their names); all errors of
//! all files are reported at once; a `Fabric` that comes out holds no dangling reference.
#![forbid(unsafe_code)]

pub mod api_place;
mod check;
pub mod decode;
pub mod diagnostic;
pub mod fabric;
#[doc(hidden)]
pub mod fuzz;
pub mod lease;
pub mod load;
pub mod span;
pub mod special;
pub mod tree;
pub mod words;

pub use diagnostic::{Diagnostic, Severity};
pub use fabric::Fabric;
pub use lease::Leases;
pub use load::{Loaded, load, load_edited};
pub use span::Span;
