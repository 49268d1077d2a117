//! Products in GHASH's field, added up before they are reduced.

use crate::avx512::vectors;
use std::arch::x86_64::{
    __m512i, _mm512_bslli_epi128, _mm512_bsrli_epi128, _mm512_clmulepi64_epi128,
    _mm512_maskz_mov_epi64, _mm512_set1_epi32, _mm512_shuffle_epi32, _mm512_shuffle_i64x2,
    _mm512_xor_si512,
};

/// `x^63 + x^62 + x^57`: what the lower half of a product is folded with.
pub(super) const FOLD: u64 = 0xc200_0000_0000_0000;
/// Order of the dwords, and of the halves of a vector, that swaps neighbours.
const SWAP_HALVES: i32 = 0x4e;
const SWAP_QUARTERS: i32 = 0xb1;

/// Products of blocks and powers that are added up, before they are reduced: 256 bits in each quarter.
pub(super) struct Products {
    low: __m512i,
    middle: __m512i,
    high: __m512i,
}

impl Products {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    pub(super) fn nothing() -> Self {
        let nothing = _mm512_set1_epi32(0);
        Self { low: nothing, middle: nothing, high: nothing }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    pub(super) fn of(a: __m512i, b: __m512i) -> Self {
        let mut products = Self::nothing();
        products.add(a, b);
        products
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    pub(super) fn add(&mut self, a: __m512i, b: __m512i) {
        let crossed = _mm512_xor_si512(
            _mm512_clmulepi64_epi128::<0x01>(a, b),
            _mm512_clmulepi64_epi128::<0x10>(a, b),
        );
        self.low = _mm512_xor_si512(self.low, _mm512_clmulepi64_epi128::<0x00>(a, b));
        self.middle = _mm512_xor_si512(self.middle, crossed);
        self.high = _mm512_xor_si512(self.high, _mm512_clmulepi64_epi128::<0x11>(a, b));
    }

    /// The sum of all quarters, times `x^-128`, in the first quarter; nothing in the others.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vpclmulqdq")]
    pub(super) fn reduced(self) -> __m512i {
        let fold = vectors::first_quarter_in_all(FOLD);
        let low = _mm512_xor_si512(self.low, _mm512_bslli_epi128::<8>(self.middle));
        let high = _mm512_xor_si512(self.high, _mm512_bsrli_epi128::<8>(self.middle));
        // Adding a multiple of the polynomial clears 64 bits from below, twice.
        let mut folded = low;
        for _ in 0..2 {
            let swapped = _mm512_shuffle_epi32::<SWAP_HALVES>(folded);
            folded = _mm512_xor_si512(swapped, _mm512_clmulepi64_epi128::<0x00>(folded, fold));
        }
        let each = _mm512_xor_si512(high, folded);
        let both = _mm512_xor_si512(each, _mm512_shuffle_i64x2::<SWAP_HALVES>(each, each));
        let all = _mm512_xor_si512(both, _mm512_shuffle_i64x2::<SWAP_QUARTERS>(both, both));
        _mm512_maskz_mov_epi64(0b11, all)
    }
}
