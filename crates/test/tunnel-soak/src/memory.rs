//! Whether memory drifts: resident sets over time, and what a line through them says.

use std::time::Duration;

/// A resident set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    pub(crate) kib: u64,
}

/// Samples of one process, a second apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<(f64, f64)>);

/// What samples say after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drift {
    /// Mean of the first tenth.
    pub(crate) first_kib: f64,
    /// Mean of the last tenth.
    pub(crate) last_kib: f64,
    /// Slope of the line that fits best.
    pub(crate) slope_kib_per_hour: f64,
    /// The largest.
    pub(crate) peak_kib: f64,
}

impl Samples {
    /// Adds one.
    pub(crate) fn add(&mut self, at: Duration, resident: Resident) {
        self.0.push((at.as_secs_f64(), resident.kib as f64));
    }

    /// What they say without those of the first `warm_up`; none if there are too few.
    pub(crate) fn drift(&self, warm_up: Duration) -> Option<Drift> {
        let after: Vec<(f64, f64)> =
            self.0.iter().copied().filter(|(at, _)| *at >= warm_up.as_secs_f64()).collect();
        let count = after.len();
        if count < 10 {
            return None;
        }
        let mean =
            |part: &[(f64, f64)]| part.iter().map(|(_, kib)| kib).sum::<f64>() / part.len() as f64;
        let middle = after.iter().map(|(at, _)| at).sum::<f64>() / count as f64;
        let level = mean(&after);
        let above: f64 = after.iter().map(|(at, kib)| (at - middle) * (kib - level)).sum();
        let below: f64 = after.iter().map(|(at, _)| (at - middle).powi(2)).sum();
        let tenth = count / 10;
        Some(Drift {
            first_kib: mean(&after[..tenth]),
            last_kib: mean(&after[count - tenth..]),
            slope_kib_per_hour: above / below * 3600.0,
            peak_kib: after.iter().map(|(_, kib)| *kib).fold(0.0, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(kib: impl Fn(u64) -> u64) -> Samples {
        let mut samples = Samples::default();
        for second in 0..100 {
            samples.add(Duration::from_secs(second), Resident { kib: kib(second) });
        }
        samples
    }

    #[test]
    fn growth_is_told_from_a_level_and_from_the_warm_up() {
        let level = samples(|second| 5_000 + 1_000 * second.min(20));
        let drift = level.drift(Duration::from_secs(20)).unwrap();
        assert_eq!((drift.first_kib, drift.last_kib), (25_000.0, 25_000.0));
        assert!(drift.slope_kib_per_hour.abs() < 1e-6);
        let leak = samples(|second| 5_000 + 10 * second).drift(Duration::from_secs(20)).unwrap();
        assert!((leak.slope_kib_per_hour - 36_000.0).abs() < 1e-3, "{leak:?}");
        assert!(leak.last_kib - leak.first_kib > 700.0, "{leak:?}");
        assert_eq!(samples(|_| 1).drift(Duration::from_secs(95)), None);
    }
}
