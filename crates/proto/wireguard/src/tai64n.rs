//! TAI64N timestamps: what lets a responder refuse a replayed initiation (paper §5.1).

use netloom_base::WallTime;
use std::fmt;

/// Length on the wire: seconds (8, big-endian, from 2^62) and nanoseconds (4, big-endian).
pub const TAI64N_BYTES: usize = 12;

/// Seconds that TAI64 puts before the Unix epoch: 2^62, and TAI's lead of 10 s in 1970.
const EPOCH: u64 = (1 << 62) + 10;
const SECOND_NS: u64 = 1_000_000_000;
/// Timestamps are rounded down to this (2^24 ns, about 17 ms), so that they do not tell an
/// observer of the peer the exact clock of this host.
const GRAIN_NS: u64 = 1 << 24;
/// In the last byte. Seconds have 2^9 as a factor in nanoseconds, so the nine lowest bits of a rounded time are clear.
const NO_AGREED_KEY: u8 = 1;

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

    /// The timestamp that also says, to another Netloom node, that this one holds no agreed key: the lowest bit, which
    /// rounding leaves clear, so that the order of timestamps stays.
    #[must_use]
    pub const fn without_agreed_key(mut self) -> Self {
        self.0[TAI64N_BYTES - 1] |= NO_AGREED_KEY;
        self
    }

    /// Whether a Netloom node says that it holds no agreed key. Of others the bit says nothing.
    pub const fn is_without_agreed_key(&self) -> bool {
        self.0[TAI64N_BYTES - 1] & NO_AGREED_KEY != 0
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
    fn a_timestamp_without_agreed_key_keeps_its_place_in_the_order() {
        let mut source = TimestampSource::default();
        let walls = [1, 1, 7_777_777, 999_999_999, 1_000_000_000, 123_456_789_012];
        let times: Vec<Tai64n> = walls.map(|ns| source.next(WallTime(ns))).into();
        for (earlier, later) in times.iter().zip(&times[1..]) {
            assert!(!earlier.is_without_agreed_key(), "{earlier:?}");
            assert!(earlier.without_agreed_key().is_without_agreed_key());
            assert!(*earlier < earlier.without_agreed_key());
            assert!(earlier.without_agreed_key() < *later);
        }
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
