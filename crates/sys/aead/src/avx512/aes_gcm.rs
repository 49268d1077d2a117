//! AES-256-GCM (NIST SP 800-38D) with AVX-512: four blocks in each vector, sixteen in flight.
//!
//! GHASH is computed as POLYVAL, whose bits are in the processor's order (RFC 8452, appendix A):
//! `GHASH(H, X…) = reversed(POLYVAL(x · reversed(H), reversed(X)…))`, where a product is `a · b · x^-128` modulo
//! `x^128 + x^127 + x^126 + x^121 + 1`. What sixteen blocks add to the sum is multiplied by the key's powers and reduced once.

mod products;
mod round_keys;

use super::vectors::{self, load, load_part, mask, store, store_part};
use crate::{BLOCK_BYTES, NO_TAGS, Packets, Tags};
use products::{FOLD, Products};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_aesenc_epi128, _mm512_aesenclast_epi128,
    _mm512_maskz_mov_epi8, _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_xor_si512,
};
use zeroize::Zeroize;

/// Rounds, and one more key than rounds.
const ROUND_KEYS: usize = 15;
/// Blocks that are added to the sum at once, and their bytes.
const BLOCKS: usize = 16;
const CHUNK_BYTES: usize = BLOCKS * 16;
/// Powers of GHASH's key: for the blocks of a chunk that is not quite full, and the lengths.
const POWERS: usize = BLOCKS + 1;
/// Vectors of a chunk.
const VECTORS: usize = CHUNK_BYTES / BLOCK_BYTES;
/// A key, ready for use.
pub(crate) struct Key {
    rounds: [[u8; 16]; ROUND_KEYS],
    /// The highest power of GHASH's key to the first; nothing behind it, for blocks that are not there.
    powers: [u128; POWERS + 3],
}

impl Drop for Key {
    fn drop(&mut self) {
        self.rounds.zeroize();
        self.powers.zeroize();
    }
}

impl Key {
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut made = Self { rounds: round_keys::of(key), powers: [0; POWERS + 3] };
        let nothing = _mm512_set1_epi32(0);
        let [zero, ..] = made.encrypted([nothing]);
        let mut block = [0; BLOCK_BYTES];
        store(&mut block, zero);
        let hash_key = u128::from_be_bytes(std::array::from_fn(|place| block[place]));
        // Times x; what is carried out comes back as the polynomial's other terms.
        let carry = 0_u128.wrapping_sub(hash_key >> 127);
        let hash_key = (hash_key << 1) ^ (carry & (u128::from(FOLD) << 64 | 1));
        let first = vectors::first_quarter(hash_key);
        let mut power = first;
        for place in (0..POWERS).rev() {
            made.powers[place] = vectors::of_first_quarter(power);
            power = Products::of(power, first).reduced();
        }
        made
    }

    /// Encrypts the texts and gives their tags.
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    pub(crate) fn seal(&self, aad: &[u8], packets: &mut Packets<'_, '_>) -> Tags {
        self.tags::<true>(aad, packets)
    }

    /// Decrypts the texts, and gives the tags that they should have had.
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    pub(crate) fn open(&self, aad: &[u8], packets: &mut Packets<'_, '_>) -> Tags {
        self.tags::<false>(aad, packets)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    fn tags<const SEALS: bool>(&self, aad: &[u8], packets: &mut Packets<'_, '_>) -> Tags {
        let mut tags = self.masks(packets.nonces);
        let mut start = _mm512_set1_epi32(0);
        if !aad.is_empty() {
            // A vector has room for the longest.
            let blocks = _mm512_shuffle_epi8(load_part(aad), reversal());
            start =
                Products::of(blocks, self.powers_from(POWERS - aad.len().div_ceil(16))).reduced();
        }
        let text_bytes = packets.text_bytes;
        let lengths = (aad.len() as u128 * 8) << 64 | (text_bytes as u128 * 8);
        for ((nonce, text), tag) in packets.nonces.iter().zip(&mut *packets.texts).zip(&mut tags) {
            let sum = self.apply::<SEALS>(start, nonce, &mut text[..text_bytes], lengths);
            *tag = (u128::from_be_bytes(*tag) ^ sum).to_be_bytes();
        }
        tags
    }

    /// The blocks that the sums are hidden by: those of counter 1.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    fn masks(&self, nonces: &[[u32; 3]]) -> Tags {
        let mut masks = NO_TAGS;
        for (nonces, masks) in nonces.chunks(4).zip(masks.as_chunks_mut::<4>().0) {
            let mut words = [0_u32; 16];
            for (block, [a, b, c]) in words.as_chunks_mut::<4>().0.iter_mut().zip(nonces) {
                *block = [*a, *b, *c, 1_u32.swap_bytes()];
            }
            let [block] = self.encrypted([vectors::load_words(&words)]);
            store(
                masks.as_flattened_mut().first_chunk_mut().expect("four of sixteen bytes"),
                block,
            );
        }
        masks
    }

    /// Adds the key stream to a text; gives the sum over its ciphertext and the lengths, after `start`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    fn apply<const SEALS: bool>(
        &self,
        start: __m512i,
        nonce: &[u32; 3],
        text: &mut [u8],
        lengths: u128,
    ) -> u128 {
        let (mut sum, mut counters) = (start, Counters::new(nonce));
        let powers: [__m512i; VECTORS] =
            std::array::from_fn(|place| self.powers_from(1 + place * 4));
        let reversal = reversal();
        let (chunks, rest) = text.as_chunks_mut::<CHUNK_BYTES>();
        for chunk in chunks {
            let stream = self.encrypted(counters.take::<VECTORS>());
            let mut products = Products::nothing();
            for (place, part) in chunk.as_chunks_mut::<BLOCK_BYTES>().0.iter_mut().enumerate() {
                let text = load(part);
                let other = _mm512_xor_si512(text, stream[place]);
                store(part, other);
                let mut block = _mm512_shuffle_epi8(if SEALS { other } else { text }, reversal);
                if place == 0 {
                    block = _mm512_xor_si512(block, sum);
                }
                products.add(block, powers[place]);
            }
            sum = products.reduced();
        }
        // The rest, and the lengths as one block more.
        let blocks = rest.len().div_ceil(16);
        let mut products = Products::nothing();
        for (place, part) in rest.chunks_mut(BLOCK_BYTES).enumerate() {
            let [stream] = self.encrypted(counters.take::<1>());
            let text = load_part(part);
            let other = _mm512_maskz_mov_epi8(mask(part.len()), _mm512_xor_si512(text, stream));
            store_part(part, other);
            let block = _mm512_shuffle_epi8(if SEALS { other } else { text }, reversal);
            products.add(
                _mm512_xor_si512(block, sum),
                self.powers_from(POWERS - 1 - blocks + place * 4),
            );
            sum = _mm512_set1_epi32(0);
        }
        let lengths = _mm512_xor_si512(vectors::first_quarter(lengths), sum);
        products.add(lengths, self.powers_from(POWERS - 1));
        vectors::of_first_quarter(products.reduced())
    }

    /// Four powers, one for each block of a vector.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    fn powers_from(&self, place: usize) -> __m512i {
        vectors::load_quarters(self.powers[place..].first_chunk().expect("nothing is behind them"))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,vaes,vpclmulqdq,aes")]
    fn encrypted<const N: usize>(&self, mut blocks: [__m512i; N]) -> [__m512i; N] {
        let [first, middle @ .., last] = &self.rounds;
        let key = vectors::in_all_quarters(first);
        blocks.iter_mut().for_each(|block| *block = _mm512_xor_si512(*block, key));
        for key in middle {
            let key = vectors::in_all_quarters(key);
            blocks.iter_mut().for_each(|block| *block = _mm512_aesenc_epi128(*block, key));
        }
        let key = vectors::in_all_quarters(last);
        blocks.iter_mut().for_each(|block| *block = _mm512_aesenclast_epi128(*block, key));
        blocks
    }
}

/// Blocks to encrypt: nonce and counter, from counter 2 on (SP 800-38D §7.1).
struct Counters {
    /// With the counter in the processor's order.
    next: __m512i,
}

impl Counters {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn new(&[a, b, c]: &[u32; 3]) -> Self {
        let words = [a, b, c, 2, a, b, c, 3, a, b, c, 4, a, b, c, 5];
        Self { next: vectors::load_words(&words) }
    }

    /// The next ones, four in each vector.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn take<const N: usize>(&mut self) -> [__m512i; N] {
        const FOUR: [u32; 16] = [0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4];
        let mut taken = [self.next; N];
        for blocks in &mut taken {
            let order =
                vectors::in_all_quarters(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 14, 13, 12]);
            *blocks = _mm512_shuffle_epi8(self.next, order);
            self.next = _mm512_add_epi32(self.next, vectors::load_words(&FOUR));
        }
        taken
    }
}

/// The order that turns each block round.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn reversal() -> __m512i {
    vectors::in_all_quarters(&[15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
}
