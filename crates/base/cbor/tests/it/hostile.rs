//! What a decoder refuses, where, and what it says.

use crate::bytes;
use netloom_cbor::fuzz::Sample;
use netloom_cbor::limits::{DEPTH_MAX, ITEMS_MAX};
use netloom_cbor::{Bytes, Decode, Decoder, Kind, Problem, from_bytes, to_bytes};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

fn refused<T: Decode + Debug>(hex: &str, offset: usize, problem: Problem) {
    let error = from_bytes::<T>(&bytes(hex)).unwrap_err();
    assert_eq!((error.offset, error.problem), (offset, problem), "{hex}: {error}");
}

#[test]
fn numbers_have_one_form() {
    for hex in ["1800", "1817", "190000", "1900ff", "1a0000ffff", "1b00000000ffffffff"] {
        refused::<u64>(hex, 0, Problem::NotShortest);
    }
    refused::<i64>("3817", 0, Problem::NotShortest);
    refused::<Bytes>("580101", 0, Problem::NotShortest);
    refused::<String>("7900016100", 0, Problem::NotShortest);
    refused::<Vec<u8>>("980100", 0, Problem::NotShortest);
    refused::<BTreeMap<u8, u8>>("b8010000", 0, Problem::NotShortest);
}

#[test]
fn keys_and_elements_are_sorted_and_single() {
    for (hex, offset) in [("a2 02 00 01 00", 3), ("a2 01 00 01 00", 3), ("a3 01 00 20 00 02 00", 5)]
    {
        refused::<BTreeMap<i64, u8>>(hex, offset, Problem::Order);
        let bytes = bytes(hex);
        assert_eq!(Decoder::new(&bytes).skip().unwrap_err().problem, Problem::Order, "{hex}");
    }
    refused::<BTreeSet<String>>("82 6162 6162", 3, Problem::Order);
    refused::<BTreeSet<String>>("82 626161 617a", 4, Problem::Order);
    refused::<Sample>("a2 01 60 00 00", 3, Problem::Order);
    // A key that is skipped keeps the order too, and may not come twice.
    refused::<Sample>("a3 00 00 18c8 00 18c8 00", 6, Problem::Order);
}

#[test]
fn other_kinds_lengths_and_ranges_are_told() {
    refused::<u64>("6161", 0, Problem::Unexpected { found: Kind::Text });
    refused::<u64>("20", 0, Problem::Unexpected { found: Kind::Negative });
    refused::<String>("4161", 0, Problem::Unexpected { found: Kind::Bytes });
    refused::<bool>("f6", 0, Problem::Unexpected { found: Kind::Null });
    refused::<Sample>("80", 0, Problem::Unexpected { found: Kind::Array });
    refused::<u8>("190100", 0, Problem::Range);
    refused::<i32>("1a80000000", 0, Problem::Range);
    refused::<i64>("1b8000000000000000", 0, Problem::Range);
    refused::<[u8; 4]>("43010203", 0, Problem::Range);
    refused::<(u8, u8)>("83010203", 0, Problem::Range);
    refused::<Vec<String>>("82 6161 61ff", 3, Problem::Utf8);
    refused::<u64>("0000", 1, Problem::Trailing);
    refused::<u64>("", 0, Problem::End);
    let error = from_bytes::<Vec<String>>(&bytes("82 6161 01")).unwrap_err();
    let expected = "at byte 3, where a text is expected: an unsigned integer is there";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_length_beyond_the_bytes_is_refused_before_anything_is_read() {
    for hex in ["5bffffffffffffffff", "5a7fffffff00", "41", "5b8000000000000000"] {
        refused::<Bytes>(hex, 0, Problem::End);
    }
    refused::<String>("7bffffffffffffffff", 0, Problem::End);
    refused::<Vec<u8>>("9bffffffffffffffff00", 0, Problem::End);
    refused::<Vec<u8>>("8200", 0, Problem::End);
    refused::<BTreeMap<u8, u8>>("bbffffffffffffffff0000", 0, Problem::End);
    refused::<BTreeMap<u8, u8>>("a2 00 00 01", 0, Problem::End);
    refused::<Sample>("b9ffff 00 00", 0, Problem::End);
}

#[test]
fn depth_and_number_of_items_are_limited() {
    let deep = |levels: usize| [vec![0x81; levels], vec![0x00]].concat();
    assert!(Decoder::new(&deep(DEPTH_MAX)).skip().is_ok());
    let error = Decoder::new(&deep(DEPTH_MAX + 1)).skip().unwrap_err();
    assert_eq!((error.offset, error.problem), (DEPTH_MAX, Problem::Depth));
    // Depth is given back: many shallow arrays, and records, after each other are fine.
    let wide: Vec<Vec<u8>> = vec![vec![]; 10 * DEPTH_MAX];
    assert!(from_bytes::<Vec<Vec<u8>>>(&to_bytes(&wide)).is_ok());
    let record = bytes("a100 00");
    let samples = [&[0x98, 200][..], &record.repeat(200)].concat();
    assert_eq!(from_bytes::<Vec<Sample>>(&samples).unwrap().len(), 200);

    let many = to_bytes(&vec![0u8; ITEMS_MAX]);
    assert_eq!(from_bytes::<Vec<u8>>(&many).unwrap_err().problem, Problem::Items);
    assert_eq!(Decoder::new(&many).skip().unwrap_err().problem, Problem::Items);
    assert!(from_bytes::<Vec<u8>>(&to_bytes(&vec![0u8; ITEMS_MAX - 1])).is_ok());
    let mut own = Decoder::with_limits(&[0x82, 0, 0], 1, 2);
    assert_eq!(own.value::<Vec<u8>>().unwrap_err().problem, Problem::Items);
}
