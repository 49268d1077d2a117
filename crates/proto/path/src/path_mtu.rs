//! The largest packet that a path takes, by probes of its size (RFC 8899), without hearing of ICMP.
//!
//! # The search
//! Probes of several sizes at once between what comes through and what does not, repeated once while their answers
//! are waited for; what lies between the largest answered and the next one is the next round's, until the size is
//! exact. The first round has the largest wanted size among its own, so where nothing is in the way it takes one
//! round trip, and the sizes that underlays usually have and the one in force, with one byte more, so that those are exact at once.
//!
//! # Checks
//! While large packets are sent, a probe of the size in force is sent every [`checks::INTERVAL`], but one for
//! [`checks::SHARE`] such packets only. One without an answer starts a search; the size in force stays until that
//! has ended, or for [`HOLD`], so that senders are told one size and not several. If nothing at all is answered,
//! the path is down and says nothing of sizes. Sizes are those of packets inside the tunnel, without padding.

mod checks;
mod round_trip;
mod search;

use checks::Checks;
use netloom_base::Time;
use round_trip::RoundTrip;
pub use search::Probe;
use search::{Search, Sent};
use std::collections::VecDeque;
use std::time::Duration;

/// What every path takes: an underlay of 1,280 bytes without the headers of IPv6 and UDP, and those of data (32).
pub const PATH_BYTES_MIN: usize = 1280 - 40 - 8 - 32;
/// What is tried before anything is known, or the network's MTU if that is less: an underlay of 1,500 bytes.
pub const PATH_BYTES_ASSUMED: usize = 1420;
/// A search that takes longer puts into force what it knows by then.
pub const HOLD: Duration = Duration::from_millis(400);
/// A smaller path is tried for more this often (RFC 8899 §5.1.1 has 600 s).
pub const RAISE_INTERVAL: Duration = Duration::from_secs(60);
/// Searches without any answer are repeated after this long, and twice as long each time.
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Probes whose answers still count.
const REMEMBERED_MAX: usize = 128;

/// The machine of one path.
#[derive(Clone, Debug)]
pub struct PathMtu {
    /// The network's MTU.
    ceiling: usize,
    limit: usize,
    /// Whether probes have shown the limit.
    is_confirmed: bool,
    phase: Phase,
    due: Option<Time>,
    sent: VecDeque<Sent>,
    probes: VecDeque<Probe>,
    next_id: u32,
    round_trip: Option<RoundTrip>,
    retry: Duration,
    raise_at: Option<Time>,
    /// When the last search began.
    searched: Option<Time>,
    checks: Checks,
    has_shrunk: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is known, and nothing has been sent.
    Idle,
    Searching(Search),
    Settled,
    /// A probe of the size in force is under way.
    Checking(u32),
    /// Nothing was answered.
    Silent,
}

impl PathMtu {
    /// A path of which nothing is known, in a network of MTU `ceiling_bytes`.
    pub fn new(ceiling_bytes: usize) -> Self {
        Self {
            ceiling: ceiling_bytes,
            limit: ceiling_bytes.min(PATH_BYTES_ASSUMED),
            is_confirmed: false,
            phase: Phase::Idle,
            due: None,
            sent: VecDeque::new(),
            probes: VecDeque::new(),
            next_id: 0,
            round_trip: None,
            retry: RETRY_MIN,
            raise_at: None,
            searched: None,
            checks: Checks::default(),
            has_shrunk: false,
        }
    }

    /// The largest packet to be sent.
    pub fn limit_bytes(&self) -> usize {
        self.limit
    }

    /// Whether probes have shown it.
    pub fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// The smoothed round trip of probes.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(|estimate| estimate.smoothed)
    }

    /// The network has another MTU.
    pub fn set_ceiling(&mut self, ceiling_bytes: usize) {
        if self.ceiling != ceiling_bytes {
            self.ceiling = ceiling_bytes;
            self.limit = self.limit.min(ceiling_bytes);
            self.forget();
        }
    }

    /// The peer is somewhere else, or its session is new: what is known is doubted when next used.
    pub fn forget(&mut self) {
        self.phase = Phase::Idle;
        self.due = None;
        self.retry = RETRY_MIN;
        self.round_trip = None;
        self.sent.clear();
        self.probes.clear();
    }

    /// What the SYNs of TCP may announce: their data comes when the search has ended.
    pub fn announced_bytes(&self) -> usize {
        if self.is_confirmed { self.limit } else { self.ceiling }
    }

    /// Whether it is doubtful that what is sent now arrives.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.phase, Phase::Searching(_) | Phase::Checking(_))
    }

    /// Whether the limit has become less since this was last asked: those who send more are to be told.
    pub fn take_shrunk(&mut self) -> bool {
        std::mem::take(&mut self.has_shrunk)
    }

    /// Packets of up to `largest_bytes` are being sent, `bytes` in all.
    pub fn sending(&mut self, now: Time, largest_bytes: usize, bytes: u64) {
        self.checks.sent(bytes);
        match self.phase {
            Phase::Idle if self.searched.is_none_or(|at| at + search::INTERVAL_MIN <= now) => {
                self.search(now);
            }
            Phase::Settled if self.raise_at.is_some_and(|at| at <= now) => self.search(now),
            Phase::Settled
                if largest_bytes > PATH_BYTES_MIN && self.checks.is_due(now, self.limit) =>
            {
                self.due = Some(now);
            }
            _ => {}
        }
    }

    /// The answer to a probe: whether it was one of ours.
    pub fn answered(&mut self, now: Time, id: u32, packet_bytes: usize) -> bool {
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.probe.id == id) else {
            return false;
        };
        if sent.probe.packet_bytes != packet_bytes || sent.is_answered {
            return false;
        }
        sent.is_answered = true;
        let sample = now.saturating_since(sent.at);
        self.round_trip = Some(RoundTrip::with(self.round_trip, sample));
        self.retry = RETRY_MIN;
        match self.phase {
            Phase::Searching(mut search) => {
                search.low = search.low.max(packet_bytes);
                self.phase = Phase::Searching(search);
                if search.low >= self.ceiling {
                    self.settle(now, search.low);
                }
            }
            Phase::Checking(check) if check == id => {
                (self.phase, self.due) = (Phase::Settled, None);
            }
            Phase::Silent => self.search(now),
            // Late, but it came through.
            Phase::Settled | Phase::Checking(_) if packet_bytes > self.limit => {
                self.settle(now, packet_bytes);
            }
            Phase::Settled | Phase::Checking(_) | Phase::Idle => {}
        }
        true
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.due.take_if(|due| *due <= now).is_none() {
            return;
        }
        match self.phase {
            Phase::Searching(search) => self.conclude(now, search),
            Phase::Settled => {
                self.checks.checked(now);
                let id = self.probe(now, self.limit);
                self.phase = Phase::Checking(id);
                self.due = Some(now + RoundTrip::patience(self.round_trip));
            }
            Phase::Checking(_) => self.search(now),
            // Whoever sends next finds out.
            Phase::Silent => self.phase = Phase::Idle,
            Phase::Idle => {}
        }
    }

    /// The next probe to send; to be drained after every other call.
    pub fn poll_probe(&mut self) -> Option<Probe> {
        let next = self.probes.pop_front();
        if next.is_none() && self.probes.capacity() > 0 {
            self.probes = VecDeque::new();
        }
        next
    }

    fn search(&mut self, now: Time) {
        (self.raise_at, self.searched) = (None, Some(now));
        let known = self.is_confirmed.then_some(self.limit);
        self.ask(now, Search::new(now, self.ceiling, known));
    }

    /// Sends a round's probes.
    fn ask(&mut self, now: Time, search: Search) {
        for size in search.sizes() {
            self.probe(now, size);
        }
        self.phase = Phase::Searching(search);
        self.due = Some(now + RoundTrip::patience(self.round_trip) / 2);
    }

    /// A round has had its time.
    fn conclude(&mut self, now: Time, mut search: Search) {
        let mut lost = search.lost(&self.sent);
        if !search.is_repeated {
            // Only those next to what comes through decide.
            lost.truncate(search::ROUND);
            for size in lost {
                self.probe(now, size);
            }
            search.is_repeated = true;
            self.phase = Phase::Searching(search);
            self.due = Some(now + RoundTrip::patience(self.round_trip));
            return;
        }
        let next = lost.first().copied();
        if search.low == 0 {
            (self.phase, self.due) = (Phase::Silent, Some(now + self.retry));
            self.retry = (self.retry * 2).min(RETRY_MAX);
            return;
        }
        search.high = next.unwrap_or(search.high);
        search.is_repeated = false;
        // An answer may come after its size was given up as lost, and leave nothing between.
        if search.high.saturating_sub(search.low) <= 1 {
            return self.settle(now, search.low);
        }
        if now.saturating_since(search.since) >= HOLD {
            self.set_limit(search.low);
        }
        self.ask(now, search);
    }

    fn settle(&mut self, now: Time, size: usize) {
        self.set_limit(size);
        self.is_confirmed = true;
        (self.phase, self.due) = (Phase::Settled, None);
        self.raise_at = (size < self.ceiling).then(|| now + RAISE_INTERVAL);
        self.sent.clear();
    }

    fn set_limit(&mut self, size: usize) {
        self.has_shrunk |= size < self.limit;
        self.limit = size;
    }

    fn probe(&mut self, now: Time, packet_bytes: usize) -> u32 {
        let probe = Probe { id: self.next_id, packet_bytes };
        self.next_id = (self.next_id + 1) & !crate::liveness::NUMBER_BIT;
        if self.sent.len() == REMEMBERED_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { probe, at: now, is_answered: false });
        self.probes.push_back(probe);
        probe.id
    }
}

#[cfg(test)]
mod tests;
