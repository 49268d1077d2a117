//! When a workload that has ended is started again, and how many starts in a row were in vain.

use std::time::Duration;

/// Wait before the first restart; doubled with each further one.
const DELAY_MIN: Duration = Duration::from_millis(200);
/// Longest wait before a restart.
const DELAY_MAX: Duration = Duration::from_secs(10);
/// A workload that has run so long starts over with the shortest wait.
const STEADY: Duration = Duration::from_secs(30);

/// Starts in a row that came to nothing, after which one runs only for the moment, until it has stayed up.
const IN_VAIN_MANY: u64 = 3;

/// The starts of one workload.
#[derive(Debug)]
pub(super) struct Restarts {
    delay: Duration,
    in_vain: u64,
}

impl Restarts {
    pub(super) fn new() -> Self {
        Self { delay: DELAY_MIN, in_vain: 0 }
    }

    /// Notes that it has ended after it `ran`, or could not be started; gives how long to wait.
    pub(super) fn ended(&mut self, ran: Duration) -> Duration {
        if ran > STEADY {
            *self = Self::new();
        }
        self.in_vain += 1;
        let delay = self.delay;
        self.delay = (delay * 2).min(DELAY_MAX);
        delay
    }

    /// Whether one that has been `running` since will probably go on.
    pub(super) fn may_hold(&self, running: Option<Duration>) -> bool {
        self.in_vain(running) < IN_VAIN_MANY
    }

    /// How many starts in a row came to nothing, of one that has been `running` since, or does not run now.
    pub(super) fn in_vain(&self, running: Option<Duration>) -> u64 {
        if running.is_some_and(|time| time > STEADY) { 0 } else { self.in_vain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_starts_in_vain_are_counted_until_one_holds() {
        let mut restarts = Restarts::new();
        let waits: Vec<u128> =
            (0..8).map(|_| restarts.ended(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(restarts.in_vain(None), 8);
        assert_eq!(restarts.in_vain(Some(Duration::from_secs(2))), 8, "it may end again");
        assert_eq!(restarts.in_vain(Some(Duration::from_secs(31))), 0, "it holds");
        assert_eq!(restarts.ended(Duration::from_secs(3_600)), DELAY_MIN);
        assert_eq!(restarts.in_vain(None), 1);
        assert!(restarts.may_hold(Some(Duration::ZERO)));
        for _ in 0..2 {
            restarts.ended(Duration::ZERO);
        }
        assert!(!restarts.may_hold(Some(Duration::ZERO)), "it has not stayed up three times");
        assert!(restarts.may_hold(Some(Duration::from_secs(31))));
    }
}
