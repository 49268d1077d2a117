//! Poly1305 (RFC 8439 §2.5) of eight packets side by side: each lane has a packet, its key and its sum.
//!
//! Numbers have three limbs of 44, 44 and 42 bits, since IFMA multiplies 52 bits: products of limbs come as two halves, the low
//! 52 bits and what is above them.

mod limbs;

use super::chacha20::transposed_quarters;
use super::vectors::{load, load_limbs, load_part, store_limbs};
use crate::{BLOCK_BYTES, NO_TAGS, PACKETS_MAX, Packets, Tags};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64,
    _mm512_or_si512, _mm512_set1_epi64, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

/// Packets of one pass.
const LANES: usize = 8;
/// What is added to the third limb for a whole block: 2^128.
const WHOLE: i64 = 1 << 40;
const MASK_44: i64 = (1 << 44) - 1;
const MASK_42: i64 = (1 << 42) - 1;

/// The tags of additional data and texts, by the one-time key of each packet.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(crate) fn tags(
    keys: &[[u8; BLOCK_BYTES]; PACKETS_MAX],
    aad: &[u8],
    packets: &Packets<'_, '_>,
) -> Tags {
    let mut tags = NO_TAGS;
    if packets.nonces.is_empty() {
        return tags;
    }
    if packets.nonces.len() > LANES {
        // Each step waits for the one before it: two sums fill each other's gaps.
        let mut sums = [Sum::new(keys, 0), Sum::new(keys, LANES)];
        add_all(&mut sums, aad, packets);
        sums.iter().zip([0, LANES]).for_each(|(sum, first)| sum.tags(keys, &mut tags, first));
    } else {
        let mut sums = [Sum::new(keys, 0)];
        add_all(&mut sums, aad, packets);
        sums[0].tags(keys, &mut tags, 0);
    }
    tags
}

/// Adds additional data, texts and their lengths, to sums of eight packets each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn add_all<const SUMS: usize>(sums: &mut [Sum; SUMS], aad: &[u8], packets: &Packets<'_, '_>) {
    for block in aad.chunks(16) {
        let mut whole = [0; 16];
        whole[..block.len()].copy_from_slice(block);
        sums.iter_mut().for_each(|sum| sum.add_same(u128::from_le_bytes(whole)));
    }
    let (bytes, last) = (packets.text_bytes, packets.nonces.len() - 1);
    for at in (0..bytes).step_by(BLOCK_BYTES) {
        let blocks = (bytes - at).div_ceil(16).min(4);
        let [mut low, mut high] = [[[_mm512_set1_epi64(0); 4]; SUMS]; 2];
        for half in 0..SUMS {
            let mut rows = [_mm512_set1_epi64(0); LANES];
            for (lane, row) in rows.iter_mut().enumerate() {
                // Lanes without a packet work on the last one again; nobody asks for what they find.
                let text = &packets.texts[(half * LANES + lane).min(last)][at..bytes];
                *row = match text.first_chunk() {
                    Some(chunk) => load(chunk),
                    None => load_part(text),
                };
            }
            (low[half], high[half]) = halves(&rows);
        }
        for block in 0..blocks {
            for half in 0..SUMS {
                sums[half].add(low[half][block], high[half][block]);
            }
        }
    }
    let lengths = aad.len() as u128 | (bytes as u128) << 64;
    sums.iter_mut().for_each(|sum| sum.add_same(lengths));
}

/// The low and the high eight bytes of the four blocks in each row, a row in each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn halves(rows: &[__m512i; LANES]) -> ([__m512i; 4], [__m512i; 4]) {
    let [mut low, mut high] = [[rows[0]; 4]; 2];
    for (place, pair) in rows.as_chunks::<2>().0.iter().enumerate() {
        low[place] = _mm512_unpacklo_epi64(pair[0], pair[1]);
        high[place] = _mm512_unpackhi_epi64(pair[0], pair[1]);
    }
    (transposed_quarters(low), transposed_quarters(high))
}

/// What has been added up so far, and the keys to multiply with.
struct Sum {
    h: [__m512i; 3],
    r: [__m512i; 3],
    /// The second and third limb of the key times 20: what is above 2^130 comes back as five times its value.
    s: [__m512i; 2],
}

impl Sum {
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn new(keys: &[[u8; BLOCK_BYTES]; PACKETS_MAX], first: usize) -> Self {
        let mut r = [[0; LANES]; 3];
        for (lane, key) in keys[first..first + LANES].iter().enumerate() {
            for (limb, value) in r.iter_mut().zip(limbs::of_key(key)) {
                limb[lane] = value;
            }
        }
        let s = [r[1].map(|limb| limb * 20), r[2].map(|limb| limb * 20)];
        let mut sum = Self {
            h: [_mm512_set1_epi64(0); 3],
            r: [_mm512_set1_epi64(0); 3],
            s: [_mm512_set1_epi64(0); 2],
        };
        for (to, from) in sum.r.iter_mut().zip(&r).chain(sum.s.iter_mut().zip(&s)) {
            *to = load_limbs(from);
        }
        sum
    }

    /// Adds the same block in all lanes.
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn add_same(&mut self, block: u128) {
        let [low, high] = [block as u64, (block >> 64) as u64];
        self.add(_mm512_set1_epi64(low.cast_signed()), _mm512_set1_epi64(high.cast_signed()));
    }

    /// Adds a block, and multiplies by the key.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn add(&mut self, low: __m512i, high: __m512i) {
        let (mask_44, mask_42) = (_mm512_set1_epi64(MASK_44), _mm512_set1_epi64(MASK_42));
        let middle = _mm512_or_si512(_mm512_srli_epi64::<44>(low), _mm512_slli_epi64::<20>(high));
        let top = _mm512_or_si512(_mm512_srli_epi64::<24>(high), _mm512_set1_epi64(WHOLE));
        let h0 = _mm512_add_epi64(self.h[0], _mm512_and_si512(low, mask_44));
        let h1 = _mm512_add_epi64(self.h[1], _mm512_and_si512(middle, mask_44));
        let h2 = _mm512_add_epi64(self.h[2], top);
        let ([r0, r1, r2], [s1, s2]) = (self.r, self.s);
        let (low_0, high_0) = products([(h0, r0), (h1, s2), (h2, s1)]);
        let (low_1, high_1) = products([(h0, r1), (h1, r0), (h2, s2)]);
        let (low_2, high_2) = products([(h0, r2), (h1, r1), (h2, r0)]);
        let h0 = _mm512_and_si512(low_0, mask_44);
        let carry =
            _mm512_add_epi64(_mm512_srli_epi64::<44>(low_0), _mm512_slli_epi64::<8>(high_0));
        let low_1 = _mm512_add_epi64(low_1, carry);
        let h1 = _mm512_and_si512(low_1, mask_44);
        let carry =
            _mm512_add_epi64(_mm512_srli_epi64::<44>(low_1), _mm512_slli_epi64::<8>(high_1));
        let low_2 = _mm512_add_epi64(low_2, carry);
        let h2 = _mm512_and_si512(low_2, mask_42);
        let carry =
            _mm512_add_epi64(_mm512_srli_epi64::<42>(low_2), _mm512_slli_epi64::<10>(high_2));
        // What is above 2^130 is five times as much below.
        let h0 = _mm512_add_epi64(h0, _mm512_add_epi64(carry, _mm512_slli_epi64::<2>(carry)));
        let h1 = _mm512_add_epi64(h1, _mm512_srli_epi64::<44>(h0));
        self.h = [_mm512_and_si512(h0, mask_44), h1, h2];
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
    fn tags(&self, keys: &[[u8; BLOCK_BYTES]; PACKETS_MAX], tags: &mut Tags, first: usize) {
        let mut h = [[0; LANES]; 3];
        for (limb, value) in h.iter_mut().zip(self.h) {
            store_limbs(limb, value);
        }
        for lane in 0..LANES {
            tags[first + lane] = limbs::tag(h.map(|limb| limb[lane]), &keys[first + lane]);
        }
    }
}

/// The low and the high halves of three products, added up.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn products(factors: [(__m512i, __m512i); 3]) -> (__m512i, __m512i) {
    let mut sums = (_mm512_set1_epi64(0), _mm512_set1_epi64(0));
    for (a, b) in factors {
        sums.0 = _mm512_madd52lo_epu64(sums.0, a, b);
        sums.1 = _mm512_madd52hi_epu64(sums.1, a, b);
    }
    sums
}
