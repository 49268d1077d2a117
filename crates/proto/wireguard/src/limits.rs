//! Every constant of time and size: the paper's (§6.1), and the bounds of this implementation.

use std::time::Duration;

/// A session is replaced after this many packets (2^60).
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;
/// A session is not used beyond this many packets (2^64 − 2^13 − 1).
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);
/// The initiator replaces a session of this age when it sends.
pub const REKEY_AFTER_TIME: Duration = Duration::from_secs(120);
/// A session of this age is not used.
pub const REJECT_AFTER_TIME: Duration = Duration::from_secs(180);
/// Attempts at a handshake end after this long without an answer.
pub const REKEY_ATTEMPT_TIME: Duration = Duration::from_secs(90);
/// An initiation is sent again after this long, and never sooner.
pub const REKEY_TIMEOUT: Duration = Duration::from_secs(5);
/// Up to this much is added at random, so that two ends do not keep starting at once.
pub const REKEY_TIMEOUT_JITTER_MAX: Duration = Duration::from_millis(333);
/// Data that is not answered by data within this time is answered by a keepalive.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// All keys are wiped this long after the last handshake (three times reject-after-time).
pub const ZERO_KEYS_AFTER: Duration = Duration::from_secs(3 * 180);
/// The secret behind cookies is replaced this often (§5.4.7).
pub const COOKIE_SECRET_LIFETIME: Duration = Duration::from_secs(120);
/// Initiations of one peer are taken no closer together than this (50 per second).
pub const INITIATION_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// Sessions kept for packets that are under way when a newer session is in use.
pub const RETIRED_SESSIONS_MAX: usize = 3;
/// Packets kept while a handshake is under way; the oldest gives way.
pub const WAITING_PACKETS_MAX: usize = 64;
/// Bytes kept while a handshake is under way; the oldest gives way.
pub const WAITING_BYTES_MAX: usize = 128 * 1024;
/// Sources whose handshakes are counted under load; beyond it, new sources are refused.
pub const LIMITED_SOURCES_MAX: usize = 8192;
/// Handshakes that wait to be processed above which there is load.
pub const WAITING_HANDSHAKES_LOADED: usize = 512;
/// Handshakes per second that a source may start under load.
pub const SOURCE_HANDSHAKES_PER_SECOND: u64 = 20;
/// Handshakes that a source may start at once under load.
pub const SOURCE_BURST: u64 = 5;
/// Content is padded to a multiple of this (§5.4.6), unless that exceeds the tunnel's MTU.
pub const PADDING_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the paper's §6.1, in seconds and messages.
    #[test]
    fn constants_are_those_of_section_6_1() {
        let seconds = [
            (REKEY_AFTER_TIME, 120),
            (REJECT_AFTER_TIME, 180),
            (REKEY_ATTEMPT_TIME, 90),
            (REKEY_TIMEOUT, 5),
            (KEEPALIVE_TIMEOUT, 10),
            (ZERO_KEYS_AFTER, 540),
            (COOKIE_SECRET_LIFETIME, 120),
        ];
        for (constant, seconds) in seconds {
            assert_eq!(constant.as_secs(), seconds);
        }
        assert_eq!(u128::from(REKEY_AFTER_MESSAGES), 1 << 60);
        assert_eq!(u128::from(REJECT_AFTER_MESSAGES), (1 << 64) - (1 << 13) - 1);
    }
}
