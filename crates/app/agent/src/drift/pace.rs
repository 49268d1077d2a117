//! When to compare plan and kernel: soon after a change, and not too often while changes go on.

use netloom_base::Time;
use std::time::Duration;

/// How long a burst of changes may take to end.
const SETTLE: Duration = Duration::from_millis(50);
/// Shortest time from one comparison to the next.
const GAP_MIN: Duration = Duration::from_millis(250);
/// The same when each comparison finds something; less than a second, so that mending is within one.
const GAP_MAX: Duration = Duration::from_millis(800);
/// Comparisons in a row that find something before the gap grows.
const ROW: u32 = 4;

/// When to compare next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    due: Option<Time>,
    last: Option<Time>,
    /// Comparisons without a pause between them.
    row: u32,
}

impl Pace {
    /// Something has changed.
    pub(super) fn suspect(&mut self, now: Time) {
        if self.due.is_none() {
            let settled = now + SETTLE;
            self.due = Some(self.last.map_or(settled, |last| settled.max(last + self.gap())));
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// A comparison has ended.
    pub(super) fn checked(&mut self, now: Time, has_found: bool) {
        let in_row = self.last.is_some_and(|last| now - last < GAP_MAX + GAP_MIN);
        self.row = if in_row && has_found { self.row.saturating_add(1) } else { 0 };
        (self.last, self.due) = (Some(now), None);
    }

    fn gap(&self) -> Duration {
        let doublings = (self.row / ROW).min(2);
        (GAP_MIN * (1 << doublings)).min(GAP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times of comparison while something changes every millisecond.
    fn flood(until_ms: u64, finds: bool) -> Vec<u64> {
        let (mut pace, mut times) = (Pace::default(), Vec::new());
        for ms in 0..until_ms {
            let now = Time::from_millis(ms);
            pace.suspect(now);
            if pace.is_due(now) {
                times.push(ms);
                pace.checked(now, finds);
            }
        }
        times
    }

    #[test]
    fn a_single_change_is_looked_at_once_its_burst_has_ended() {
        let mut pace = Pace::default();
        pace.suspect(Time::from_millis(1_000));
        pace.suspect(Time::from_millis(1_030));
        assert_eq!(pace.due(), Some(Time::from_millis(1_050)));
        assert!(!pace.is_due(Time::from_millis(1_049)) && pace.is_due(Time::from_millis(1_050)));
        pace.checked(Time::from_millis(1_060), true);
        assert_eq!(pace.due(), None);
        pace.suspect(Time::from_millis(9_000));
        assert_eq!(pace.due(), Some(Time::from_millis(9_050)));
    }

    #[test]
    fn a_flood_makes_four_comparisons_a_second_then_fewer_but_one_each_second() {
        let times = flood(20_000, true);
        let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (250..1_000).contains(gap)), "{gaps:?}");
        assert_eq!((gaps[0], gaps.last()), (250, Some(&800)));
        let harmless = flood(20_000, false);
        assert!(harmless.windows(2).all(|pair| pair[1] - pair[0] == 250), "{harmless:?}");
    }
}
