//! Deterministic CBOR: what nodes and control send and store, without I/O and without reflection.
//!
//! One value has exactly one encoding (RFC 8949 §4.2.1), so bytes can be hashed, compared and
//! signed. A reader refuses every other encoding of the same value, in fields that it skips too.
//!
//! # What is used of CBOR
//! | item | bytes |
//! |---|---|
//! | unsigned, negative integer | major types 0 and 1, the shortest form |
//! | byte string, text | major types 2 and 3, definite length; text is UTF-8 |
//! | array, map | major types 4 and 5, definite length; keys of maps strictly ascending by their bytes |
//! | `false`, `true`, `null` | `f4`, `f5`, `f6` |
//! | floats, tags, indefinite lengths, other simple values | refused |
//!
//! # Values
//! | Rust | CBOR |
//! |---|---|
//! | `u8` … `u64`, `i32`, `i64` | integer; out of range is refused |
//! | `bool` | `false`, `true` |
//! | `String` | text |
//! | [`Bytes`], `Arc<[u8]>`, `[u8; N]` | byte string; an array's length must fit |
//! | `Vec<T>` | array in the given order (a `Vec<u8>` is an array of integers: use [`Bytes`]) |
//! | `BTreeSet<T>` | array, strictly ascending by the bytes of its elements |
//! | `BTreeMap<K, V>` | map |
//! | `Arc<T>` | that of `T` |
//! | `(A, B)`, `(A, B, C)` | array of two, of three |
//! | `IpAddr` | byte string of 4 or 16 bytes |
//! | `IpNet` | `[address, prefix length]`; bits behind the prefix are kept |
//! | `SocketAddr` | `[address, port]`; flow and scope of IPv6 are not carried |
//! | `Duration` | integer: milliseconds, rounded down |
//! | `Option<T>` as a field | `None`: the key is absent; `Some`: the value |
//!
//! # Records
//! A record is a map with integer keys: [`record!`] writes a struct and its keys once. Non-negative
//! keys come first, `0 1 2 … -1 -2 …`, since that is the order of their bytes. **The critical bit is
//! the sign of the key**: a reader skips a key ≥ 0 that it does not know, and refuses a record with
//! a key < 0 that it does not know ([`Problem::UnknownCritical`]). A field that an older reader may
//! ignore gets a key ≥ 0 and is an `Option`; one that it must not ignore gets a key < 0.
//!
//! An enum is a record whose key 0 is the number of the variant, followed by the variant's own keys
//! ([`choice!`], or [`tagged!`] where each variant holds a [`Record`]), or, if no variant has fields,
//! that number alone ([`code!`]). An unknown variant is refused: whoever can do without it asks for
//! the number first ([`tag`]).
//!
//! ```text
//! netloom_cbor::record! {
//!     /// What a node says of itself.
//!     #[derive(Clone, Debug, PartialEq, Eq)]
//!     pub struct Hello {
//!         /// Its name.
//!         0 => pub name: String [max 63],
//!         /// Where it may be reached.
//!         1 => pub endpoint: Option<SocketAddr>,
//!         /// What the reader must know how to do.
//!         -1 => pub must: Option<BTreeSet<String>> [max 16],
//!     }
//! }
//! Hello { name: "a".into(), endpoint: None, must: None }      ==  a1 00 61 61
//! ```
//! `[max N]` is the longest text, byte string, array or map that is read for the field.
//!
//! # Hostile bytes
//! Nothing is allocated before its bytes are there. Depth and number of items are limited
//! ([`limits`]), and every error says where it is and what was expected.
#![forbid(unsafe_code)]

mod choice;
mod decoder;
mod encoder;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod head;
pub mod limits;
mod record;
mod value;

pub use decoder::Decoder;
pub use encoder::{Encoder, RecordWriter};
pub use error::{DecodeError, Kind, Problem};
pub use record::{Field, Record, RecordReader};
#[doc(hidden)]
pub use record::{assert_keys, assert_keys_after_tag};
pub use value::{Bytes, Decode, Encode};

/// The bytes of a value.
pub fn to_bytes<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut encoder = Encoder::new();
    value.encode(&mut encoder);
    encoder.into_bytes()
}

/// The number of the variant that `bytes` hold: key 0 of a record. The rest is not looked at.
pub fn tag(bytes: &[u8]) -> Result<i64, DecodeError> {
    Decoder::new(bytes).record()?.tag("a record with the number of a variant")
}

/// The value of all of `bytes`: what follows it is an error.
pub fn from_bytes<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = T::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}
