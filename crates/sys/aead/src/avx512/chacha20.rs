//! ChaCha20 (RFC 8439 §2.3): sixteen blocks of key stream side by side, a word of each in a vector.

use super::vectors::{load, load_part, load_words, store, store_part};
use crate::{BLOCK_BYTES, Packets};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_shuffle_i32x4,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
};
use zeroize::Zeroize;

/// Blocks of one pass.
const LANES: usize = 16;
/// Bits of `_mm512_shuffle_i32x4` that take lanes 0 and 1, 2 and 3, 0 and 2, 1 and 3 of both operands.
const FIRST: i32 = 0x44;
const SECOND: i32 = 0xee;
const EVEN: i32 = 0x88;
const ODD: i32 = 0xdd;

/// A key, as the first twelve words of the state.
pub(crate) struct Key([u32; 12]);

impl Key {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut words = [0; 12];
        let constants = b"expand 32-byte k".as_chunks::<4>().0;
        for (word, bytes) in words.iter_mut().zip(constants.iter().chain(key.as_chunks::<4>().0)) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self(words)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The first block of each packet's key stream, of which Poly1305 takes 32 bytes (RFC 8439 §2.6).
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn one_time_keys(key: &Key, nonces: &[[u32; 3]]) -> Stream {
    let mut lanes = Lanes::default();
    for (lane, nonce) in nonces.iter().enumerate() {
        lanes.set(lane, nonce, 0);
    }
    let mut keys = Stream([[0; BLOCK_BYTES]; LANES]);
    blocks(key, &lanes, &mut keys);
    keys
}

/// Adds the key stream from its second block on to all texts.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn encrypt(key: &Key, packets: &mut Packets<'_, '_>) {
    let of_each = packets.text_bytes.div_ceil(BLOCK_BYTES);
    let all = of_each * packets.nonces.len();
    // Blocks packet after packet, so that no lane is left empty but in the last pass.
    let (mut packet, mut block) = (0, 0);
    let mut stream = Stream([[0; BLOCK_BYTES]; LANES]);
    let mut done = 0;
    while done < all {
        let count = LANES.min(all - done);
        let (mut lanes, mut places) = (Lanes::default(), [(0, 0); LANES]);
        for (lane, place) in places[..count].iter_mut().enumerate() {
            // A packet has far fewer blocks than 32 bits count.
            lanes.set(lane, &packets.nonces[packet], block as u32 + 1);
            *place = (packet, block * BLOCK_BYTES);
            block += 1;
            if block == of_each {
                (packet, block) = (packet + 1, 0);
            }
        }
        blocks(key, &lanes, &mut stream);
        for (&(packet, at), stream) in places[..count].iter().zip(&stream.0) {
            let text = &mut packets.texts[packet][at..packets.text_bytes];
            if let Some(text) = text.first_chunk_mut() {
                store(text, _mm512_xor_si512(load(text), load(stream)));
            } else {
                store_part(text, _mm512_xor_si512(load_part(text), load(stream)));
            }
        }
        done += count;
    }
    stream.wipe();
}

/// What differs between the blocks of a pass: counter and nonce, a word of each lane.
#[derive(Default)]
struct Lanes {
    words: [[u32; LANES]; 4],
}

impl Lanes {
    fn set(&mut self, lane: usize, nonce: &[u32; 3], counter: u32) {
        self.words[0][lane] = counter;
        for (word, value) in self.words[1..].iter_mut().zip(nonce) {
            word[lane] = *value;
        }
    }
}

/// Sixteen blocks of key stream.
#[repr(align(64))]
pub(crate) struct Stream(pub(crate) [[u8; BLOCK_BYTES]; LANES]);

impl Stream {
    /// Overwrites what nobody looks at again.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(crate) fn wipe(&mut self) {
        self.0.iter_mut().for_each(|block| store(block, _mm512_set1_epi32(0)));
        // So that the stores are not left out.
        std::hint::black_box(&mut self.0);
    }
}

/// Sixteen blocks of key stream (RFC 8439 §2.3).
#[target_feature(enable = "avx512f,avx512bw")]
fn blocks(key: &Key, lanes: &Lanes, stream: &mut Stream) {
    let mut start = [_mm512_set1_epi32(0); 16];
    for (word, value) in start.iter_mut().zip(key.0) {
        *word = _mm512_set1_epi32(value.cast_signed());
    }
    for (word, values) in start[12..].iter_mut().zip(&lanes.words) {
        *word = load_words(values);
    }
    let mut state = start;
    for _ in 0..10 {
        state = double_round(state);
    }
    for (word, start) in state.iter_mut().zip(start) {
        *word = _mm512_add_epi32(*word, start);
    }
    for (to, block) in stream.0.iter_mut().zip(transposed(&state)) {
        store(to, block);
    }
}

/// `a += b; d = (d ^ a) <<< BITS` in four places beside each other, so that none waits for another. A macro, since a loop or a
/// call would keep the words in memory.
macro_rules! step {
    ($v:ident, $bits:literal, $($a:literal $b:literal $d:literal),*) => {
        $($v[$a] = _mm512_add_epi32($v[$a], $v[$b]);)*
        $($v[$d] = _mm512_xor_si512($v[$d], $v[$a]);)*
        $($v[$d] = _mm512_rol_epi32::<$bits>($v[$d]);)*
    };
}

/// Two rounds: one over columns, one over diagonals (RFC 8439 §2.3).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn double_round(mut v: [__m512i; 16]) -> [__m512i; 16] {
    step!(v, 16, 0 4 12, 1 5 13, 2 6 14, 3 7 15);
    step!(v, 12, 8 12 4, 9 13 5, 10 14 6, 11 15 7);
    step!(v, 8, 0 4 12, 1 5 13, 2 6 14, 3 7 15);
    step!(v, 7, 8 12 4, 9 13 5, 10 14 6, 11 15 7);
    step!(v, 16, 0 5 15, 1 6 12, 2 7 13, 3 4 14);
    step!(v, 12, 10 15 5, 11 12 6, 8 13 7, 9 14 4);
    step!(v, 8, 0 5 15, 1 6 12, 2 7 13, 3 4 14);
    step!(v, 7, 10 15 5, 11 12 6, 8 13 7, 9 14 4);
    v
}

/// Blocks out of words: lane `i` of all sixteen words is block `i`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(words: &[__m512i; 16]) -> [__m512i; LANES] {
    let mut blocks = [words[0]; LANES];
    // quads[q][c] holds words 4q to 4q + 3 of blocks c, 4 + c, 8 + c and 12 + c.
    let mut quads = [[words[0]; 4]; 4];
    for (quad, w) in quads.iter_mut().zip(words.as_chunks::<4>().0) {
        let (low, high) = (_mm512_unpacklo_epi32(w[0], w[1]), _mm512_unpackhi_epi32(w[0], w[1]));
        let (low_2, high_2) =
            (_mm512_unpacklo_epi32(w[2], w[3]), _mm512_unpackhi_epi32(w[2], w[3]));
        *quad = [
            _mm512_unpacklo_epi64(low, low_2),
            _mm512_unpackhi_epi64(low, low_2),
            _mm512_unpacklo_epi64(high, high_2),
            _mm512_unpackhi_epi64(high, high_2),
        ];
    }
    for c in 0..4 {
        let column = transposed_quarters([quads[0][c], quads[1][c], quads[2][c], quads[3][c]]);
        for (j, block) in column.into_iter().enumerate() {
            blocks[4 * j + c] = block;
        }
    }
    blocks
}

/// Quarter `j` of vector `i` becomes quarter `i` of vector `j`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn transposed_quarters([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab, ab_2) = (_mm512_shuffle_i32x4::<FIRST>(a, b), _mm512_shuffle_i32x4::<SECOND>(a, b));
    let (cd, cd_2) = (_mm512_shuffle_i32x4::<FIRST>(c, d), _mm512_shuffle_i32x4::<SECOND>(c, d));
    [
        _mm512_shuffle_i32x4::<EVEN>(ab, cd),
        _mm512_shuffle_i32x4::<ODD>(ab, cd),
        _mm512_shuffle_i32x4::<EVEN>(ab_2, cd_2),
        _mm512_shuffle_i32x4::<ODD>(ab_2, cd_2),
    ]
}
