//! Every constant of time and size: those of the wire, and the bounds of this implementation.

use std::time::Duration;

// The wire, version 1.

/// Longest body of a frame in bytes. A longer one ends the session.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Longest name of a resource or a node in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// Longest payload of a resource in bytes: one resource fits a frame.
pub const PAYLOAD_BYTES_MAX: usize = 512 << 10;
/// Resources and removals of one part of a delta, each.
pub const PART_ITEMS_MAX: usize = 4096;
/// Longest status in bytes.
pub const STATUS_BYTES_MAX: usize = 256 << 10;
/// Longest request or response in bytes.
pub const REQUEST_BYTES_MAX: usize = 256 << 10;
/// Requests of one end that are not answered yet.
pub const REQUESTS_MAX: usize = 64;
/// Longest text for people in bytes: reasons, failures, software. Longer ones of ours are cut.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Refused resources that are named; of more, the number is told.
pub const REFUSALS_MAX: usize = 512;
/// Features of a hello.
pub const FEATURES_MAX: usize = 64;

// What a machine holds.

/// Where a part of a delta is closed and the next one begun, in bytes. Small, so that other
/// messages pass between the parts.
pub const PART_BYTES_AIM: usize = 64 << 10;
/// Bytes of a delta that an agent collects before it is whole; beyond it, the session ends.
pub const DELTA_BYTES_MAX: usize = 256 << 20;
/// Resources and removals of a delta that an agent collects; beyond it, the session ends.
pub const DELTA_ITEMS_MAX: usize = 1_000_000;
/// Changes that a feed remembers; who holds an older state gets everything.
pub const JOURNAL_CHANGES_MAX: usize = 4096;
/// Resources and removals of all changes that a feed remembers.
pub const JOURNAL_ITEMS_MAX: usize = 65_536;
/// Bytes of the resources of all changes that a feed remembers.
pub const JOURNAL_BYTES_MAX: usize = 64 << 20;
/// Times in a row that an agent asks for everything; the session ends when that does not help.
pub const RESYNCS_MAX: u32 = 3;
/// Bytes that wait to be sent, parts of deltas aside; beyond it, the session ends.
pub const OUTBOUND_BYTES_MAX: usize = 48 << 20;
/// Events that the caller has not fetched; beyond it, the session ends.
pub const EVENTS_MAX: usize = 1024;

// Times, as configured unless told otherwise.

/// Who has sent nothing for this long sends a ping.
pub const PING_AFTER: Duration = Duration::from_secs(10);
/// Who has heard nothing for this long gives the other end up; so long may the greeting take.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);
/// A request that is not answered after this long is given up.
pub const REQUEST_LIFETIME: Duration = Duration::from_secs(60);
