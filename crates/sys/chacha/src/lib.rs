//! ChaCha20-Poly1305 (RFC 8439) of up to sixteen packets at once, where the processor has wide vectors.
//!
//! ```text
//! packets of one key and one length, each with its nonce:   text | tag 16
//!   key stream   sixteen blocks of 64 bytes side by side, packet after packet
//!   Poly1305     eight packets side by side
//! ```
//! Libraries seal packet by packet, and spend a fifth of their time on what is left over at the ends of each. A tunnel has
//! many packets to seal at once, and needs no more than this; what is left over goes to a library.
//!
//! No branch and no address depends on keys or texts.
#![expect(
    unsafe_code,
    reason = "instructions that not every processor has, and loads of whole vectors"
)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod poly1305;

use zeroize::Zeroize;

/// Length of a tag, in bytes.
pub const TAG_BYTES: usize = 16;
/// Packets that are sealed or opened at once, at most.
pub const PACKETS_MAX: usize = 16;
/// Longest additional data.
pub const AAD_BYTES_MAX: usize = 16;
/// A block of ChaCha20's key stream.
const BLOCK_BYTES: usize = 64;

/// A key, as the first twelve words of ChaCha20's state (RFC 8439 §2.3).
pub struct Key([u32; 12]);

impl Key {
    /// A key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
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

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// That this processor can seal many packets at once, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide(Vectors);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vectors {
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Packets of one length: their nonces, and their texts with room for a tag behind each.
struct Packets<'a, 'b> {
    nonces: &'a [[u32; 3]],
    texts: &'a mut [&'b mut [u8]],
    /// Of each text, without the tag.
    text_bytes: usize,
}

impl Wide {
    /// None if this processor can not.
    pub fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if avx512::is_available() {
            return Some(Self(Vectors::Avx512));
        }
        None
    }

    /// Encrypts all but the last 16 bytes of each packet in place, and writes its tag there.
    ///
    /// # Panics
    /// If there are more than [`PACKETS_MAX`] packets or more than [`AAD_BYTES_MAX`] of additional data, if packets
    /// differ in length or are shorter than a tag, or if there are not as many nonces: a bug of the caller.
    pub fn seal(self, key: &Key, aad: &[u8], nonces: &[[u8; 12]], packets: &mut [&mut [u8]]) {
        let nonces = words_of(nonces);
        let mut packets = checked(aad, &nonces, packets);
        let tags = match self.0 {
            // SAFETY: a `Wide` with these vectors is only made after the processor was asked for them.
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512 => unsafe { avx512::seal(key, aad, &mut packets) },
        };
        for (packet, tag) in packets.texts.iter_mut().zip(tags) {
            packet[packets.text_bytes..].copy_from_slice(&tag);
        }
    }

    /// Checks the tag at the end of each packet, and decrypts what is before it in place; tells for each packet whether
    /// its tag was right. What lies in a packet whose tag was wrong is worth nothing.
    ///
    /// # Panics
    /// As [`Self::seal`].
    pub fn open(
        self,
        key: &Key,
        aad: &[u8],
        nonces: &[[u8; 12]],
        packets: &mut [&mut [u8]],
    ) -> [bool; PACKETS_MAX] {
        let nonces = words_of(nonces);
        let mut packets = checked(aad, &nonces, packets);
        let tags = match self.0 {
            // SAFETY: a `Wide` with these vectors is only made after the processor was asked for them.
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512 => unsafe { avx512::open(key, aad, &mut packets) },
        };
        let mut is_right = [false; PACKETS_MAX];
        for ((packet, tag), is_right) in packets.texts.iter().zip(tags).zip(&mut is_right) {
            *is_right = is_same(&packet[packets.text_bytes..], tag);
        }
        is_right
    }
}

/// Whether a packet ends with a tag; takes as long wherever they differ.
fn is_same(found: &[u8], tag: [u8; TAG_BYTES]) -> bool {
    let found = found.first_chunk().map_or(0, |found| u128::from_le_bytes(*found));
    std::hint::black_box(found ^ u128::from_le_bytes(tag)) == 0
}

/// Nonces as words of the state, in an array of their own.
struct Nonces([[u32; 3]; PACKETS_MAX], usize);

fn words_of(nonces: &[[u8; 12]]) -> Nonces {
    assert!(nonces.len() <= PACKETS_MAX, "{} packets at once", nonces.len());
    let mut words = [[0; 3]; PACKETS_MAX];
    for (words, nonce) in words.iter_mut().zip(nonces) {
        for (word, bytes) in words.iter_mut().zip(nonce.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
    }
    Nonces(words, nonces.len())
}

fn checked<'a, 'b>(
    aad: &[u8],
    nonces: &'a Nonces,
    texts: &'a mut [&'b mut [u8]],
) -> Packets<'a, 'b> {
    let nonces = &nonces.0[..nonces.1];
    assert!(nonces.len() == texts.len(), "{} nonces for {} packets", nonces.len(), texts.len());
    assert!(aad.len() <= AAD_BYTES_MAX, "{} bytes of additional data", aad.len());
    let bytes = texts.first().map_or(TAG_BYTES, |text| text.len());
    assert!(bytes >= TAG_BYTES && texts.iter().all(|text| text.len() == bytes), "unequal packets");
    Packets { nonces, texts, text_bytes: bytes - TAG_BYTES }
}

#[cfg(test)]
mod tests;
