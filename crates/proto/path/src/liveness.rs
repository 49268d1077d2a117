//! Whether a peer that is relied on still answers: small probes while it is in use.
//!
//! Probes are those of the path MTU search ([`crate::Message::Probe`]) with numbers of their own, so
//! that every node that answers the one answers the other.

use netloom_base::Time;
use std::time::Duration;

/// Time from probe to probe.
const INTERVAL: Duration = Duration::from_millis(100);
/// Silence after which a peer counts as gone: five probes without an answer. Answers come as often as probes are sent,
/// however long they take; only the first one is waited for longer.
const SILENCE: Duration = Duration::from_millis(500);
/// What a round trip is thought to take that nobody knows.
const ROUND_TRIP_UNKNOWN: Duration = Duration::from_millis(250);
/// How long after its last use a peer is still watched.
const IN_USE: Duration = Duration::from_secs(10);
/// Numbers of these probes have this bit; the search counts without it.
pub(crate) const NUMBER_BIT: u32 = 1 << 31;

/// Watches one peer.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    used_until: Option<Time>,
    due: Option<Time>,
    /// When the first answer may be missed.
    first_by: Option<Time>,
    /// When the first probe was sent that has had no answer.
    unanswered: Option<Time>,
    is_down: bool,
    number: u32,
    probe: Option<u32>,
}

impl Liveness {
    /// Whether a probe's number is one of these.
    pub fn is_number(number: u32) -> bool {
        number & NUMBER_BIT != 0
    }

    /// The peer is relied on. Its first answer takes a round trip, and one more where it has no session
    /// (`has_session`), since a handshake comes before.
    pub fn used(&mut self, now: Time, round_trip: Option<Duration>, has_session: bool) {
        let is_watched = self.used_until.is_some_and(|until| now < until);
        self.used_until = Some(now + IN_USE);
        if !is_watched {
            // Silence while nobody asked says nothing.
            self.unanswered = None;
            self.due = Some(now);
            let round_trips = if has_session { 1 } else { 2 };
            let takes = round_trip.unwrap_or(ROUND_TRIP_UNKNOWN).saturating_mul(round_trips);
            self.first_by = Some(now + takes + SILENCE);
        }
    }

    /// Something came from the peer that only it can have sent.
    pub fn heard(&mut self) {
        (self.unanswered, self.first_by) = (None, None);
        self.is_down = false;
    }

    /// Whether it does not answer.
    pub fn is_down(&self) -> bool {
        self.is_down
    }

    /// When [`Self::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        if self.used_until.is_none_or(|until| until <= now) {
            self.due = None;
            return;
        }
        let since = *self.unanswered.get_or_insert(now);
        let may_be_missed = self.first_by.is_none_or(|first_by| first_by <= now);
        self.is_down |= may_be_missed && since + SILENCE <= now;
        self.number = (self.number + 1) & !NUMBER_BIT;
        self.probe = Some(self.number | NUMBER_BIT);
        self.due = Some(now + INTERVAL);
    }

    /// The number of the next probe to send.
    pub fn poll_probe(&mut self) -> Option<u32> {
        self.probe.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn silence_is_noticed_within_a_second_and_only_while_in_use() {
        let mut peer = Liveness::default();
        assert_eq!(peer.poll_timeout(), None);
        let (mut last_heard, mut down_after) = (0, None);
        for ms in 0..1_500 {
            peer.used(at(ms), None, true);
            peer.handle_timeout(at(ms));
            if let Some(number) = peer.poll_probe() {
                assert!(Liveness::is_number(number));
                if ms < 400 {
                    last_heard = ms;
                    peer.heard();
                }
            }
            if peer.is_down() && down_after.is_none() {
                down_after = Some(ms - last_heard);
            }
        }
        let down_after = down_after.unwrap();
        assert!((500..=700).contains(&down_after), "down after {down_after} ms");
        peer.heard();
        assert!(!peer.is_down());
        for ms in (1_500..12_000).step_by(50) {
            peer.handle_timeout(at(ms));
        }
        assert_eq!(peer.poll_timeout(), None, "nobody uses it any more");
        peer.heard();
        // Silence while nobody asked is not held against it.
        peer.used(at(120_000), None, true);
        peer.handle_timeout(at(120_000));
        assert!(!peer.is_down());
    }
}
