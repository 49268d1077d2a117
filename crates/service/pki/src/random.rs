//! The one place where randomness is drawn from the system.

use aws_lc_rs::rand;

/// Random bytes, fit for keys.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's generator cannot fail once it has started");
    bytes
}
