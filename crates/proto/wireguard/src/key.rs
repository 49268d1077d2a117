//! X25519 keys and preshared keys, read and printed in base64 as `wg` does.

use crate::rng::ErasingRng;
use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519, agree};
use netloom_base::Seed;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Length of every key, in bytes.
pub const KEY_BYTES: usize = 32;
/// Length of every key in base64 (RFC 4648 §4), padding included.
const KEY_BASE64_CHARS: usize = 44;

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyParseError {
    /// A key has exactly 44 characters, the last being `=`.
    #[error("a key has 44 characters and ends with '=', this text has {0}")]
    Length(usize),
    /// A character outside the base64 alphabet; its position, from zero.
    #[error("character {0} is not in the base64 alphabet")]
    Alphabet(usize),
    /// Bits beyond the 32nd byte are set, so two texts would mean one key.
    #[error("the last character carries bits beyond 32 bytes")]
    TrailingBits,
}

/// An X25519 private key (RFC 7748 §5), clamped, wiped when dropped. Behind a pointer: what is moved leaves a copy, which
/// nobody would wipe.
#[derive(Clone)]
pub struct PrivateKey(Arc<ReadyKey>);

struct ReadyKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    /// The same, ready for use: to make it so costs as much as half an exchange.
    ready: agreement::PrivateKey,
}

/// An X25519 public key: who a peer is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_BYTES]);

/// A symmetric key mixed into the handshake (paper §5.2); all zeros where there is none. Wiped when dropped, and behind a
/// pointer as [`PrivateKey`] is.
#[derive(Clone, Default)]
pub struct PresharedKey(Box<Zeroizing<[u8; KEY_BYTES]>>);

/// The result of a Diffie-Hellman exchange, wiped when dropped.
pub(crate) type SharedSecret = Zeroizing<[u8; KEY_BYTES]>;

// === impl PrivateKey ===

impl PrivateKey {
    /// The key of these bytes, clamped as RFC 7748 §5 asks.
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        bytes[0] &= 0xf8;
        bytes[31] = (bytes[31] & 0x7f) | 0x40;
        let ready = agreement::PrivateKey::from_private_key(&X25519, &bytes)
            .expect("every 32 bytes are a private key");
        let key = Self(Arc::new(ReadyKey { bytes: Zeroizing::new(bytes), ready }));
        bytes.zeroize();
        key
    }

    /// The key that `seed` stands for; as strong as the seed.
    pub fn from_seed(seed: Seed) -> Self {
        Self::random(&mut ErasingRng::new(seed))
    }

    pub(crate) fn random(rng: &mut ErasingRng) -> Self {
        Self::from_bytes(*rng.block())
    }

    /// The public key that belongs to this key.
    pub fn public(&self) -> PublicKey {
        let public = self.0.ready.compute_public_key().expect("every private key has a public one");
        PublicKey(public.as_ref().try_into().expect("public keys have 32 bytes"))
    }

    /// The key's bytes, for storing it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.0.bytes.clone()
    }

    /// The key in base64, for storing it.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(encode(&self.0.bytes))
    }

    /// `None` if the other key is of low order, so that anybody would know the result.
    pub(crate) fn diffie_hellman(&self, other: &PublicKey) -> Option<SharedSecret> {
        let other = UnparsedPublicKey::new(&X25519, &other.0);
        // It is refused if the result is all zeros (RFC 7748 §6.1).
        let shared = |shared: &[u8]| shared.try_into().map(Zeroizing::new).map_err(|_| ());
        agree(&self.0.ready, other, (), shared).ok()
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes.ct_eq(&*other.0.bytes).into()
    }
}

impl Eq for PrivateKey {}

impl FromStr for PrivateKey {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text).map(|bytes| Self::from_bytes(*bytes))
    }
}

impl fmt::Debug for PrivateKey {
    /// A secret is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// All u-coordinates of points of low order: 0, 1, two of order 8, and p - 1, p, p + 1 with p = 2^255 - 19.
const LOW_ORDER: [[u8; KEY_BYTES]; 7] = [
    [0; KEY_BYTES],
    ends(1, 0, 0),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    ends(0xec, 0xff, 0x7f),
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
];

/// A number by its lowest byte, those between, and its highest byte.
const fn ends(lowest: u8, between: u8, highest: u8) -> [u8; KEY_BYTES] {
    let mut bytes = [between; KEY_BYTES];
    (bytes[0], bytes[KEY_BYTES - 1]) = (lowest, highest);
    bytes
}

// === impl PublicKey ===

impl PublicKey {
    /// The key of these bytes (the u-coordinate, little-endian).
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Whether everybody knows what is shared with this key, whoever shares it (RFC 7748 §6.1).
    pub fn is_low_order(&self) -> bool {
        let mut coordinate = self.0;
        // The highest bit is ignored (RFC 7748 §5).
        coordinate[KEY_BYTES - 1] &= 0x7f;
        LOW_ORDER.contains(&coordinate)
    }
}

impl FromStr for PublicKey {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text).map(|bytes| Self(*bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

// === impl PresharedKey ===

impl PresharedKey {
    /// The key of these bytes.
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let key = Self(Box::new(Zeroizing::new(bytes)));
        bytes.zeroize();
        key
    }

    /// The key in base64, for storing it.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(encode(&self.0))
    }

    /// Its bytes, for storing it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        (*self.0).clone()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl PartialEq for PresharedKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&**other.0).into()
    }
}

impl Eq for PresharedKey {}

impl FromStr for PresharedKey {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text).map(|bytes| Self(Box::new(bytes)))
    }
}

impl fmt::Debug for PresharedKey {
    /// A secret is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey(..)")
    }
}

// === base64 ===

/// The character of a 6-bit value, by arithmetic: a table would leak secrets through the cache.
fn character(value: u8) -> char {
    let value = i16::from(value & 0x3f);
    let step = |from: i16, change: i16| ((from - 1 - value) >> 8) & change;
    let code = value + i16::from(b'A') + step(26, 6) + step(52, -75) + step(62, -15) + step(63, 3);
    // The sum is an ASCII code by construction.
    char::from(u8::try_from(code).unwrap_or(b'='))
}

/// The 6-bit value of a character, by arithmetic; negative outside the alphabet.
fn value(character: u8) -> i16 {
    let code = i16::from(character);
    let within = |low: u8, high: u8, offset: i16| {
        (((i16::from(low) - 1 - code) & (code - i16::from(high) - 1)) >> 8) & (code + offset)
    };
    -1 + within(b'A', b'Z', -64)
        + within(b'a', b'z', -70)
        + within(b'0', b'9', 5)
        + within(b'+', b'+', 20)
        + within(b'/', b'/', 17)
}

fn encode(key: &[u8; KEY_BYTES]) -> String {
    let mut text = String::with_capacity(KEY_BASE64_CHARS);
    for chunk in key.chunks(3) {
        let at = |i: usize| chunk.get(i).copied().unwrap_or(0);
        let bits = u32::from_be_bytes([0, at(0), at(1), at(2)]);
        for position in 0..=chunk.len() {
            text.push(character((bits >> (18 - 6 * position)) as u8));
        }
    }
    text.push('=');
    text
}

fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyParseError> {
    let Some((characters, [b'='])) =
        text.as_bytes().split_last_chunk::<1>().filter(|(head, _)| head.len() == 43)
    else {
        return Err(KeyParseError::Length(text.len()));
    };
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let (mut bits, mut bit_count, mut filled) = (0u32, 0, 0);
    for (position, character) in characters.iter().enumerate() {
        let value = u32::try_from(value(*character)).ok();
        bits = (bits << 6) | value.ok_or(KeyParseError::Alphabet(position))?;
        bit_count += 6;
        if bit_count >= 8 {
            bit_count -= 8;
            key[filled] = (bits >> bit_count) as u8;
            filled += 1;
            bits &= (1 << bit_count) - 1;
        }
    }
    if bits == 0 { Ok(key) } else { Err(KeyParseError::TrailingBits) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unhex(text: &str) -> [u8; 32] {
        crate::testing::unhex(text).try_into().unwrap()
    }

    #[test]
    fn rfc_7748_section_6_1_shared_secret() {
        let bob = PrivateKey::from_bytes(unhex(
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        ));
        let alice =
            PublicKey(unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        let bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
        assert_eq!(bob.public(), PublicKey(unhex(bob_public)));
        assert_eq!(bob.diffie_hellman(&alice).as_deref(), Some(&unhex(shared)));
    }

    #[test]
    fn a_public_key_of_low_order_is_refused() {
        let key = PrivateKey::from_seed(Seed::from_number(1));
        assert!(key.diffie_hellman(&PublicKey([0; 32])).is_none());
        assert!(!key.public().is_low_order());
        for mut weak in LOW_ORDER {
            for highest_bit in [0, 0x80] {
                weak[KEY_BYTES - 1] = weak[KEY_BYTES - 1] & 0x7f | highest_bit;
                assert!(key.diffie_hellman(&PublicKey(weak)).is_none(), "{weak:x?}");
                assert!(PublicKey(weak).is_low_order());
            }
        }
    }

    #[test]
    fn texts_that_are_not_keys_are_refused_with_the_place() {
        let text = PublicKey([0; 32]).to_string();
        assert_eq!(text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(
            PublicKey([255; 32]).to_string(),
            "//////////////////////////////////////////8="
        );
        assert_eq!("".parse::<PublicKey>(), Err(KeyParseError::Length(0)));
        assert_eq!(text.replace('=', "A").parse::<PublicKey>(), Err(KeyParseError::Length(44)));
        let wrong = format!("A-{}", &text[2..]);
        assert_eq!(wrong.parse::<PublicKey>(), Err(KeyParseError::Alphabet(1)));
        let loose = text.replace("A=", "B=");
        assert_eq!(loose.parse::<PublicKey>(), Err(KeyParseError::TrailingBits));
        assert!("ä".repeat(22).parse::<PublicKey>().is_err());
    }

    proptest! {
        #[test]
        fn keys_survive_base64(bytes in any::<[u8; 32]>()) {
            let key = PublicKey(bytes);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            let private = PrivateKey::from_bytes(bytes);
            prop_assert!(private.to_base64().parse() == Ok(private));
            let psk = PresharedKey::from_bytes(bytes);
            prop_assert!(psk.to_base64().parse() == Ok(psk));
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in ".{0,60}") {
            let _ = text.parse::<PublicKey>();
        }
    }
}
