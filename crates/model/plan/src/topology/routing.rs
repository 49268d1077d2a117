//! The kernel's routing tables.

/// The main table, which every rule of ours comes after.
pub(super) const MAIN: u32 = 254;
