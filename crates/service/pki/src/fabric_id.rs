//! The random id of a fabric, which its certificates, tokens and signatures all name.

use crate::random;
use std::fmt;
use std::str::FromStr;

/// 128 random bits. Two fabrics with one name are two fabrics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FabricId(pub [u8; 16]);

/// A text that is no id of a fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of a fabric is 32 hexadecimal digits in small letters")]
pub struct FabricIdError;

impl FabricId {
    /// A new one, from the system's randomness.
    pub fn random() -> Self {
        Self(random::bytes())
    }
}

impl From<u128> for FabricId {
    fn from(number: u128) -> Self {
        Self(number.to_be_bytes())
    }
}

impl From<FabricId> for u128 {
    fn from(id: FabricId) -> Self {
        Self::from_be_bytes(id.0)
    }
}

impl FromStr for FabricId {
    type Err = FabricIdError;

    fn from_str(text: &str) -> Result<Self, FabricIdError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(FabricIdError);
        }
        u128::from_str_radix(text, 16).map(Self::from).map_err(|_| FabricIdError)
    }
}

impl fmt::Display for FabricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from(*self))
    }
}

impl fmt::Debug for FabricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl netloom_cbor::Encode for FabricId {
    fn encode(&self, encoder: &mut netloom_cbor::Encoder) {
        encoder.bytes(&self.0);
    }
}

impl netloom_cbor::Decode for FabricId {
    fn decode(decoder: &mut netloom_cbor::Decoder<'_>) -> Result<Self, netloom_cbor::DecodeError> {
        decoder.value().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits_and_never_the_same() {
        let id = FabricId::from(0x0123);
        assert_eq!(id.to_string(), "00000000000000000000000000000123");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(u128::from(id), 0x0123);
        assert_ne!(FabricId::random(), FabricId::random());
        for text in
            ["", "123", "0000000000000000000000000000012G", &"A".repeat(32), &"0".repeat(33)]
        {
            assert_eq!(text.parse::<FabricId>(), Err(FabricIdError), "{text}");
        }
        assert!("+0000000000000000000000000000123".parse::<FabricId>().is_err());
    }
}
