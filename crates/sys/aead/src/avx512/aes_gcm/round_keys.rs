//! The keys of AES-256's rounds.

use super::ROUND_KEYS;
use crate::avx512::vectors;
use std::arch::x86_64::{
    _mm_aeskeygenassist_si128, _mm_shuffle_epi32, _mm_slli_si128, _mm_xor_si128,
};

/// The keys of all rounds (FIPS 197 §5.2).
#[target_feature(enable = "avx512f,aes")]
pub(super) fn of(key: &[u8; 32]) -> [[u8; 16]; ROUND_KEYS] {
    let [low, high] = [key.first_chunk(), key.last_chunk()].map(|half| *half.expect("32 bytes"));
    let mut keys = [[0; 16]; ROUND_KEYS];
    (keys[0], keys[1]) = (low, high);
    let (mut even, mut odd) = (vectors::of_block(&low), vectors::of_block(&high));
    // Each word is added to all behind it.
    macro_rules! spread {
        ($words:expr, $next:expr) => {{
            let mut sum = $words;
            for _ in 0..3 {
                sum = _mm_xor_si128($words, _mm_slli_si128::<4>(sum));
            }
            _mm_xor_si128(sum, $next)
        }};
    }
    macro_rules! pair {
        ($place:literal, $constant:literal) => {
            let next = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<$constant>(odd));
            even = spread!(even, next);
            let next = _mm_shuffle_epi32::<0xaa>(_mm_aeskeygenassist_si128::<0>(even));
            odd = spread!(odd, next);
            (keys[$place], keys[$place + 1]) = (vectors::to_block(even), vectors::to_block(odd));
        };
    }
    pair!(2, 0x01);
    pair!(4, 0x02);
    pair!(6, 0x04);
    pair!(8, 0x08);
    pair!(10, 0x10);
    pair!(12, 0x20);
    let next = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<0x40>(odd));
    keys[14] = vectors::to_block(spread!(even, next));
    keys
}
