//! The wall time that handshakes of this node may have used, kept across restarts.
//!
//! A peer takes no handshake that is older than the last one (WireGuard's replay protection). A host
//! whose clock steps back while it is off would not be heard by its peers until the clock has caught
//! up. So handshakes never use a time before one that was promised on disk.
//!
//! ```text
//! STATE/clock  the promised time: nanoseconds since 1970, in decimal
//! ```

use crate::joined::write_secret;
use netloom_base::WallTime;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How far ahead times are promised, so that the disk is written to seldom.
const AHEAD: Duration = Duration::from_secs(60);

/// Times that may have been used.
#[derive(Debug)]
pub(crate) struct Promise {
    path: PathBuf,
    /// What an earlier run may have used: this one uses nothing before.
    floor: WallTime,
    until: WallTime,
}

impl Promise {
    /// Reads what an earlier run has promised; a damaged file is as good as none. Promises anew before
    /// anything is used: a run that ends at once has used the first times after its floor.
    pub(crate) fn begin(state: &Path, now: WallTime) -> Self {
        let path = state.join("clock");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let until = WallTime(text.trim().parse().unwrap_or(0));
        let mut promise = Self { path, floor: until, until };
        promise.renew(now);
        promise
    }

    /// No earlier time may be used in this run.
    pub(crate) fn floor(&self) -> WallTime {
        self.floor
    }

    /// Promises anew when less than half is left. A disk that is full is tried again the next time.
    pub(crate) fn renew(&mut self, now: WallTime) {
        let half = u64::try_from(AHEAD.as_nanos() / 2).unwrap_or(u64::MAX);
        let used = now.max(self.floor);
        if used.0.saturating_add(half) <= self.until.0 {
            return;
        }
        let until = WallTime(used.0.saturating_add(2 * half));
        if write_secret(&self.path, until.0.to_string().as_bytes()).is_ok() {
            self.until = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = format!("netloom-promise-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_was_used_is_promised_before_and_survives() {
        let folder = folder("survives");
        let mut promise = Promise::begin(&folder, WallTime::from_secs(900));
        assert_eq!(promise.floor(), WallTime(0));
        for seconds in (1_000..2_000).step_by(7) {
            let now = WallTime::from_secs(seconds);
            promise.renew(now);
            assert!(promise.until > now);
        }
        // The clock steps back: nothing before the promise.
        let until = promise.until;
        promise.renew(WallTime::from_secs(5));
        assert_eq!(promise.until, until);
        assert_eq!(Promise::begin(&folder, WallTime::from_secs(5)).floor(), until);
        std::fs::write(folder.join("clock"), "not a number").unwrap();
        assert_eq!(Promise::begin(&folder, WallTime(0)).floor(), WallTime(0));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// Each run may use the times after its floor, so that of the next one is later, however short it was.
    #[test]
    fn runs_that_end_at_once_share_no_times() {
        let folder = folder("short");
        let mut used = WallTime(0);
        for seconds in 0..50 {
            let now = WallTime::from_secs(1_000 + seconds);
            let promise = Promise::begin(&folder, now);
            let first = now.max(promise.floor());
            assert!(first > used, "{first:?} was used before");
            // Some handshakes with each of many peers.
            used = WallTime(first.0 + 1_000_000_000);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
