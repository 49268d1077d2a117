//! The difference between two host states as ordered operations.

use crate::{HostState, Operation};

/// The operations that turn `observed` into `desired`.
pub fn diff(_desired: &HostState, _observed: &HostState) -> Vec<Operation> {
    Vec::new()
}
