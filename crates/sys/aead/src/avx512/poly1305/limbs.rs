//! What Poly1305 does once for each packet: the limbs of its key, and the tag out of the sum (RFC 8439 §2.5).

use crate::{BLOCK_BYTES, TAG_BYTES};

const MASK_44: u64 = (1 << 44) - 1;
const MASK_42: u64 = (1 << 42) - 1;

/// The key to multiply with, clamped, in limbs of 44, 44 and 42 bits.
pub(crate) fn of_key(key: &[u8; BLOCK_BYTES]) -> [u64; 3] {
    let (r, _) = parts(key);
    let r = r & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
    [r as u64 & MASK_44, (r >> 44) as u64 & MASK_44, (r >> 88) as u64]
}

/// The tag: the sum modulo 2^130 − 5, and the second half of the key added to it.
pub(crate) fn tag([h0, h1, h2]: [u64; 3], key: &[u8; BLOCK_BYTES]) -> [u8; TAG_BYTES] {
    let mut h = [h0, h1, h2];
    // What goes round once may carry through all limbs again.
    for _ in 0..2 {
        h[1] += h[0] >> 44;
        h[2] += h[1] >> 44;
        let above = h[2] >> 42;
        h = [(h[0] & MASK_44) + above * 5, h[1] & MASK_44, h[2] & MASK_42];
    }
    h = [h[0] & MASK_44, h[1] + (h[0] >> 44), h[2]];
    // If adding five reaches 2^130, the sum was too large by 2^130 − 5.
    let less_0 = h[0] + 5;
    let less_1 = h[1] + (less_0 >> 44);
    let less_2 = h[2] + (less_1 >> 44);
    let is_over = 0_u64.wrapping_sub(less_2 >> 42);
    let less = [less_0 & MASK_44, less_1 & MASK_44, less_2 & MASK_42];
    for (limb, less) in h.iter_mut().zip(less) {
        *limb = (*limb & !is_over) | (less & is_over);
    }
    let sum = u128::from(h[0]) | u128::from(h[1]) << 44 | u128::from(h[2]) << 88;
    sum.wrapping_add(parts(key).1).to_le_bytes()
}

/// Both halves of a one-time key.
fn parts(key: &[u8; BLOCK_BYTES]) -> (u128, u128) {
    let half = |at: usize| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&key[at..at + 16]);
        u128::from_le_bytes(bytes)
    };
    (half(0), half(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_next_to_the_modulus_are_reduced() {
        let mut key = [0; BLOCK_BYTES];
        let modulus = [(1 << 44) - 5, (1 << 44) - 1, (1 << 42) - 1];
        assert_eq!(tag(modulus, &key), [0; 16]);
        let [low, middle, high] = modulus;
        assert_eq!(tag([low + 4, middle, high], &key)[..2], [4, 0]);
        assert_eq!(tag([low + 5, middle, high], &key)[..2], [5, 0]);
        assert_eq!(tag([low - 1, middle, high], &key)[..2], [0xfa, 0xff]);
        assert_eq!(tag([0, 1 << 44, 1 << 42], &key), tag([5, 0, 1], &key));
        key[16..32].fill(0xff);
        assert_eq!(tag([2, 0, 0], &key)[..2], [1, 0]);
    }

    proptest! {
        #[test]
        fn tags_are_those_of_the_definition(
            h0 in 0..1_u64 << 46, h1 in 0..1_u64 << 46, h2 in 0..1_u64 << 44, s: u128,
        ) {
            let mut key = [0; BLOCK_BYTES];
            key[16..32].copy_from_slice(&s.to_le_bytes());
            // In 128 bits and what is above them, of which 2^130 counts five.
            let below = u128::from(h0) + (u128::from(h1) << 44);
            let (low, carried) = below.overflowing_add(u128::from(h2 & ((1 << 40) - 1)) << 88);
            let top = u128::from(h2 >> 40) + u128::from(carried);
            let (low, carried) = low.overflowing_add((top >> 2) * 5);
            let top = (top & 3) + u128::from(carried);
            let (low, carried) = low.overflowing_add((top >> 2) * 5);
            let top = (top & 3) + u128::from(carried);
            let reduced = if top == 3 && low >= u128::MAX - 4 { low.wrapping_add(5) } else { low };
            prop_assert_eq!(tag([h0, h1, h2], &key), reduced.wrapping_add(s).to_le_bytes());
        }
    }
}
