//! The agent's log: one line for each thing that it does, on standard error, where systemd or the supervisor keeps it.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes a line with the time in seconds since 1970. A log that cannot be written stops nothing.
pub(crate) fn line(text: &str) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = format!("{}.{:03} {text}\n", since.as_secs(), since.subsec_millis());
    let _ = std::io::stderr().write_all(line.as_bytes());
}
