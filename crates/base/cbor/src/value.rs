//! Which Rust types have an encoding, and which.

mod address;

use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::error::{DecodeError, Problem};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A value that can be written.
pub trait Encode {
    /// Appends the value.
    fn encode(&self, encoder: &mut Encoder);
}

/// A value that can be read.
pub trait Decode: Sized {
    /// Reads the next item.
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError>;
}

/// Bytes that are written as a byte string.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

// === impl numbers ===

macro_rules! unsigned {
    ($($type:ident: $expected:literal),*) => {$(
        impl Encode for $type {
            fn encode(&self, encoder: &mut Encoder) {
                encoder.unsigned(u64::from(*self));
            }
        }

        impl Decode for $type {
            fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                let out_of_range = decoder.error($expected, Problem::Range);
                Self::try_from(decoder.unsigned()?).map_err(|_| out_of_range)
            }
        }
    )*};
}

unsigned!(
    u8: "an unsigned integer of 8 bits", u16: "an unsigned integer of 16 bits",
    u32: "an unsigned integer of 32 bits", u64: "an unsigned integer of 64 bits"
);

macro_rules! signed {
    ($($type:ident: $expected:literal),*) => {$(
        impl Encode for $type {
            fn encode(&self, encoder: &mut Encoder) {
                encoder.integer(i64::from(*self));
            }
        }

        impl Decode for $type {
            fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                let out_of_range = decoder.error($expected, Problem::Range);
                Self::try_from(decoder.integer()?).map_err(|_| out_of_range)
            }
        }
    )*};
}

signed!(i32: "an integer of 32 bits", i64: "an integer of 64 bits");

impl Encode for bool {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bool(*self);
    }
}

impl Decode for bool {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.bool()
    }
}

impl Encode for Duration {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.unsigned(u64::try_from(self.as_millis()).unwrap_or(u64::MAX));
    }
}

impl Decode for Duration {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.unsigned().map(Self::from_millis)
    }
}

// === impl strings ===

impl Encode for str {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.text(self);
    }
}

impl Encode for String {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.text(self);
    }
}

impl Decode for String {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.text().map(Self::from)
    }
}

impl Encode for Bytes {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bytes(&self.0);
    }
}

impl Decode for Bytes {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.bytes().map(|bytes| Self(bytes.to_vec()))
    }
}

impl Encode for Arc<[u8]> {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bytes(self);
    }
}

impl Decode for Arc<[u8]> {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.bytes().map(Self::from)
    }
}

impl<T: Encode> Encode for Arc<T> {
    fn encode(&self, encoder: &mut Encoder) {
        (**self).encode(encoder);
    }
}

impl<T: Decode> Decode for Arc<T> {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        T::decode(decoder).map(Self::new)
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bytes(self);
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let wrong = decoder.error("a byte string of another length", Problem::Range);
        decoder.bytes()?.try_into().map_err(|_| wrong)
    }
}

// === impl collections ===

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.array(self.len());
        self.iter().for_each(|element| element.encode(encoder));
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let mut elements = Self::new();
        decoder.elements(|decoder| {
            elements.push(T::decode(decoder)?);
            Ok(())
        })?;
        Ok(elements)
    }
}

impl<T: Encode> Encode for BTreeSet<T> {
    fn encode(&self, encoder: &mut Encoder) {
        let mut elements: Vec<Vec<u8>> = self.iter().map(crate::to_bytes).collect();
        elements.sort_unstable();
        encoder.array(elements.len());
        elements.iter().for_each(|element| encoder.encoded(element));
    }
}

impl<T: Decode + Ord> Decode for BTreeSet<T> {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let mut elements = Self::new();
        let mut last = None;
        decoder.elements(|decoder| {
            elements.insert(decoder.ascending(&mut last, T::decode)?);
            Ok(())
        })?;
        Ok(elements)
    }
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self, encoder: &mut Encoder) {
        let keyed = self.iter().map(|(key, value)| (crate::to_bytes(key), value));
        let mut pairs: Vec<(Vec<u8>, &V)> = keyed.collect();
        pairs.sort_unstable_by(|(first, _), (second, _)| first.cmp(second));
        encoder.map(pairs.len());
        for (key, value) in pairs {
            encoder.encoded(&key);
            value.encode(encoder);
        }
    }
}

impl<K: Decode + Ord, V: Decode> Decode for BTreeMap<K, V> {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let read_key = |decoder: &mut Decoder<'_>| {
            keys.push(K::decode(decoder)?);
            Ok(())
        };
        let read_value = |decoder: &mut Decoder<'_>| {
            values.push(V::decode(decoder)?);
            Ok(())
        };
        decoder.pairs(read_key, read_value)?;
        Ok(keys.into_iter().zip(values).collect())
    }
}

impl<A: Encode, B: Encode> Encode for (A, B) {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.array(2);
        self.0.encode(encoder);
        self.1.encode(encoder);
    }
}

impl<A: Decode, B: Decode> Decode for (A, B) {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.tuple(2, |decoder| Ok((A::decode(decoder)?, B::decode(decoder)?)))
    }
}

impl<A: Encode, B: Encode, C: Encode> Encode for (A, B, C) {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.array(3);
        self.0.encode(encoder);
        self.1.encode(encoder);
        self.2.encode(encoder);
    }
}

impl<A: Decode, B: Decode, C: Decode> Decode for (A, B, C) {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder
            .tuple(3, |decoder| Ok((A::decode(decoder)?, B::decode(decoder)?, C::decode(decoder)?)))
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, encoder: &mut Encoder) {
        (**self).encode(encoder);
    }
}
