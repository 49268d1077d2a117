//! One direction of an emulated link: what goes in comes out later, lost, or out of order.
//!
//! ```text
//! packet ─► loss ─► queue of the rate ─► delay ± jitter ─► out, in order unless chosen to overtake
//! ```
//! The same seed and the same input give the same output. Not emulated: duplication and corruption.
#![forbid(unsafe_code)]

use netloom_base::{Seed, Time};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most packets that are on the way at once; more are dropped as by a full buffer.
pub const PACKETS_MAX: usize = 20_000;
/// Longest wait for the rate before packets are dropped (drop-tail).
pub const QUEUE_DELAY_MAX: Duration = Duration::from_millis(100);

/// The properties of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkProfile {
    /// One-way delay.
    pub delay: Duration,
    /// Largest deviation from it, both ways, evenly spread.
    pub jitter: Duration,
    /// Share of packets lost, in millionths.
    pub loss_ppm: u32,
    /// Share of packets that skip the delay and so overtake others, in millionths.
    pub reorder_ppm: u32,
    /// Bits per second; without limit if `None`.
    pub rate_bps: Option<u64>,
}

/// What became of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Came out.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
}

/// One direction of a link.
#[derive(Debug)]
pub struct LinkEmulator {
    profile: LinkProfile,
    rng: ChaCha20Rng,
    /// Packets on the way, by the time they come out and the order they went in.
    underway: BTreeMap<(Time, u64), Vec<u8>>,
    sequence: u64,
    /// When the transmitter has sent all it holds.
    transmitter_free: Time,
    /// When the last packet in order comes out.
    last_out: Time,
    counters: LinkCounters,
}

impl LinkEmulator {
    /// A link with nothing on it.
    pub fn new(profile: LinkProfile, seed: Seed) -> Self {
        Self {
            profile,
            rng: seed.rng(),
            underway: BTreeMap::new(),
            sequence: 0,
            transmitter_free: Time::ZERO,
            last_out: Time::ZERO,
            counters: LinkCounters::default(),
        }
    }

    /// Puts a packet in.
    pub fn handle_input(&mut self, now: Time, packet: &[u8]) {
        if self.chance(self.profile.loss_ppm) {
            self.counters.lost += 1;
            return;
        }
        let start = self.transmitter_free.max(now);
        if start - now > QUEUE_DELAY_MAX || self.underway.len() >= PACKETS_MAX {
            self.counters.overflowed += 1;
            return;
        }
        self.transmitter_free = start + self.serialisation(packet.len());
        let mut out = self.transmitter_free;
        if !self.chance(self.profile.reorder_ppm) {
            out = (out + self.delay()).max(self.last_out);
            self.last_out = out;
        }
        self.underway.insert((out, self.sequence), packet.to_vec());
        self.sequence += 1;
    }

    /// The next packet that has come out by `now`.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Vec<u8>> {
        let entry = self.underway.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        self.counters.delivered += 1;
        Some(entry.remove())
    }

    /// When the next packet comes out.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let ((time, _), _) = self.underway.first_key_value()?;
        Some((*time, "a packet arrives"))
    }

    /// What became of packets so far.
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    fn serialisation(&self, bytes: usize) -> Duration {
        let Some(rate) = self.profile.rate_bps.filter(|rate| *rate > 0) else {
            return Duration::ZERO;
        };
        let nanos = bytes as u128 * 8 * 1_000_000_000 / u128::from(rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn delay(&mut self) -> Duration {
        let spread = u64::try_from(self.profile.jitter.as_nanos() * 2).unwrap_or(u64::MAX);
        if spread == 0 {
            return self.profile.delay;
        }
        let offset = Duration::from_nanos(self.rng.next_u64() % (spread + 1));
        (self.profile.delay + offset).saturating_sub(self.profile.jitter)
    }

    fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.rng.next_u64() % 1_000_000 < u64::from(ppm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(profile: LinkProfile) -> LinkEmulator {
        LinkEmulator::new(profile, Seed::from_number(1))
    }

    fn arrivals(link: &mut LinkEmulator) -> Vec<(Time, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some((time, _)) = link.poll_timeout() {
            while let Some(packet) = link.poll_transmit(time) {
                all.push((time, packet));
            }
        }
        all
    }

    #[test]
    fn delay_and_rate_add_up() {
        let profile = LinkProfile {
            delay: Duration::from_millis(10),
            rate_bps: Some(8_000_000),
            ..LinkProfile::default()
        };
        let mut link = link(profile);
        link.handle_input(Time::ZERO, &[0; 1000]);
        link.handle_input(Time::ZERO, &[1; 1000]);
        let times: Vec<Time> = arrivals(&mut link).into_iter().map(|(time, _)| time).collect();
        assert_eq!(times, [Time::from_millis(11), Time::from_millis(12)]);
    }

    #[test]
    fn jitter_keeps_order_and_reordering_does_not() {
        for (reorder_ppm, in_order) in [(0, true), (200_000, false)] {
            let mut link = link(LinkProfile {
                delay: Duration::from_millis(5),
                jitter: Duration::from_millis(4),
                reorder_ppm,
                ..LinkProfile::default()
            });
            for number in 0..100u8 {
                link.handle_input(Time::from_millis(u64::from(number)), &[number]);
            }
            let order: Vec<u8> = arrivals(&mut link).into_iter().map(|(_, p)| p[0]).collect();
            assert_eq!(order.len(), 100);
            assert_eq!(order.is_sorted(), in_order);
        }
    }

    #[test]
    fn loss_is_near_its_share_and_the_same_for_the_same_seed() {
        let run = || {
            let mut link = link(LinkProfile { loss_ppm: 100_000, ..LinkProfile::default() });
            (0..10_000).for_each(|_| link.handle_input(Time::ZERO, &[0]));
            link.counters()
        };
        let counters = run();
        assert!((800..1200).contains(&counters.lost), "{counters:?}");
        assert_eq!(counters, run());
    }

    #[test]
    fn a_full_queue_drops_instead_of_growing() {
        let mut link = link(LinkProfile { rate_bps: Some(1_000_000), ..LinkProfile::default() });
        (0..1000).for_each(|_| link.handle_input(Time::ZERO, &[0; 1250]));
        assert!(link.counters().overflowed > 900);
    }
}
