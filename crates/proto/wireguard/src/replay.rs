//! The replay window: a ring of bits over the counters received (RFC 6479).

/// Bits in the ring; one word of them is always being cleared ahead of the newest counter.
const RING_BITS: u64 = 8192;
const WORD_BITS: u64 = 64;
const WORDS: usize = (RING_BITS / WORD_BITS) as usize;

/// How far behind the newest counter a packet may be and still be accepted.
pub const REPLAY_WINDOW: u64 = RING_BITS - WORD_BITS;

/// Accepts each counter once, as long as it is less than [`REPLAY_WINDOW`] behind the newest.
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    /// One more than the newest counter; zero before the first.
    next: u64,
    ring: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { next: 0, ring: [0; WORDS] }
    }
}

impl ReplayWindow {
    /// Whether `counter` is new; if so it is marked as seen. Only for authenticated packets.
    pub fn accept(&mut self, counter: u64) -> bool {
        let Some(after) = counter.checked_add(1) else { return false };
        if self.next.saturating_sub(after) >= REPLAY_WINDOW {
            return false;
        }
        let word = counter / WORD_BITS;
        if after > self.next {
            self.clear_up_to(word);
            self.next = after;
        }
        let slot = &mut self.ring[(word % WORDS as u64) as usize];
        let bit = 1 << (counter % WORD_BITS);
        let new = *slot & bit == 0;
        *slot |= bit;
        new
    }

    /// Clears the words between the newest counter's and `word`, that one included.
    fn clear_up_to(&mut self, word: u64) {
        let newest = self.next.checked_sub(1).map(|counter| counter / WORD_BITS);
        let steps = newest.map_or(WORDS as u64, |newest| word - newest).min(WORDS as u64);
        for step in 0..steps {
            self.ring[((word - step.min(word)) % WORDS as u64) as usize] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// What the window must do, said without a ring.
    #[derive(Default)]
    struct Reference {
        seen: BTreeSet<u64>,
    }

    impl Reference {
        fn accept(&mut self, counter: u64) -> bool {
            let newest = self.seen.last().copied().unwrap_or(0);
            counter != u64::MAX
                && newest.saturating_sub(counter) < REPLAY_WINDOW
                && self.seen.insert(counter)
        }
    }

    #[test]
    fn the_window_holds_8128_counters() {
        let mut window = ReplayWindow::default();
        assert!(window.accept(REPLAY_WINDOW));
        assert!(!window.accept(0), "one too old");
        assert!(window.accept(1), "just within");
        assert!(!window.accept(1), "twice");
        assert!(!window.accept(u64::MAX));
    }

    #[test]
    fn the_highest_counters_do_not_overflow() {
        let mut window = ReplayWindow::default();
        assert!(window.accept(0));
        assert!(window.accept(u64::MAX - 1));
        assert!(!window.accept(u64::MAX - 1));
        assert!(window.accept(u64::MAX - 1 - (REPLAY_WINDOW - 1)));
        assert!(!window.accept(u64::MAX - 1 - REPLAY_WINDOW));
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_a_set(
            base in prop_oneof![Just(0u64), 0..100_000u64, Just(u64::MAX - 40_000)],
            steps in proptest::collection::vec(
                prop_oneof![-20i64..20, -9_000i64..9_000, -70i64..130], 1..300),
        ) {
            let (mut window, mut reference) = (ReplayWindow::default(), Reference::default());
            let mut at = base;
            for step in steps {
                at = at.saturating_add_signed(step);
                prop_assert_eq!(window.accept(at), reference.accept(at), "counter {}", at);
            }
        }
    }
}
