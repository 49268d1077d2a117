//! What one decoder reads at most; a length is limited by the bytes that are there in any case.

/// Arrays and maps inside each other.
pub const DEPTH_MAX: usize = 24;
/// Items of one decoder, nested and skipped ones counted too. Without a bound, a megabyte of
/// one-byte items could become a hundred times as much memory.
pub const ITEMS_MAX: usize = 262_144;
