//! The timers of the paper's §6, as times at which something is due.

use super::{Tunnel, TunnelEvent};
use crate::index_table::IndexTable;
use crate::limits::{
    KEEPALIVE_TIMEOUT, REKEY_ATTEMPT_TIME, REKEY_TIMEOUT, REKEY_TIMEOUT_JITTER_MAX, ZERO_KEYS_AFTER,
};
use netloom_base::{Time, WallTime};
use std::time::Duration;

/// When each thing is due, if at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    /// An initiation is to be sent, for the first time or again (§6.4).
    pub(super) initiate: Option<Time>,
    /// Data came in and nothing went out (§6.5).
    pub(super) keepalive: Option<Time>,
    /// More data came in while `keepalive` was running.
    another_keepalive: bool,
    /// Data went out and nothing came in: the session may be dead on the other side (§6.5).
    pub(super) unanswered: Option<Time>,
    /// All keys are to be wiped (§6.3).
    pub(super) wipe: Option<Time>,
    /// The persistent keepalive.
    pub(super) persistent: Option<Time>,
    /// The rekey of a session that is nearly too old to receive has been asked for.
    pub(super) last_minute: bool,
}

impl Tunnel {
    /// When [`Self::handle_timeout`] is to be called next, and why.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        [
            (self.timers.initiate, "handshake initiation"),
            (self.timers.keepalive, "keepalive"),
            (self.timers.unanswered, "no answer to data"),
            (self.timers.wipe, "wipe keys"),
            (self.timers.persistent, "persistent keepalive"),
        ]
        .into_iter()
        .filter_map(|(due, reason)| due.map(|due| (due, reason)))
        .min()
    }

    /// Does what is due. `wall` goes into initiations.
    pub fn handle_timeout(&mut self, now: Time, wall: WallTime, indexes: &mut IndexTable) {
        if take_due(&mut self.timers.wipe, now) {
            self.wipe(indexes);
            self.events.push_back(TunnelEvent::SessionExpired);
        }
        if take_due(&mut self.timers.keepalive, now) {
            let another = std::mem::take(&mut self.timers.another_keepalive);
            self.send_keepalive(now);
            if another {
                self.timers.keepalive = Some(now + KEEPALIVE_TIMEOUT);
            }
        }
        if take_due(&mut self.timers.unanswered, now) {
            self.want_handshake(now);
        }
        if take_due(&mut self.timers.persistent, now) {
            self.send_keepalive(now);
            // Without a session nothing was sent that would have set the timer.
            self.timers.persistent = self.keepalive.map(|interval| now + interval);
        }
        if take_due(&mut self.timers.initiate, now) {
            if self.is_attempt_over(now) {
                self.give_up(now, indexes);
            } else {
                self.initiate(now, wall, indexes);
            }
        }
    }

    /// Asks for a handshake, unless one is under way; never sooner than rekey-timeout after the
    /// last one. It is made by [`Self::handle_timeout`], for which it is due at once.
    pub(super) fn want_handshake(&mut self, now: Time) {
        if self.timers.initiate.is_none() {
            let soonest = self.last_handshake_sent.map_or(now, |sent| sent + REKEY_TIMEOUT);
            self.timers.initiate = Some(soonest.max(now));
            self.attempting_since = Some(now);
        }
    }

    fn is_attempt_over(&self, now: Time) -> bool {
        self.attempting_since.is_some_and(|since| now.saturating_since(since) >= REKEY_ATTEMPT_TIME)
    }

    fn give_up(&mut self, now: Time, indexes: &mut IndexTable) {
        self.abandon_attempt(indexes);
        self.attempting_since = None;
        self.drop_waiting();
        // What is left of older sessions goes too, though not at once.
        self.timers.wipe = self.timers.wipe.or(Some(now + ZERO_KEYS_AFTER));
        self.events.push_back(TunnelEvent::HandshakeFailed);
    }

    pub(super) fn initiation_sent(&mut self, now: Time) {
        self.last_handshake_sent = Some(now);
        self.timers.initiate = Some(now + REKEY_TIMEOUT + self.jitter());
        self.authenticated_sent(now);
    }

    /// A session exists: nothing is to be initiated any more.
    pub(super) fn handshake_completed(&mut self, now: Time) {
        self.timers.initiate = None;
        self.timers.last_minute = false;
        (self.attempting_since, self.unanswered) = (None, 0);
        self.stats.handshakes += 1;
        self.stats.last_handshake = Some(now);
    }

    pub(super) fn session_derived(&mut self, now: Time) {
        self.timers.wipe = Some(now + ZERO_KEYS_AFTER);
    }

    pub(super) fn authenticated_sent(&mut self, now: Time) {
        self.timers.keepalive = None;
        self.timers.another_keepalive = false;
        self.authenticated_either_way(now);
    }

    pub(super) fn data_sent(&mut self, now: Time) {
        if self.timers.unanswered.is_none() {
            let due = now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + self.jitter();
            self.timers.unanswered = Some(due);
        }
    }

    pub(super) fn authenticated_received(&mut self, now: Time) {
        self.timers.unanswered = None;
        self.authenticated_either_way(now);
    }

    pub(super) fn data_received(&mut self, now: Time) {
        if self.timers.keepalive.is_some() {
            self.timers.another_keepalive = true;
        } else {
            self.timers.keepalive = Some(now + KEEPALIVE_TIMEOUT);
        }
    }

    fn authenticated_either_way(&mut self, now: Time) {
        if let Some(interval) = self.keepalive {
            self.timers.persistent = Some(now + interval);
        }
    }

    fn jitter(&mut self) -> Duration {
        let span_ms = REKEY_TIMEOUT_JITTER_MAX.as_millis() as u64 + 1;
        Duration::from_millis(u64::from(self.rng.number()) % span_ms)
    }
}

fn take_due(timer: &mut Option<Time>, now: Time) -> bool {
    timer.take_if(|due| *due <= now).is_some()
}
