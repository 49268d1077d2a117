//! A search: what is known of it, and which sizes its next round tries.

use super::PATH_BYTES_MIN;
use netloom_base::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// Sizes of a round between two that are known.
pub(super) const ROUND: usize = 8;
/// The path to a peer that moves is searched no more often than this, however often it does: who is on the way can have it
/// seem to.
pub(super) const INTERVAL_MIN: Duration = Duration::from_millis(200);
/// MTUs that underlays usually have: IPv6's smallest, mobile networks, other tunnels, PPPoE, Ethernet, jumbo.
const USUAL_MTUS: [usize; 8] = [1280, 1400, 1420, 1450, 1480, 1492, 1500, 9000];
/// What those lose to IPv4 or IPv6, UDP, and the headers of data.
const HEADERS_BYTES: [usize; 2] = [20 + 8 + 32, 40 + 8 + 32];

/// A search under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) since: Time,
    /// Comes through; 0 before any answer.
    pub(super) low: usize,
    /// Does not come through.
    pub(super) high: usize,
    /// What is in force and was shown to come through, if anything: tried first of all, so that it stays in force where more
    /// does not come through.
    pub(super) known: Option<usize>,
    /// Whether the round's probes have been sent twice.
    pub(super) is_repeated: bool,
}

/// A probe to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its number.
    pub id: u32,
    /// Its size.
    pub packet_bytes: usize,
}

/// A probe that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) probe: Probe,
    pub(super) at: Time,
    pub(super) is_answered: bool,
}

impl Search {
    /// Of all sizes up to `ceiling`.
    pub(super) fn new(now: Time, ceiling: usize, known: Option<usize>) -> Self {
        Self { since: now, low: 0, high: ceiling + 1, known, is_repeated: false }
    }

    /// The round's sizes in order: above what comes through, below what does not; the largest is among them.
    pub(super) fn sizes(&self) -> Vec<usize> {
        let (low, high) = (self.low, self.high);
        let mut sizes: Vec<usize> = if low == 0 {
            let usual = USUAL_MTUS.iter().flat_map(|mtu| HEADERS_BYTES.map(|bytes| mtu - bytes));
            let likely = usual.chain(self.known).flat_map(|size| [size, size + 1]);
            likely.chain([high - 1, PATH_BYTES_MIN]).collect()
        } else {
            let span = (high - 1).saturating_sub(low);
            let count = ROUND.min(span);
            (1..=count).map(|place| low + span * place / count).collect()
        };
        sizes.retain(|size| (PATH_BYTES_MIN..high).contains(size));
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Sizes whose probes were not answered, between what comes through and what does not, in order.
    pub(super) fn lost(&self, sent: &VecDeque<Sent>) -> Vec<usize> {
        let lost = sent.iter().filter(|sent| !sent.is_answered && sent.at >= self.since);
        let sizes = lost.map(|sent| sent.probe.packet_bytes);
        let mut sizes: Vec<_> =
            sizes.filter(|size| *size > self.low && *size < self.high).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }
}
