//! When the size in force is checked.

use netloom_base::Time;
use std::time::Duration;

/// Between two checks while large packets are sent, at least, and at most if there are few.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);
const INTERVAL_MAX: Duration = Duration::from_millis(500);
/// Bytes that are sent for each byte of a check within that time.
pub(super) const SHARE: usize = 50;

/// The latest check, and what was sent since.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checks {
    at: Time,
    bytes: u64,
}

impl Checks {
    pub(super) fn sent(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(super) fn checked(&mut self, now: Time) {
        *self = Self { at: now, bytes: 0 };
    }

    /// Whether it is time for a check of `packet_bytes`.
    pub(super) fn is_due(&self, now: Time, packet_bytes: usize) -> bool {
        let since = now.saturating_since(self.at);
        let has_share = self.bytes >= (SHARE * packet_bytes) as u64;
        since >= INTERVAL_MAX || (since >= INTERVAL && has_share)
    }
}
