//! The bars that the tunnel is held against, and what explains each of them.

use super::explanation::Explanation;
use super::results::Results;
use crate::show::Report;
use std::collections::BTreeSet;
use std::fmt;

/// Where a value must be.
#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, ">= {limit}"),
            Self::AtMost(limit) => write!(f, "<= {limit}"),
        }
    }
}

/// Holds the results against all bars; gives what explains those that were missed. One whose peer was not measured is missed
/// without an explanation.
pub(super) fn hold(report: &mut Report, results: &Results) -> BTreeSet<Explanation> {
    use Limit::{AtLeast, AtMost};
    let of = |name: &str, measure: &str| results.get(name, measure);
    let ratio = |ours: &str, measure: &str, peer: &str| {
        Some(of(ours, measure)? / of(peer, measure).filter(|theirs| *theirs > 0.0)?)
    };
    let added = |measure: &str| Some(of("netloom", measure)? - of("plain veth", measure)?);
    let mut missed = BTreeSet::new();
    let mut bar = |name: &str, found: Option<f64>, limit: Limit, explanation: Explanation| {
        let shown = found.map_or_else(|| "not measured".to_owned(), |one| format!("{one:.2}"));
        let holds = found.is_some_and(|found| limit.holds(found));
        report.require(name, shown, holds, limit.to_string());
        if found.is_some() && !holds {
            missed.insert(explanation);
        }
    };
    let (stream, cost) = ("1 stream Gbit/s", "1 stream CPU-s per GiB, sender");
    let (small, of_small) = ("UDP 172 B kpps delivered", "UDP 172 B us per packet, sender");
    let why = Explanation::Stream("netloom");
    bar(
        "1 stream, times wireguard-go",
        ratio("netloom", stream, "wireguard-go"),
        AtLeast(1.8),
        why,
    );
    bar("CPU-s per GiB at the sender", of("netloom", cost), AtMost(1.4), why);
    let why = Explanation::Small("netloom");
    bar("172 B, times gotatun", ratio("netloom", small, "gotatun"), AtLeast(1.5), why);
    bar("us per packet of 172 B", of("netloom", of_small), AtMost(2.1), why);
    for (measure, limit) in [("round trip p50 us", 60.0), ("round trip p99 us", 300.0)] {
        let why = Explanation::WakeUps;
        bar(&format!("added {measure}"), added(measure), AtMost(limit), why);
    }
    // Our own nodes choose AES-GCM where the processor has it; the policy of both ends is part of it.
    let (agents, why) = ("netloom agents", Explanation::Stream("netloom agents"));
    let rate = ratio(agents, stream, "wireguard-go");
    bar("agents, 1 stream, times wireguard-go", rate, AtLeast(3.0), why);
    bar("agents, CPU-s per GiB at the sender", of(agents, cost), AtMost(1.0), why);
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURES: [&str; 5] = [
        "1 stream Gbit/s",
        "1 stream CPU-s per GiB, sender",
        "UDP 172 B kpps delivered",
        "UDP 172 B us per packet, sender",
        "round trip p50 us",
    ];

    #[test]
    fn what_is_missed_is_explained_by_its_own_measure() {
        let value = |name: &str, measure: &str| match (name, measure) {
            ("netloom", "1 stream CPU-s per GiB, sender") => Some(1.6),
            ("netloom", "round trip p50 us") => Some(200.0),
            ("plain veth", "round trip p50 us") => Some(80.0),
            ("netloom agents", "1 stream CPU-s per GiB, sender") => Some(0.9),
            ("netloom", "UDP 172 B us per packet, sender") => Some(2.0),
            _ => None,
        };
        let results = Results::new(&["plain veth", "netloom", "netloom agents"], &MEASURES, value);
        let mut report = Report::default();
        let missed: Vec<Explanation> = hold(&mut report, &results).into_iter().collect();
        assert_eq!(missed, [Explanation::Stream("netloom"), Explanation::WakeUps]);
        assert!(!report.suffices());
        let text = report.to_string();
        assert!(text.contains("FELL SHORT 172 B, times gotatun: expected >= 1.5"), "{text}");
        assert!(text.contains("added round trip p50 us: expected <= 60, found 120.00"), "{text}");
    }
}
