//! The four messages as bytes (paper §5.4); parsing checks type and length and nothing else.

use crate::aead::TAG_BYTES;
use crate::crypto::MAC_BYTES;
use crate::drop_reason::DropReason;
use crate::key::{KEY_BYTES, PublicKey};
use crate::suite::Suite;
use crate::tai64n::TAI64N_BYTES;

/// Length of a handshake initiation.
pub const INITIATION_BYTES: usize = 148;
/// Length of a handshake response.
pub const RESPONSE_BYTES: usize = 92;
/// Length of a cookie reply.
pub const COOKIE_REPLY_BYTES: usize = 64;
/// Length of the header of a data packet.
pub const DATA_HEADER_BYTES: usize = 16;
/// What a data packet adds to its padded content: header and tag.
pub const DATA_OVERHEAD_BYTES: usize = DATA_HEADER_BYTES + TAG_BYTES;

/// The first byte of a data packet in which the inner packet's checksum is left out: of Netloom's own types.
pub const PARTIAL_DATA: u8 = 18;
/// The first byte of an initiation that asks for AES-GCM: of Netloom's own types.
pub const AES_INITIATION: u8 = 17;

const TYPE_INITIATION: u32 = 1;
const TYPE_RESPONSE: u32 = 2;
const TYPE_COOKIE_REPLY: u32 = 3;
const TYPE_DATA: u32 = 4;
/// Not WireGuard's: its implementations drop it.
const TYPE_AES_INITIATION: u32 = AES_INITIATION as u32;
const TYPE_PARTIAL_DATA: u32 = PARTIAL_DATA as u32;

/// Length of the two macs at the end of a handshake message.
const MACS_BYTES: usize = 2 * MAC_BYTES;
/// Length of the static key in an initiation, sealed.
pub(crate) const SEALED_STATIC_BYTES: usize = KEY_BYTES + TAG_BYTES;
/// Length of the timestamp in an initiation, sealed.
pub(crate) const SEALED_TIMESTAMP_BYTES: usize = TAI64N_BYTES + TAG_BYTES;

/// A datagram that has the type and the length of a WireGuard message.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Type 1 (§5.4.2), or 17 for AES-GCM between own nodes.
    Initiation(Initiation<'a>),
    /// Type 2 (§5.4.3).
    Response(Response<'a>),
    /// Type 3 (§5.4.7).
    CookieReply(CookieReply<'a>),
    /// Type 4 (§5.4.6), or 18 between own nodes.
    Data(Data),
}

/// Type 1, or 17 where the sender wants AES-GCM ([`Suite`]), little-endian:
/// `type 4 | sender 4 | ephemeral 32 | static 32+16 | timestamp 12+16 | mac1 16 | mac2 16`.
#[derive(Clone, Copy, Debug)]
pub struct Initiation<'a>(&'a [u8; INITIATION_BYTES]);

/// Type 2, little-endian:
/// `type 4 | sender 4 | receiver 4 | ephemeral 32 | empty 0+16 | mac1 16 | mac2 16`.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a>(&'a [u8; RESPONSE_BYTES]);

/// Type 3, little-endian: `type 4 | receiver 4 | nonce 24 | cookie 16+16`.
#[derive(Clone, Copy, Debug)]
pub struct CookieReply<'a>(&'a [u8; COOKIE_REPLY_BYTES]);

/// The header of type 4, or 18 where the inner checksum is left out, little-endian:
/// `type 4 | receiver 4 | counter 8 | packet n+16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// The index that the receiver gave to the session.
    pub receiver: u32,
    /// The packet's number in its session.
    pub counter: u64,
    /// Whether the inner packet's checksum, of TCP or UDP, is left out (`CHECKSUM_PARTIAL`).
    pub is_partial: bool,
}

impl<'a> Message<'a> {
    /// Reads type and length of a datagram.
    ///
    /// # Errors
    /// [`DropReason::UnknownType`] or [`DropReason::WrongLength`].
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DropReason> {
        // The three bytes after the type are reserved as zero: type and they are one word.
        let kind = datagram.first_chunk::<4>().map(|word| u32::from_le_bytes(*word));
        let wrong_length = DropReason::WrongLength;
        match kind {
            Some(TYPE_INITIATION | TYPE_AES_INITIATION) => datagram
                .try_into()
                .map(|m| Self::Initiation(Initiation(m)))
                .map_err(|_| wrong_length),
            Some(TYPE_RESPONSE) => {
                datagram.try_into().map(|m| Self::Response(Response(m))).map_err(|_| wrong_length)
            }
            Some(TYPE_COOKIE_REPLY) => datagram
                .try_into()
                .map(|m| Self::CookieReply(CookieReply(m)))
                .map_err(|_| wrong_length),
            Some(TYPE_DATA | TYPE_PARTIAL_DATA) => {
                Data::parse(datagram).map(Self::Data).ok_or(wrong_length)
            }
            Some(_) | None => Err(DropReason::UnknownType),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..].first_chunk().expect("fields lie within the message's fixed length")
}

// === impl Initiation ===

impl<'a> Initiation<'a> {
    pub(crate) const EPHEMERAL_AT: usize = 8;
    pub(crate) const STATIC_AT: usize = 40;
    pub(crate) const TIMESTAMP_AT: usize = 88;
    pub(crate) const MACS_AT: usize = INITIATION_BYTES - MACS_BYTES;

    /// The suite that its sender wants.
    pub fn suite(&self) -> Suite {
        if word(self.0, 0) == TYPE_AES_INITIATION {
            Suite::Aes256Gcm
        } else {
            Suite::ChaCha20Poly1305
        }
    }

    /// The index that the initiator gave to the handshake.
    pub fn sender(&self) -> u32 {
        word(self.0, 4)
    }

    /// The macs and what they cover.
    pub fn macs(&self) -> Macs<'a> {
        Macs::split(self.0, self.sender())
    }

    pub(crate) fn ephemeral(&self) -> PublicKey {
        PublicKey::from_bytes(*array(self.0, Self::EPHEMERAL_AT))
    }

    pub(crate) fn sealed_static(&self) -> &'a [u8; SEALED_STATIC_BYTES] {
        array(self.0, Self::STATIC_AT)
    }

    pub(crate) fn sealed_timestamp(&self) -> &'a [u8; SEALED_TIMESTAMP_BYTES] {
        array(self.0, Self::TIMESTAMP_AT)
    }

    /// An initiation with type and sender; the handshake fills in the rest.
    pub(crate) fn blank(suite: Suite, sender: u32) -> [u8; INITIATION_BYTES] {
        let mut message = [0; INITIATION_BYTES];
        let kind = match suite {
            Suite::ChaCha20Poly1305 => TYPE_INITIATION,
            Suite::Aes256Gcm => TYPE_AES_INITIATION,
        };
        message[..4].copy_from_slice(&kind.to_le_bytes());
        message[4..8].copy_from_slice(&sender.to_le_bytes());
        message
    }
}

// === impl Response ===

impl<'a> Response<'a> {
    pub(crate) const EPHEMERAL_AT: usize = 12;
    pub(crate) const EMPTY_AT: usize = 44;
    pub(crate) const MACS_AT: usize = RESPONSE_BYTES - MACS_BYTES;

    /// The index that the responder gave to the session.
    pub fn sender(&self) -> u32 {
        word(self.0, 4)
    }

    /// The index that the initiator gave to the handshake.
    pub fn receiver(&self) -> u32 {
        word(self.0, 8)
    }

    /// The macs and what they cover.
    pub fn macs(&self) -> Macs<'a> {
        Macs::split(self.0, self.sender())
    }

    pub(crate) fn ephemeral(&self) -> PublicKey {
        PublicKey::from_bytes(*array(self.0, Self::EPHEMERAL_AT))
    }

    pub(crate) fn sealed_empty(&self) -> &'a [u8; TAG_BYTES] {
        array(self.0, Self::EMPTY_AT)
    }

    /// A response with type and indexes; the handshake fills in the rest.
    pub(crate) fn blank(sender: u32, receiver: u32) -> [u8; RESPONSE_BYTES] {
        let mut message = [0; RESPONSE_BYTES];
        message[..4].copy_from_slice(&TYPE_RESPONSE.to_le_bytes());
        message[4..8].copy_from_slice(&sender.to_le_bytes());
        message[8..12].copy_from_slice(&receiver.to_le_bytes());
        message
    }
}

// === impl CookieReply ===

impl<'a> CookieReply<'a> {
    pub(crate) const NONCE_AT: usize = 8;
    pub(crate) const COOKIE_AT: usize = 32;

    /// The sender index of the message that this one answers.
    pub fn receiver(&self) -> u32 {
        word(self.0, 4)
    }

    pub(crate) fn nonce(&self) -> &'a [u8; 24] {
        array(self.0, Self::NONCE_AT)
    }

    pub(crate) fn sealed_cookie(&self) -> &'a [u8; 32] {
        array(self.0, Self::COOKIE_AT)
    }

    /// A cookie reply with type and receiver.
    pub(crate) fn blank(receiver: u32) -> [u8; COOKIE_REPLY_BYTES] {
        let mut message = [0; COOKIE_REPLY_BYTES];
        message[..4].copy_from_slice(&TYPE_COOKIE_REPLY.to_le_bytes());
        message[4..8].copy_from_slice(&receiver.to_le_bytes());
        message
    }
}

// === impl Data ===

impl Data {
    fn parse(datagram: &[u8]) -> Option<Self> {
        if datagram.len() < DATA_OVERHEAD_BYTES {
            return None;
        }
        let counter = u64::from_le_bytes(*array(datagram, 8));
        let is_partial = datagram[0] == PARTIAL_DATA;
        Some(Self { receiver: word(datagram, 4), counter, is_partial })
    }

    pub(crate) fn write(self, header: &mut [u8; DATA_HEADER_BYTES]) {
        let kind = if self.is_partial { TYPE_PARTIAL_DATA } else { TYPE_DATA };
        header[..4].copy_from_slice(&kind.to_le_bytes());
        header[4..8].copy_from_slice(&self.receiver.to_le_bytes());
        header[8..].copy_from_slice(&self.counter.to_le_bytes());
    }
}

// === Macs ===

/// The macs at the end of a handshake message, and what they cover (§5.4.4).
#[derive(Clone, Copy, Debug)]
pub struct Macs<'a> {
    /// What mac1 covers; mac2 covers mac1 too.
    pub(crate) body: &'a [u8],
    pub(crate) mac1: &'a [u8; MAC_BYTES],
    pub(crate) mac2: &'a [u8; MAC_BYTES],
    /// The message's sender index: where a cookie reply goes.
    pub(crate) sender: u32,
}

impl<'a> Macs<'a> {
    fn split(message: &'a [u8], sender: u32) -> Self {
        let body_bytes = message.len() - MACS_BYTES;
        let mac1 = array(message, body_bytes);
        let mac2 = array(message, body_bytes + MAC_BYTES);
        Self { body: &message[..body_bytes], mac1, mac2, sender }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_follow_the_paper() {
        for (kind, len) in [(1u8, 148), (2, 92), (3, 64), (17, 148)] {
            for len in [len - 1, len, len + 1] {
                let mut datagram = vec![0; len];
                datagram[0] = kind;
                let fits = matches!((kind, len), (1 | 17, 148) | (2, 92) | (3, 64));
                assert_eq!(Message::parse(&datagram).is_ok(), fits, "type {kind}, {len} bytes");
            }
        }
        let mut data = vec![0; 31];
        for kind in [4, 18] {
            data[0] = kind;
            data.truncate(31);
            assert_eq!(Message::parse(&data).err(), Some(DropReason::WrongLength));
            data.push(0);
            assert!(Message::parse(&data).is_ok(), "a keepalive has 32 bytes");
        }
    }

    #[test]
    fn reserved_bytes_are_zero_and_foreign_types_are_named() {
        let mut datagram = vec![0; 148];
        datagram[0] = 1;
        datagram[3] = 1;
        assert_eq!(Message::parse(&datagram).err(), Some(DropReason::UnknownType));
        for datagram in [&[][..], &[1], &[16, 0, 0, 0], &[0; 148]] {
            assert_eq!(Message::parse(datagram).err(), Some(DropReason::UnknownType));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(
            kind in 0u8..20,
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut datagram = vec![kind, 0, 0, 0];
            datagram.extend(body);
            crate::fuzz::message(&datagram);
            crate::fuzz::message(&datagram[1..]);
        }
    }
}
