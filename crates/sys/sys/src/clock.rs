//! The host's clocks: monotonic time and wall time.

use crate::system;
use netloom_base::{Time, WallTime};

/// Nanoseconds since boot, suspension included: keys age while a laptop sleeps.
pub fn monotonic_now() -> Time {
    Time(read(libc::CLOCK_BOOTTIME))
}

/// Nanoseconds since the Unix epoch, as the host believes.
pub fn wall_now() -> WallTime {
    WallTime(read(libc::CLOCK_REALTIME))
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut now: libc::timespec = system::zeroed();
    // SAFETY: `now` lives through the call. Both clocks exist on every kernel we run on, so that
    // the call cannot fail.
    unsafe { libc::clock_gettime(clock, &mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance() {
        let (time, wall) = (monotonic_now(), wall_now());
        assert!(time.0 > 0 && monotonic_now() >= time);
        assert!(wall > WallTime::from_secs(1_700_000_000));
    }
}
