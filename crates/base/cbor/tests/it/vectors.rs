//! The examples of RFC 8949 appendix A that are in use here, and those that are not.

use crate::bytes;
use netloom_cbor::{Bytes, Decode, Decoder, Encode, Encoder, Problem, from_bytes, to_bytes};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

fn both<T: Encode + Decode + PartialEq + Debug>(value: T, hex: &str) {
    assert_eq!(to_bytes(&value), bytes(hex), "writing {value:?}");
    assert_eq!(from_bytes::<T>(&bytes(hex)).as_ref(), Ok(&value), "reading {hex}");
}

#[test]
fn unsigned_integers_of_appendix_a() {
    for (value, hex) in [
        (0, "00"),
        (1, "01"),
        (10, "0a"),
        (23, "17"),
        (24, "1818"),
        (25, "1819"),
        (100, "1864"),
        (1000, "1903e8"),
        (1_000_000, "1a000f4240"),
        (1_000_000_000_000, "1b000000e8d4a51000"),
        (u64::MAX, "1bffffffffffffffff"),
    ] {
        both::<u64>(value, hex);
    }
    both::<u8>(255, "18ff");
    both::<u16>(65_535, "19ffff");
    both::<u32>(u32::MAX, "1affffffff");
}

#[test]
fn negative_integers_of_appendix_a() {
    for (value, hex) in [(-1, "20"), (-10, "29"), (-100, "3863"), (-1000, "3903e7")] {
        both::<i64>(value, hex);
        both::<i32>(i32::try_from(value).unwrap(), hex);
    }
    both::<i64>(i64::MIN, "3b7fffffffffffffff");
    both::<i64>(i64::MAX, "1b7fffffffffffffff");
    // −18446744073709551616 can be written and skipped, and is out of range for every type.
    let mut encoder = Encoder::new();
    encoder.negative(u64::MAX);
    assert_eq!(encoder.as_bytes(), bytes("3bffffffffffffffff"));
    assert_eq!(Decoder::new(encoder.as_bytes()).skip().unwrap(), encoder.as_bytes());
    assert_eq!(from_bytes::<i64>(encoder.as_bytes()).unwrap_err().problem, Problem::Range);
}

#[test]
fn simple_values_and_strings_of_appendix_a() {
    both(false, "f4");
    both(true, "f5");
    let mut encoder = Encoder::new();
    encoder.null();
    assert_eq!(encoder.as_bytes(), bytes("f6"));
    assert_eq!(Decoder::new(&bytes("f6")).null(), Ok(()));
    both(Bytes(vec![]), "40");
    both(Bytes(vec![1, 2, 3, 4]), "4401020304");
    both([1u8, 2, 3, 4], "4401020304");
    both::<Arc<[u8]>>(Arc::from([1u8, 2, 3, 4]), "4401020304");
    for (text, hex) in [
        ("", "60"),
        ("a", "6161"),
        ("IETF", "6449455446"),
        ("\"\\", "62225c"),
        ("\u{fc}", "62c3bc"),
        ("\u{6c34}", "63e6b0b4"),
        ("\u{10151}", "64f0908591"),
    ] {
        both(text.to_owned(), hex);
    }
}

#[test]
fn arrays_and_maps_of_appendix_a() {
    both(Vec::<u8>::new(), "80");
    both(vec![1u8, 2, 3], "83010203");
    both((1u8, (2u8, 3u8), vec![4u8, 5]), "8301820203820405");
    both(
        (1..=25).collect::<Vec<u8>>(),
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    );
    both(BTreeMap::<u8, u8>::new(), "a0");
    both(BTreeMap::from([(1u8, 2u8), (3, 4)]), "a201020304");
    both(("a".to_owned(), BTreeMap::from([("b".to_owned(), "c".to_owned())])), "826161a161626163");
    let letters = ["a", "b", "c", "d", "e"].map(|key| (key.to_owned(), key.to_uppercase()));
    both(BTreeMap::from(letters), "a56161614161626142616361436164614461656145");
}

#[test]
fn what_appendix_a_has_and_we_do_not_use_is_refused() {
    for hex in [
        "f90000",
        "f93e00",
        "fa47c35000",
        "fb3ff199999999999a",
        "f97e00",
        "f7",
        "f0",
        "f818",
        "f8ff",
        "c11a514b67b0",
        "c249010000000000000000",
        "d74401020304",
        "5f42010243030405ff",
        "7f657374726561646d696e67ff",
        "9fff",
        "9f018202039f0405ffff",
        "bf61610161629f0203ffff",
        "ff",
        "1c",
        "3d",
        "5e",
    ] {
        let bytes = bytes(hex);
        let error = Decoder::new(&bytes).skip().unwrap_err();
        assert!(matches!(error.problem, Problem::Unsupported { .. }), "{hex}: {error}");
    }
}

#[test]
fn keys_and_elements_stand_in_the_order_of_their_bytes() {
    // The shorter text first, then by letters (RFC 8949 §4.2.1).
    let map = ["b", "aa", "z", ""].map(|key| (key.to_owned(), String::new()));
    both(BTreeMap::from(map), "a4 60 60 6162 60 617a 60 626161 60");
    both(
        ["b", "aa"].map(str::to_owned).into_iter().collect::<BTreeSet<String>>(),
        "82 6162 626161",
    );
    both(BTreeSet::from([-1i64, 10, 100]), "83 0a 1864 20");
}

#[test]
fn addresses_prefixes_and_times() {
    both::<IpAddr>([192, 0, 2, 1].into(), "44c0000201");
    both::<IpAddr>("2001:db8::1".parse().unwrap(), "5020010db8000000000000000000000001");
    both::<IpAddr>("::ffff:1.2.3.4".parse().unwrap(), "5000000000000000000000ffff01020304");
    both::<ipnet::IpNet>("10.1.2.3/8".parse().unwrap(), "82 440a010203 08");
    both::<SocketAddr>(([192, 0, 2, 1], 51820).into(), "82 44c0000201 19ca6c");
    both(Duration::from_millis(1500), "1905dc");
    assert_eq!(to_bytes(&Duration::from_micros(1_500_999)), bytes("1905dc"));
    assert_eq!(to_bytes(&Duration::MAX), bytes("1bffffffffffffffff"));
    for hex in ["43c00002", "45c000020100", "40"] {
        assert_eq!(from_bytes::<IpAddr>(&bytes(hex)).unwrap_err().problem, Problem::Range, "{hex}");
    }
    for hex in ["82 440a010203 1821", "82 5020010db8000000000000000000000001 1881"] {
        let error = from_bytes::<ipnet::IpNet>(&bytes(hex)).unwrap_err();
        assert_eq!(error.problem, Problem::Range, "{hex}");
    }
}
