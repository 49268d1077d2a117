//! TAI64N timestamps: what lets a responder refuse a replayed initiation (paper §5.1).

use netloom_base::WallTime;
use std::fmt;
use std::time::Duration;

/// Length on the wire: seconds (8, big-endian, from 2^62) and nanoseconds (4, big-endian).
pub const TAI64N_BYTES: usize = 12;

/// Seconds that TAI64 puts before the Unix epoch: 2^62, and TAI's lead of 10 s in 1970.
const EPOCH: u64 = (1 << 62) + 10;
const SECOND_NS: u64 = 1_000_000_000;
/// Timestamps are rounded down to this (2^24 ns, about 17 ms), so that they do not tell an
/// observer of the peer the exact clock of this host.
const GRAIN_NS: u64 = 1 << 24;

/// A timestamp, ordered as its bytes are.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tai64n([u8; TAI64N_BYTES]);

impl Tai64n {
    /// The timestamp of a wall time, rounded down to about 17 ms.
    pub fn from_wall(wall: WallTime) -> Self {
        let ns = wall.0 - wall.0 % GRAIN_NS;
        let mut bytes = [0; TAI64N_BYTES];
        bytes[..8].copy_from_slice(&(EPOCH + ns / SECOND_NS).to_be_bytes());
        // The remainder is less than a second, which 32 bits hold.
        bytes[8..].copy_from_slice(&((ns % SECOND_NS) as u32).to_be_bytes());
        Self(bytes)
    }

    /// The timestamp of these bytes, as they were on the wire.
    pub const fn from_bytes(bytes: [u8; TAI64N_BYTES]) -> Self {
        Self(bytes)
    }

    /// How long after `earlier` this is; `None` if it is not.
    pub fn since(&self, earlier: Self) -> Option<Duration> {
        let ns = |time: &Self| {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = time.0;
            let seconds = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            u128::from(seconds) * u128::from(SECOND_NS)
                + u128::from(u32::from_be_bytes([i, j, k, l]))
        };
        let since = ns(self).checked_sub(ns(&earlier))?;
        // Longer than centuries is as good as that.
        Some(Duration::from_nanos(u64::try_from(since).unwrap_or(u64::MAX)))
    }

    /// The bytes for the wire or the disk.
    pub const fn as_bytes(&self) -> &[u8; TAI64N_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Tai64n {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f_, g, h, i, j, k, l] = self.0;
        let seconds = u64::from_be_bytes([a, b, c, d, e, f_, g, h]).wrapping_sub(EPOCH);
        write!(f, "Tai64n({seconds}.{:09})", u32::from_be_bytes([i, j, k, l]))
    }
}

/// The timestamps that this host sends: always later than the last, even if the wall clock steps
/// back, for a responder refuses anything else.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimestampSource {
    last: WallTime,
}

impl TimestampSource {
    pub(crate) fn next(&mut self, wall: WallTime) -> Tai64n {
        let later = WallTime(self.last.0.saturating_add(GRAIN_NS));
        self.last = wall.max(later);
        Tai64n::from_wall(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unix_epoch_is_tai_second_ten() {
        let bytes = [0x40, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0];
        assert_eq!(Tai64n::from_wall(WallTime(0)).as_bytes(), &bytes);
        assert!(Tai64n::from_wall(WallTime(u64::MAX)) > Tai64n::from_wall(WallTime(0)));
    }

    #[test]
    fn timestamps_rise_when_the_clock_steps_back() {
        let mut source = TimestampSource::default();
        let mut last = source.next(WallTime::from_secs(1_000));
        for wall in [1_000, 999, 0, 500, 1_000] {
            let next = source.next(WallTime::from_secs(wall));
            assert!(next > last, "{next:?} after {last:?}");
            last = next;
        }
    }
}
