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
const AHEAD: Duration = Duration::from_secs(120);

/// Times that may have been used.
#[derive(Debug)]
pub(crate) struct Promise {
    path: PathBuf,
    until: WallTime,
}

impl Promise {
    /// Reads what an earlier run has promised; a damaged file is as good as none.
    pub(crate) fn open(state: &Path) -> Self {
        let path = state.join("clock");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        Self { path, until: WallTime(text.trim().parse().unwrap_or(0)) }
    }

    /// No earlier time may be used from now on.
    pub(crate) fn until(&self) -> WallTime {
        self.until
    }

    /// Promises anew when less than half is left. A disk that is full is tried again the next time.
    pub(crate) fn renew(&mut self, now: WallTime) {
        let half = u64::try_from(AHEAD.as_nanos() / 2).unwrap_or(u64::MAX);
        if now.0.saturating_add(half) <= self.until.0 {
            return;
        }
        let until = WallTime(now.0.saturating_add(2 * half));
        if write_secret(&self.path, until.0.to_string().as_bytes()).is_ok() {
            self.until = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_promised_before_and_survives() {
        let folder = std::env::temp_dir().join(format!("netloom-promise-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut promise = Promise::open(&folder);
        assert_eq!(promise.until(), WallTime(0));
        for seconds in (1_000..2_000).step_by(7) {
            let now = WallTime::from_secs(seconds);
            promise.renew(now);
            assert!(promise.until() > now);
            assert_eq!(Promise::open(&folder).until(), promise.until());
        }
        // The clock steps back: nothing before the promise.
        let until = promise.until();
        promise.renew(WallTime::from_secs(5));
        assert_eq!(promise.until(), until);
        std::fs::write(folder.join("clock"), "not a number").unwrap();
        assert_eq!(Promise::open(&folder).until(), WallTime(0));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
