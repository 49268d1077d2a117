//! How long answers take, and how long to wait for one.

use std::time::Duration;

/// Answers are waited for this long at least, and until a round trip is known.
const PATIENCE_MIN: Duration = Duration::from_millis(25);
const PATIENCE_UNKNOWN: Duration = Duration::from_millis(250);
const PATIENCE_MAX: Duration = Duration::from_secs(6);

/// RFC 6298's estimate.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    pub(super) smoothed: Duration,
    variation: Duration,
}

impl RoundTrip {
    /// The estimate with one more sample.
    pub(super) fn with(before: Option<Self>, sample: Duration) -> Self {
        let Some(Self { smoothed, variation }) = before else {
            return Self { smoothed: sample, variation: sample / 2 };
        };
        let off = smoothed.abs_diff(sample);
        Self { smoothed: smoothed * 7 / 8 + sample / 8, variation: variation * 3 / 4 + off / 4 }
    }

    /// How long an answer may take.
    pub(super) fn patience(estimate: Option<Self>) -> Duration {
        let Some(Self { smoothed, variation }) = estimate else { return PATIENCE_UNKNOWN };
        ((smoothed + variation) * 2).clamp(PATIENCE_MIN, PATIENCE_MAX)
    }
}
