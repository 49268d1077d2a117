//! The ciphers of a handshake and of the session that it ends in.

use std::fmt;

/// A cipher for handshake and data.
///
/// An initiation says by its type which one its sender wants ([`crate::message::Initiation`]), and
/// the responder follows. Its name begins the hash that everything in the handshake is sealed with,
/// so whoever changes the type in between ends the handshake, and talks nobody into the other suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// WireGuard's own, which every peer speaks.
    #[default]
    ChaCha20Poly1305,
    /// AES-256-GCM, for peers of which it is known that they speak it, and both of whose processors
    /// have instructions for it.
    Aes256Gcm,
}

impl Suite {
    /// The protocol's name (Noise §8).
    pub(crate) fn construction(self) -> &'static [u8] {
        match self {
            Self::ChaCha20Poly1305 => b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
            Self::Aes256Gcm => b"Noise_IKpsk2_25519_AESGCM_BLAKE2s",
        }
    }

    /// The nonce of message `counter`: four zero bytes, then the counter, in little-endian for
    /// ChaCha20-Poly1305 and in big-endian for AES-GCM (Noise §12.3, §12.4).
    pub(crate) fn nonce(self, counter: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&match self {
            Self::ChaCha20Poly1305 => counter.to_le_bytes(),
            Self::Aes256Gcm => counter.to_be_bytes(),
        });
        nonce
    }

    /// Packets of up to `packet_bytes` bytes that a session seals before it is replaced: 2^60 (paper §6.1), and for AES-GCM
    /// half of what it seals at most.
    pub fn rekey_after_messages(self, packet_bytes: usize) -> u64 {
        match self {
            Self::ChaCha20Poly1305 => crate::limits::REKEY_AFTER_MESSAGES,
            Self::Aes256Gcm => self.seals_messages(packet_bytes) / 2,
        }
    }

    /// Packets of up to `packet_bytes` bytes that a session seals at most: 2^64 − 2^13 − 1 (paper §6.1), and for AES-GCM 2^35
    /// blocks, up to which what is sealed stays confidential (RFC 9001 §6.6, appendix B.1): 2^28 packets of 2^11 bytes.
    pub fn seals_messages(self, packet_bytes: usize) -> u64 {
        /// Each packet has 2^7 of them at least.
        const BLOCKS_MAX: u64 = 1 << 35;
        match self {
            Self::ChaCha20Poly1305 => crate::limits::REJECT_AFTER_MESSAGES,
            Self::Aes256Gcm => {
                BLOCKS_MAX / (packet_bytes as u64).next_power_of_two().max(1 << 11).div_ceil(16)
            }
        }
    }

    /// Packets of a session beyond which none is opened: as many as the other end seals, however short they are.
    pub fn reject_after_messages(self) -> u64 {
        self.seals_messages(0)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
            Self::Aes256Gcm => "AES-256-GCM",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_aes_gcm_seals_the_same_number_of_blocks_of_any_packets() {
        let suite = Suite::Aes256Gcm;
        assert_eq!(suite.reject_after_messages(), 1 << 28);
        for (packet_bytes, log) in
            [(0, 28), (1420, 28), (2048, 28), (2049, 27), (8920, 25), (9216, 25)]
        {
            assert_eq!(suite.seals_messages(packet_bytes), 1 << log, "{packet_bytes}");
            assert_eq!(suite.rekey_after_messages(packet_bytes), 1 << (log - 1));
        }
        let suite = Suite::ChaCha20Poly1305;
        assert_eq!(suite.seals_messages(9216), suite.reject_after_messages());
    }
}
