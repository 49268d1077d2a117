//! Handshakes of a swarm that completed, and how long they took.

use std::time::Duration;

/// Handshakes that completed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shaken {
    /// How many.
    pub done: usize,
    /// From the first call to the last handshake, or to the limit.
    pub time: Duration,
    /// When nine of ten had completed: the last ones may have waited for a second call.
    pub most: Option<Duration>,
}

impl Shaken {
    /// Adds some that have completed after so long, of as many as are wanted.
    pub(crate) fn note(&mut self, completed: usize, wanted: usize, time: Duration) {
        self.done += completed;
        if self.most.is_none() && self.done * 10 >= wanted * 9 {
            self.most = Some(time);
        }
    }

    /// Handshakes per second of nine of ten, or of as many as completed.
    pub fn per_second(&self, wanted: usize) -> f64 {
        let (done, time) = match self.most {
            Some(most) => (wanted as f64 * 0.9, most),
            None => (self.done as f64, self.time),
        };
        done / time.as_secs_f64().max(1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_do_not_slow_the_rate() {
        let mut shaken = Shaken::default();
        shaken.note(899, 1_000, Duration::from_millis(450));
        assert_eq!(shaken.most, None);
        shaken.note(1, 1_000, Duration::from_millis(500));
        shaken.note(100, 1_000, Duration::from_secs(6));
        shaken.time = Duration::from_secs(6);
        assert_eq!(shaken.per_second(1_000), 1_800.0);
    }

    #[test]
    fn of_too_few_the_whole_time_counts() {
        let mut shaken = Shaken { time: Duration::from_secs(10), ..Shaken::default() };
        shaken.note(500, 1_000, Duration::from_secs(2));
        assert_eq!(shaken.per_second(1_000), 50.0);
    }
}
