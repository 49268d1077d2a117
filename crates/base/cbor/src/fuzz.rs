//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::decoder::Decoder;
use crate::value::{Bytes, Decode, Encode};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

crate::record! {
    /// A record with a field of each kind.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Sample {
        /// A number.
        0 => pub number: u64,
        /// A text.
        1 => pub text: Option<String> [max 40],
        /// Bytes.
        2 => pub bytes: Option<Bytes> [max 64],
        /// A list of pairs.
        3 => pub pairs: Option<Vec<(i64, bool)>> [max 16],
        /// A set.
        4 => pub set: Option<BTreeSet<String>>,
        /// A map.
        5 => pub map: Option<BTreeMap<String, String>>,
        /// Bytes of a fixed length.
        6 => pub fixed: Option<[u8; 4]>,
        /// Addresses and prefixes.
        24 => pub places: Option<Vec<(IpAddr, IpNet, SocketAddr)>>,
        /// A time.
        256 => pub time: Option<Duration>,
        /// A variant.
        65536 => pub shape: Option<Shape>,
        /// Itself, inside.
        -1 => pub inner: Option<Vec<Sample>>,
        /// A number that must be known.
        -2 => pub critical: Option<u8>,
    }
}

crate::choice! {
    /// Variants with fields and without.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Shape {
        /// None.
        0 => Point {},
        /// One of each sign.
        1 => Circle {
            /// Skipped by those who do not know it.
            1 => radius: u32,
            /// Critical.
            -1 => colour: Option<Colour>,
        },
    }
}

crate::code! {
    /// Variants without fields.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Colour {
        /// The first.
        0 => Red,
        /// The second.
        7 => Blue,
    }
}

crate::tagged! {
    /// Records of their own, told by a number.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Parcel {
        /// One that may be skipped.
        3 => Note(Note),
        /// One that may not.
        -3 => Order(Note),
    }
}

crate::record! {
    /// A record that can follow a number.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Note {
        /// A text.
        1 => pub text: Option<String>,
        /// A number.
        -1 => pub number: Option<u8>,
    }
}

/// Skips what the bytes hold, and reads them as a record: what is read has one encoding only, and
/// what is skipped whole is all of the bytes.
pub fn record(bytes: &[u8]) {
    let mut decoder = Decoder::new(bytes);
    if let Ok(item) = decoder.skip() {
        assert_eq!(item, &bytes[..decoder.offset()]);
    }
    if let Ok(sample) = crate::from_bytes::<Sample>(bytes) {
        let written = crate::to_bytes(&sample);
        // Skipped keys are lost; whatever else differed would be a second encoding of one value.
        assert!(written.len() <= bytes.len());
        let again: Sample = crate::from_bytes(&written).expect("what is written reads");
        assert_eq!(again, sample);
    }
    if let Ok(parcel) = crate::from_bytes::<Parcel>(bytes) {
        assert_eq!(crate::tag(bytes), Ok(parcel.tag()));
    }
    exact::<u64>(bytes);
    exact::<i64>(bytes);
    exact::<String>(bytes);
    exact::<Bytes>(bytes);
    exact::<Vec<i32>>(bytes);
    exact::<BTreeMap<i64, BTreeSet<String>>>(bytes);
    exact::<Vec<IpNet>>(bytes);
    exact::<Colour>(bytes);
}

/// A type that skips nothing gives back the very bytes that it was read from.
fn exact<T: Encode + Decode>(bytes: &[u8]) {
    if let Ok(value) = crate::from_bytes::<T>(bytes) {
        assert_eq!(crate::to_bytes(&value), bytes);
    }
}
