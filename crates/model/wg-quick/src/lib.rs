//! Files of wg-quick(8): read, turned into a part of a fabric's file, and written for stock peers.
//!
//! ```text
//! text ─ parse ─► File + findings ─ import ─► YAML of a network, files of keys, notes
//! Export ─ write ─► text of a wg-quick file
//! ```
//! Invariants: nothing here runs a command of a file, or reads or writes files; every line takes
//! effect, or is named with its number; keys are never shown by `Debug`.
#![forbid(unsafe_code)]

mod export;
mod file;
#[doc(hidden)]
pub mod fuzz;
mod hooks;
mod import;
mod parse;
mod policy;
mod yaml;

pub use export::Export;
pub use file::{File, Finding, Hook, HookKind, Interface, Key, Peer, Severity};
pub use import::{Import, Imported, KeyFile};
pub use parse::{FILE_BYTES_MAX, PEERS_MAX, parse};
