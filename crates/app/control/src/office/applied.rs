//! What a change has done.

use crate::proposal::{Effects, Proposal};
use crate::world::World;
use std::sync::Arc;

/// A change that was made.
#[derive(Debug)]
pub struct Applied {
    /// The revision in force now.
    pub revision: u64,
    /// What it was made from: what is in force where nothing has changed.
    pub before: Arc<World>,
    /// The commit by which it was made, or that in force where nothing has changed.
    pub version: u64,
    /// What was declared.
    pub proposal: Proposal,
    /// What that does.
    pub effects: Effects,
    /// Whether there was anything to change.
    pub changed: bool,
}
