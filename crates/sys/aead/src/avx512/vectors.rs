//! Vectors of 64 bytes, and of 16, out of memory and into it.

use crate::BLOCK_BYTES;
use std::arch::x86_64::{
    __m128i, __m512i, __mmask64, _mm_loadu_si128, _mm_storeu_si128, _mm512_broadcast_i32x4,
    _mm512_castsi512_si128, _mm512_loadu_si512, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8,
    _mm512_storeu_si512, _mm512_zextsi128_si512,
};

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load(block: &[u8; BLOCK_BYTES]) -> __m512i {
    // SAFETY: the block has the 64 bytes that are read; they need not be aligned.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store(block: &mut [u8; BLOCK_BYTES], value: __m512i) {
    // SAFETY: the block has room for the 64 bytes that are written; they need not be aligned.
    unsafe { _mm512_storeu_si512(block.as_mut_ptr().cast(), value) }
}

/// The first `bytes` bytes of a vector, 64 at most.
#[inline]
pub(crate) fn mask(bytes: usize) -> __mmask64 {
    if bytes < BLOCK_BYTES { (1 << bytes) - 1 } else { __mmask64::MAX }
}

/// Up to 64 bytes, and zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn load_part(part: &[u8]) -> __m512i {
    // SAFETY: no byte is read that the mask leaves out, and it leaves out all behind the part.
    unsafe { _mm512_maskz_loadu_epi8(mask(part.len()), part.as_ptr().cast()) }
}

/// The first bytes of a vector, as many as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn store_part(part: &mut [u8], value: __m512i) {
    // SAFETY: no byte is written that the mask leaves out, and it leaves out all behind the part.
    unsafe { _mm512_mask_storeu_epi8(part.as_mut_ptr().cast(), mask(part.len()), value) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_words(words: &[u32; 16]) -> __m512i {
    // SAFETY: there are the 64 bytes that are read; they need not be aligned.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_limbs(limbs: &[u64; 8]) -> __m512i {
    // SAFETY: there are the 64 bytes that are read; they need not be aligned.
    unsafe { _mm512_loadu_si512(limbs.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store_limbs(limbs: &mut [u64; 8], value: __m512i) {
    // SAFETY: there is room for the 64 bytes that are written; they need not be aligned.
    unsafe { _mm512_storeu_si512(limbs.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_quarters(quarters: &[u128; 4]) -> __m512i {
    // SAFETY: there are the 64 bytes that are read; they need not be aligned.
    unsafe { _mm512_loadu_si512(quarters.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn of_block(block: &[u8; 16]) -> __m128i {
    // SAFETY: the block has the 16 bytes that are read; they need not be aligned.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn to_block(value: __m128i) -> [u8; 16] {
    let mut block = [0; 16];
    // SAFETY: the block has room for the 16 bytes that are written; they need not be aligned.
    unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), value) };
    block
}

/// A block in each quarter.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn in_all_quarters(block: &[u8; 16]) -> __m512i {
    _mm512_broadcast_i32x4(of_block(block))
}

/// A word in the lower half of each quarter, and nothing in the upper one.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn first_quarter_in_all(word: u64) -> __m512i {
    in_all_quarters(&u128::from(word).to_le_bytes())
}

/// A number in the first quarter, and nothing in the others.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn first_quarter(number: u128) -> __m512i {
    _mm512_zextsi128_si512(of_block(&number.to_le_bytes()))
}

/// What the first quarter holds.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn of_first_quarter(value: __m512i) -> u128 {
    u128::from_le_bytes(to_block(_mm512_castsi512_si128(value)))
}
