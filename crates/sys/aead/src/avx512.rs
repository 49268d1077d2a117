//! With AVX-512: keys that only exist where the processor was found to have it, so that their functions can be called.

mod aes_gcm;
mod chacha20;
mod poly1305;
mod vectors;

use crate::{Packets, Tags};
use std::arch::is_x86_feature_detected as has;

pub(crate) struct ChaCha20Poly1305(chacha20::Key);

impl ChaCha20Poly1305 {
    pub(crate) fn is_available() -> bool {
        has!("avx512f") && has!("avx512bw") && has!("avx512ifma")
    }

    pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
        Self::is_available().then(|| Self(chacha20::Key::new(key)))
    }

    /// Encrypts the texts and gives their tags.
    pub(crate) fn seal(&self, aad: &[u8], packets: &mut Packets<'_, '_>) -> Tags {
        // SAFETY: there is only a key where the processor has what these functions are compiled for.
        unsafe {
            let mut keys = chacha20::one_time_keys(&self.0, packets.nonces);
            chacha20::encrypt(&self.0, packets);
            let tags = poly1305::tags(&keys.0, aad, packets);
            keys.wipe();
            tags
        }
    }

    /// Decrypts the texts, and gives the tags that they should have had.
    pub(crate) fn open(&self, aad: &[u8], packets: &mut Packets<'_, '_>) -> Tags {
        // SAFETY: as above.
        unsafe {
            let mut keys = chacha20::one_time_keys(&self.0, packets.nonces);
            let tags = poly1305::tags(&keys.0, aad, packets);
            keys.wipe();
            chacha20::encrypt(&self.0, packets);
            tags
        }
    }
}

pub(crate) struct Aes256Gcm(aes_gcm::Key);

impl Aes256Gcm {
    pub(crate) fn is_available() -> bool {
        has!("avx512f") && has!("avx512bw") && has!("vaes") && has!("vpclmulqdq") && has!("aes")
    }

    pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
        // SAFETY: the processor was just asked for what this function is compiled for.
        Self::is_available().then(|| Self(unsafe { aes_gcm::Key::new(key) }))
    }

    /// Encrypts the texts and gives their tags.
    pub(crate) fn seal(&self, aad: &[u8], packets: &mut Packets<'_, '_>) -> Tags {
        // SAFETY: there is only a key where the processor has what this function is compiled for.
        unsafe { self.0.seal(aad, packets) }
    }

    /// Decrypts the texts, and gives the tags that they should have had.
    pub(crate) fn open(&self, aad: &[u8], packets: &mut Packets<'_, '_>) -> Tags {
        // SAFETY: as above.
        unsafe { self.0.open(aad, packets) }
    }
}
