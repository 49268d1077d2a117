//! The gate before handshakes: what to spend a Diffie-Hellman exchange on when under load.

use crate::cookie::CookieSecret;
use crate::drop_reason::DropReason;
use crate::identity::Identity;
use crate::limits::{
    LIMITED_SOURCES_MAX, SOURCE_BURST, SOURCE_HANDSHAKES_PER_SECOND, WAITING_HANDSHAKES_LOADED,
};
use crate::message::{COOKIE_REPLY_BYTES, Macs};
use crate::rng::ErasingRng;
use netloom_base::{Seed, Time};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The meter counts over windows of this length, and load lasts this long after the last excess.
const LOAD_WINDOW: Duration = Duration::from_secs(1);

/// What to do with a handshake message whose mac1 verifies.
#[derive(Debug)]
pub enum Admission {
    /// Process it.
    Admit,
    /// Send this cookie reply to its source instead, and forget it.
    Challenge([u8; COOKIE_REPLY_BYTES]),
    /// Forget it.
    Refuse(DropReason),
}

/// One per port: the load, the cookie secret, and how often each source asks.
pub struct Gate {
    load: LoadMeter,
    secret: CookieSecret,
    sources: SourceLimiter,
    rng: ErasingRng,
}

impl Gate {
    /// A gate that is under load above `handshakes_per_second` handshake messages.
    pub fn new(handshakes_per_second: u32, seed: Seed, now: Time) -> Self {
        let mut rng = ErasingRng::new(seed);
        Self {
            load: LoadMeter::new(handshakes_per_second, now),
            secret: CookieSecret::new(&mut rng, now),
            sources: SourceLimiter::default(),
            rng,
        }
    }

    /// Judges a handshake message from `source` that is addressed to `identity`
    /// ([`Identity::is_addressed`]). `waiting` admitted ones have not been processed yet: many of them
    /// are load too, however few come in a second.
    pub fn admit(
        &mut self,
        now: Time,
        source: SocketAddr,
        identity: &Identity,
        macs: &Macs<'_>,
        waiting: usize,
    ) -> Admission {
        if !self.load.count(now) && waiting < WAITING_HANDSHAKES_LOADED {
            return Admission::Admit;
        }
        self.secret.rotate_if_old(&mut self.rng, now);
        if !self.secret.verifies(source, macs) {
            let reply = self.secret.reply(&mut self.rng, &identity.macs, source, macs);
            return Admission::Challenge(reply);
        }
        if self.sources.take(now, source.ip()) {
            Admission::Admit
        } else {
            Admission::Refuse(DropReason::RateLimited)
        }
    }

    /// Whether the gate asks for cookies at `now`.
    pub fn is_under_load(&self, now: Time) -> bool {
        self.load.is_loaded(now)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("load", &self.load).finish_non_exhaustive()
    }
}

/// Counts handshake messages per window.
#[derive(Debug)]
struct LoadMeter {
    per_window_max: u32,
    window_start: Time,
    in_window: u32,
    loaded_until: Time,
}

impl LoadMeter {
    fn new(per_window_max: u32, now: Time) -> Self {
        Self { per_window_max, window_start: now, in_window: 0, loaded_until: Time::ZERO }
    }

    /// Counts a message and says whether there is load.
    fn count(&mut self, now: Time) -> bool {
        if now.saturating_since(self.window_start) >= LOAD_WINDOW {
            self.window_start = now;
            self.in_window = 0;
        }
        self.in_window = self.in_window.saturating_add(1);
        if self.in_window > self.per_window_max {
            self.loaded_until = now + LOAD_WINDOW;
        }
        self.is_loaded(now)
    }

    fn is_loaded(&self, now: Time) -> bool {
        now < self.loaded_until
    }
}

/// A token bucket per source: an IPv4 address, or the /64 of an IPv6 address, whose owner has
/// all the addresses in it.
#[derive(Debug, Default)]
struct SourceLimiter {
    buckets: BTreeMap<IpAddr, Bucket>,
    /// When the full table was last looked through for sources that are idle.
    pruned_at: Option<Time>,
}

/// A full table is looked through no more often than this: it takes longer than all else that is done for a message, and
/// whoever has many addresses could have it done for each of them.
const PRUNE_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Bucket {
    tokens_ns: u64,
    filled_at: Time,
}

impl Bucket {
    const TOKEN_NS: u64 = 1_000_000_000 / SOURCE_HANDSHAKES_PER_SECOND;
    const FULL_NS: u64 = Self::TOKEN_NS * SOURCE_BURST;

    fn fill(&mut self, now: Time) {
        let passed = now.0.saturating_sub(self.filled_at.0);
        self.tokens_ns = self.tokens_ns.saturating_add(passed).min(Self::FULL_NS);
        self.filled_at = now;
    }
}

impl SourceLimiter {
    fn take(&mut self, now: Time, source: IpAddr) -> bool {
        let key = match source {
            IpAddr::V4(_) => source,
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        };
        if !self.buckets.contains_key(&key) && self.buckets.len() >= LIMITED_SOURCES_MAX {
            if self.pruned_at.is_none_or(|at| at + PRUNE_INTERVAL <= now) {
                self.pruned_at = Some(now);
                self.buckets.retain(|_, bucket| {
                    bucket.fill(now);
                    bucket.tokens_ns < Bucket::FULL_NS
                });
            }
            if self.buckets.len() >= LIMITED_SOURCES_MAX {
                return false;
            }
        }
        let full = Bucket { tokens_ns: Bucket::FULL_NS, filled_at: now };
        let bucket = self.buckets.entry(key).or_insert(full);
        bucket.fill(now);
        let Some(rest) = bucket.tokens_ns.checked_sub(Bucket::TOKEN_NS) else { return false };
        bucket.tokens_ns = rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_starts_above_the_limit_and_ends_a_second_after_the_last_excess() {
        let mut meter = LoadMeter::new(3, Time::ZERO);
        for _ in 0..3 {
            assert!(!meter.count(Time::from_millis(1)));
        }
        assert!(meter.count(Time::from_millis(500)));
        assert!(meter.is_loaded(Time::from_millis(1_499)));
        assert!(!meter.is_loaded(Time::from_millis(1_500)));
        assert!(!meter.count(Time::from_millis(1_600)), "a new window");
    }

    #[test]
    fn a_source_has_a_burst_and_then_its_rate() {
        let mut limiter = SourceLimiter::default();
        let source: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        for _ in 0..SOURCE_BURST {
            assert!(limiter.take(Time::ZERO, source));
        }
        assert!(!limiter.take(Time::ZERO, neighbour), "the /64 counts as one");
        assert!(limiter.take(Time::ZERO, "192.0.2.1".parse().unwrap()));
        let refill = Time::from_millis(1_000 / SOURCE_HANDSHAKES_PER_SECOND);
        assert!(limiter.take(refill, source));
        assert!(!limiter.take(refill, source));
    }

    #[test]
    fn the_table_of_sources_is_bounded_and_empties_itself() {
        let mut limiter = SourceLimiter::default();
        let source = |i: u32| IpAddr::from(i.to_be_bytes());
        let many = u32::try_from(LIMITED_SOURCES_MAX).unwrap();
        for i in 0..many {
            assert!(limiter.take(Time::ZERO, source(i)));
        }
        assert!(!limiter.take(Time::ZERO, source(many)), "full");
        assert!(limiter.take(Time::from_millis(10_000), source(many)), "the others are idle");
        assert_eq!(limiter.buckets.len(), 1);
    }

    #[test]
    fn a_full_table_is_not_looked_through_for_each_message() {
        let mut limiter = SourceLimiter::default();
        let source = |i: u32| IpAddr::from(i.to_be_bytes());
        let many = u32::try_from(LIMITED_SOURCES_MAX).unwrap();
        for i in 0..many {
            assert!(limiter.take(Time::ZERO, source(i)));
        }
        let mut looks = std::collections::BTreeSet::new();
        for i in 0..1000 {
            let now = Time(u64::from(i) * 20_000);
            assert!(!limiter.take(now, source(many + i)));
            looks.insert(limiter.pruned_at);
        }
        assert_eq!(looks.len(), 2, "in 20 ms");
    }
}
