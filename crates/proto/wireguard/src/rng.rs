//! Randomness from a seed that forgets: what was drawn cannot be drawn again from what is left.

use crate::crypto::{HASH_BYTES, Secret, hchacha20};
use netloom_base::Seed;
use std::fmt;
use zeroize::Zeroizing;

/// A generator that replaces its key with every block it gives.
///
/// Ephemeral keys come from here. A generator that keeps its key, as stream ciphers do, would keep
/// all past ephemeral keys with it, and forward secrecy would end with whoever reads the memory.
pub struct ErasingRng {
    key: Secret,
}

/// HChaCha20 under these two nonces gives the next key and the output.
const NEXT_KEY: &[u8; 16] = b"netloom rng next";
const OUTPUT: &[u8; 16] = b"netloom rng give";

impl ErasingRng {
    /// The generator of a seed, which is not to be kept.
    pub fn new(seed: Seed) -> Self {
        Self { key: Zeroizing::new(seed.0) }
    }

    /// 32 bytes.
    pub fn block(&mut self) -> Zeroizing<[u8; HASH_BYTES]> {
        let output = hchacha20(&self.key, OUTPUT);
        self.key = hchacha20(&self.key, NEXT_KEY);
        output
    }

    /// A seed for another machine.
    pub fn fork(&mut self) -> Seed {
        Seed(*self.block())
    }

    pub(crate) fn number(&mut self) -> u32 {
        let [a, b, c, d, ..] = *self.block();
        u32::from_le_bytes([a, b, c, d])
    }
}

impl fmt::Debug for ErasingRng {
    /// A secret is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasingRng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn blocks_follow_from_the_seed_and_do_not_repeat() {
        let mut rng = ErasingRng::new(Seed::from_number(1));
        let blocks: BTreeSet<_> = (0..1_000).map(|_| *rng.block()).collect();
        assert_eq!(blocks.len(), 1_000);
        assert!(!blocks.contains(&*rng.key), "the key is never given out");
        let mut again = ErasingRng::new(Seed::from_number(1));
        assert!(blocks.contains(&*again.block()));
    }
}
