//! Every constant of time and size: those of the RFCs, and the bounds of this implementation.

use std::time::Duration;

/// Longest name in bytes, with lengths of labels and the root (RFC 1035 §2.3.4).
pub const NAME_BYTES_MAX: usize = 255;
/// Longest label in bytes (RFC 1035 §2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// Longest message in bytes; TCP counts them in 16 bits (RFC 1035 §4.2.2).
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Longest answer in bytes to a UDP query without EDNS (RFC 1035 §4.2.1).
pub const UDP_BYTES_MIN: usize = 512;
/// Longest UDP message in bytes that is sent or asked for: it fits the least MTU of IPv6, so it
/// is never fragmented.
pub const UDP_BYTES_MAX: usize = 1232;

/// Seconds for which an answer of the zone may be kept. Short, since workloads move.
pub const ZONE_TTL_SECONDS: u32 = 10;
/// Seconds for which a negative answer of the zone may be kept (RFC 2308 §5).
pub const ZONE_NEGATIVE_TTL_SECONDS: u32 = 5;

/// An upstream that has not answered after this long is given up for this attempt.
pub const UPSTREAM_TIMEOUT: Duration = Duration::from_millis(1500);
/// A query that has not been answered after this long fails.
pub const QUERY_LIFETIME: Duration = Duration::from_secs(6);
/// How often each upstream is asked.
pub const ROUNDS_MAX: usize = 2;
/// Upstreams used; more are ignored.
pub const UPSTREAMS_MAX: usize = 8;
/// Questions under way to the upstreams at once; beyond it, queries fail at once.
pub const EXCHANGES_MAX: usize = 256;
/// Clients that wait for one question at once; beyond it, queries fail at once.
pub const WAITERS_MAX: usize = 64;
/// Answers kept; the one that expires first gives way.
pub const CACHE_ENTRIES_MAX: usize = 1024;
/// Longest answer in bytes that is kept.
pub const CACHE_ENTRY_BYTES_MAX: usize = 4096;
/// Answers are kept no longer than this, whatever their TTL.
pub const CACHE_TTL_SECONDS_MAX: u32 = 3600;
/// Negative answers are kept no longer than this (RFC 2308 §5 suggests one to three hours; names
/// that are about to be made are asked for more often here).
pub const CACHE_NEGATIVE_TTL_SECONDS_MAX: u32 = 60;
