//! ChaCha20-Poly1305 (RFC 8439) and AES-256-GCM (NIST SP 800-38D) of up to sixteen packets at once, where the processor has
//! wide vectors.
//!
//! ```text
//! packets of one key and one length, each with its nonce:   text | tag 16
//!   ChaCha20   sixteen blocks of 64 bytes side by side, packet after packet
//!   Poly1305   eight packets side by side, two times
//!   AES-GCM    sixteen blocks of 16 bytes side by side, packet by packet
//! ```
//! Libraries seal one packet for a call, and none with all that these processors have. What has no such vectors goes to a
//! library: [`ChaCha20Poly1305::new`] and [`Aes256Gcm::new`] give no key then.
//!
//! No branch and no address depends on keys or texts.
#![expect(
    unsafe_code,
    reason = "instructions that not every processor has, whole vectors in memory, and memory that is overwritten"
)]

#[cfg(feature = "freed-blocks")]
pub mod freed;
mod wiped;

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
use avx512 as vectors;
#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(not(target_arch = "x86_64"))]
use none as vectors;

use std::fmt;
pub use wiped::Wiped;

/// Length of a tag, in bytes.
pub const TAG_BYTES: usize = 16;
/// Packets that are sealed or opened at once, at most.
pub const PACKETS_MAX: usize = 16;
/// Longest additional data.
pub const AAD_BYTES_MAX: usize = BLOCK_BYTES;
/// What a vector holds, and a block of ChaCha20's key stream.
const BLOCK_BYTES: usize = 64;

/// A tag for each packet.
type Tags = [[u8; TAG_BYTES]; PACKETS_MAX];
const NO_TAGS: Tags = [[0; TAG_BYTES]; PACKETS_MAX];

/// Packets of one length: their nonces as words in memory's order, and their texts with room for a tag behind each.
struct Packets<'a, 'b> {
    nonces: &'a [[u32; 3]],
    texts: &'a mut [&'b mut [u8]],
    /// Of each text, without the tag.
    text_bytes: usize,
}

macro_rules! aead {
    ($name:ident, $text:literal) => {
        #[doc = concat!("A key of ", $text, ", where this processor has what it takes.")]
        pub struct $name(vectors::$name);

        impl $name {
            /// Whether this processor has what it takes.
            pub fn is_available() -> bool {
                vectors::$name::is_available()
            }

            /// None if this processor lacks what it takes.
            pub fn new(key: &[u8; 32]) -> Option<Self> {
                vectors::$name::new(key).map(Self)
            }

            /// Encrypts all but the last 16 bytes of each packet in place, and writes its tag there.
            ///
            /// # Panics
            /// If there are more than [`PACKETS_MAX`] packets or more than [`AAD_BYTES_MAX`] of additional data, if packets
            /// differ in length or are shorter than a tag, or if there are not as many nonces: a bug of the caller.
            pub fn seal(&self, nonces: &[[u8; 12]], aad: &[u8], packets: &mut [&mut [u8]]) {
                with_words(nonces, aad, packets, |packets| {
                    let tags = self.0.seal(aad, packets);
                    for (packet, tag) in packets.texts.iter_mut().zip(tags) {
                        packet[packets.text_bytes..].copy_from_slice(&tag);
                    }
                });
            }

            /// Checks the tag at the end of each packet, and decrypts what is before it in place; tells for each packet
            /// whether its tag was right. What lies in a packet whose tag was wrong is worth nothing.
            ///
            /// # Panics
            /// As [`Self::seal`].
            pub fn open(
                &self,
                nonces: &[[u8; 12]],
                aad: &[u8],
                packets: &mut [&mut [u8]],
            ) -> [bool; PACKETS_MAX] {
                with_words(nonces, aad, packets, |packets| {
                    let tags = self.0.open(aad, packets);
                    let mut is_right = [false; PACKETS_MAX];
                    for ((packet, tag), is_right) in
                        packets.texts.iter().zip(tags).zip(&mut is_right)
                    {
                        *is_right = is_same(&packet[packets.text_bytes..], tag);
                    }
                    is_right
                })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

aead!(ChaCha20Poly1305, "ChaCha20-Poly1305");
aead!(Aes256Gcm, "AES-256-GCM");

/// Whether a packet ends with a tag; takes as long wherever they differ.
fn is_same(found: &[u8], tag: [u8; TAG_BYTES]) -> bool {
    let found = found.first_chunk().map_or(0, |found| u128::from_le_bytes(*found));
    std::hint::black_box(found ^ u128::from_le_bytes(tag)) == 0
}

/// Checks packets and hands them on with their nonces as words.
fn with_words<T>(
    nonces: &[[u8; 12]],
    aad: &[u8],
    texts: &mut [&mut [u8]],
    then: impl FnOnce(&mut Packets<'_, '_>) -> T,
) -> T {
    let count = nonces.len();
    assert!(
        count <= PACKETS_MAX && count == texts.len(),
        "{count} nonces, {} packets",
        texts.len()
    );
    assert!(aad.len() <= AAD_BYTES_MAX, "{} bytes of additional data", aad.len());
    let bytes = texts.first().map_or(TAG_BYTES, |text| text.len());
    assert!(bytes >= TAG_BYTES && texts.iter().all(|text| text.len() == bytes), "unequal packets");
    let mut words = [[0; 3]; PACKETS_MAX];
    for (words, nonce) in words.iter_mut().zip(nonces) {
        for (word, bytes) in words.iter_mut().zip(nonce.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
    }
    then(&mut Packets { nonces: &words[..count], texts, text_bytes: bytes - TAG_BYTES })
}

#[cfg(test)]
mod tests;
