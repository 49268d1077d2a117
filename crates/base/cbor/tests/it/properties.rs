//! What is written is read, has one encoding, and broken bytes are refused without a panic.

use netloom_cbor::fuzz::{self, Colour, Sample, Shape};
use netloom_cbor::{Bytes, Decoder, from_bytes, to_bytes};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn prefix() -> impl Strategy<Value = ipnet::IpNet> {
    (address(), 0..=32u8).prop_map(|(address, length)| ipnet::IpNet::new(address, length).unwrap())
}

fn shape() -> impl Strategy<Value = Shape> {
    let colour = prop_oneof![Just(Colour::Red), Just(Colour::Blue)];
    prop_oneof![
        Just(Shape::Point {}),
        (any::<u32>(), option::of(colour))
            .prop_map(|(radius, colour)| Shape::Circle { radius, colour }),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let strings = (
        any::<u64>(),
        option::of("[a-zé水]{0,12}"),
        option::of(vec(any::<u8>(), 0..64).prop_map(Bytes)),
        option::of(vec((any::<i64>(), any::<bool>()), 0..16)),
        option::of(btree_set("[a-c]{0,4}", 0..6)),
        option::of(btree_map("[a-c]{0,4}", ".{0,4}", 0..6)),
    );
    let place = (address(), prefix(), (address(), any::<u16>()).prop_map(Into::into));
    let rest = (
        option::of(any::<[u8; 4]>()),
        option::of(vec(place, 0..4)),
        option::of(any::<u64>().prop_map(Duration::from_millis)),
        option::of(shape()),
        option::of(any::<u8>()),
    );
    let flat = (strings, rest).prop_map(|(strings, rest)| {
        let (number, text, bytes, pairs, set, map) = strings;
        let (fixed, places, time, shape, critical) = rest;
        let inner = None;
        Sample { number, text, bytes, pairs, set, map, fixed, places, time, shape, inner, critical }
    });
    flat.prop_recursive(3, 12, 3, |inner| {
        (inner.clone(), option::of(vec(inner, 0..3)))
            .prop_map(|(outer, inner)| Sample { inner, ..outer })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(sample in sample()) {
        let bytes = to_bytes(&sample);
        prop_assert_eq!(from_bytes::<Sample>(&bytes), Ok(sample));
        let mut decoder = Decoder::new(&bytes);
        prop_assert_eq!(decoder.skip().unwrap(), &bytes[..]);
    }

    #[test]
    fn every_beginning_of_a_value_is_refused(sample in sample()) {
        let bytes = to_bytes(&sample);
        for end in 0..bytes.len() {
            prop_assert!(from_bytes::<Sample>(&bytes[..end]).is_err());
            fuzz::record(&bytes[..end]);
        }
    }

    #[test]
    fn changed_bytes_are_another_value_or_none(
        sample in sample(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let mut bytes = to_bytes(&sample);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fuzz::record(&bytes);
        // Keys that became unknown are skipped; all else must differ from what it was.
        if let Ok(read) = from_bytes::<Sample>(&bytes) {
            prop_assert_ne!(read, sample);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        fuzz::record(&bytes);
    }

    #[test]
    fn random_items_never_panic(
        bytes in vec(prop_oneof![0..0x20u8, 0x40..0x44u8, 0x60..0x64u8, 0x80..0x84u8, 0xa0..0xa4u8], 0..60),
    ) {
        fuzz::record(&bytes);
    }
}
