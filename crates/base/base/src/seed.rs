//! All randomness comes from a seed that the caller hands in: the same seed gives the same trace.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::fmt;

/// 256 bits from which a machine derives every random choice it makes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A seed for tests and simulations, spread from a small number.
    pub fn from_number(number: u64) -> Self {
        let mut bytes = [0; 32];
        rand_core::RngCore::fill_bytes(&mut ChaCha20Rng::seed_from_u64(number), &mut bytes);
        Self(bytes)
    }

    /// The generator of this seed; cryptographically strong if the seed is.
    pub fn rng(self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.0)
    }
}

impl fmt::Debug for Seed {
    /// A seed makes keys, so it is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}
