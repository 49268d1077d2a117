//! Keys: known, unknown, critical, missing, out of order; variants; longest lengths.

use crate::bytes;
use netloom_cbor::fuzz::{Colour, Note, Parcel, Sample, Shape};
use netloom_cbor::{Decode, Encoder, Problem, from_bytes, to_bytes};
use std::fmt::Debug;

netloom_cbor::record! {
    /// A record of version 1.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Old {
        /// Its only field.
        0 => name: String,
    }
}

netloom_cbor::record! {
    /// The same record of version 2.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct New {
        /// As in version 1.
        0 => name: String,
        /// May be ignored.
        7 => hint: Option<Vec<Old>>,
        /// May not be ignored.
        -1 => must: Option<u8>,
    }
}

netloom_cbor::record! {
    /// A record without fields.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Nothing {}
}

fn refused<T: Decode + Debug>(hex: &str, problem: Problem) {
    let error = from_bytes::<T>(&bytes(hex)).unwrap_err();
    assert_eq!(error.problem, problem, "{hex}: {error}");
}

#[test]
fn a_record_is_a_map_with_the_keys_that_are_present() {
    let mut new = New { name: "a".into(), hint: None, must: None };
    assert_eq!(to_bytes(&new), bytes("a1 00 6161"));
    new.hint = Some(vec![Old { name: "b".into() }]);
    new.must = Some(9);
    assert_eq!(to_bytes(&new), bytes("a3 00 6161 07 81 a1 00 6162 20 09"));
    assert_eq!(from_bytes::<New>(&to_bytes(&new)), Ok(new));
    assert_eq!(to_bytes(&Nothing {}), bytes("a0"));
    assert_eq!(from_bytes::<Nothing>(&bytes("a1 05 f5")), Ok(Nothing {}));
}

#[test]
fn an_older_reader_skips_what_it_may_and_refuses_what_it_must_know() {
    let new = |hint, must| New { name: "a".into(), hint, must };
    let hint = Some(vec![Old { name: "b".into() }]);
    let read = |new: New| from_bytes::<Old>(&to_bytes(&new));
    assert_eq!(read(new(hint.clone(), None)), Ok(Old { name: "a".into() }));
    let error = read(new(hint, Some(1))).unwrap_err();
    assert_eq!(error.problem, Problem::UnknownCritical { key: -1 });
    let expected = "the critical key -1 is unknown; the sender speaks a newer version";
    assert!(error.to_string().ends_with(expected), "{error}");
    // A newer reader reads what an older one has written.
    let old = to_bytes(&Old { name: "a".into() });
    assert_eq!(from_bytes::<New>(&old), Ok(new(None, None)));
}

#[test]
fn what_is_skipped_is_checked_like_the_rest() {
    refused::<Old>("a2 00 6161 05 f90000", Problem::Unsupported { first: 0xf9 });
    refused::<Old>("a2 00 6161 05 1801", Problem::NotShortest);
    refused::<Old>("a2 00 6161 05 a2 01 00 01 00", Problem::Order);
    refused::<Old>("a2 00 6161 05 61ff", Problem::Utf8);
}

#[test]
fn keys_are_integers_and_required_ones_are_there() {
    refused::<New>("a0", Problem::Missing { key: 0 });
    refused::<New>("a1 07 80", Problem::Missing { key: 0 });
    let error = from_bytes::<New>(&bytes("a0")).unwrap_err();
    assert_eq!(error.to_string(), "at byte 1, where name is expected: the key 0 is missing");
    assert!(matches!(
        from_bytes::<New>(&bytes("a1 6161 00")).unwrap_err().problem,
        Problem::Unexpected { .. }
    ));
    // `null` is no value of an optional field: that would be a second form of its absence.
    assert!(from_bytes::<New>(&bytes("a2 00 6161 07 f6")).is_err());
}

#[test]
fn variants_are_told_by_key_zero_and_codes_by_their_number() {
    for (shape, hex) in [
        (Shape::Point {}, "a1 00 00"),
        (Shape::Circle { radius: 3, colour: None }, "a2 00 01 01 03"),
        (Shape::Circle { radius: 3, colour: Some(Colour::Blue) }, "a3 00 01 01 03 20 07"),
    ] {
        assert_eq!(to_bytes(&shape), bytes(hex));
        assert_eq!(from_bytes::<Shape>(&bytes(hex)), Ok(shape));
    }
    refused::<Shape>("a1 00 02", Problem::UnknownVariant { tag: 2 });
    refused::<Shape>("a0", Problem::Missing { key: 0 });
    refused::<Shape>("a1 01 03", Problem::Missing { key: 0 });
    refused::<Shape>("a1 00 01", Problem::Missing { key: 1 });
    refused::<Shape>("a2 00 00 20 07", Problem::UnknownCritical { key: -1 });
    assert_eq!(from_bytes::<Shape>(&bytes("a2 00 00 05 07")), Ok(Shape::Point {}));
    refused::<Colour>("01", Problem::UnknownVariant { tag: 1 });
}

#[test]
fn a_field_has_a_longest_length() {
    let sample = |text: usize| {
        let mut encoder = Encoder::new();
        encoder.record(|record| {
            record.field(0, &0u8);
            record.field(1, &"x".repeat(text));
        });
        encoder.into_bytes()
    };
    assert!(from_bytes::<Sample>(&sample(40)).is_ok());
    let error = from_bytes::<Sample>(&sample(41)).unwrap_err();
    assert_eq!(error.problem, Problem::TooLong { max: 40 });
    refused::<Sample>("a2 00 00 03 91 00", Problem::TooLong { max: 16 });
}

#[test]
#[should_panic(expected = "in the order of their keys")]
fn fields_cannot_be_written_out_of_order() {
    Encoder::new().record(|record| {
        record.field(-1, &0u8);
        record.field(0, &0u8);
    });
}

#[test]
fn a_record_of_more_than_23_fields_has_a_longer_head() {
    for count in [23, 24, 300] {
        let mut encoder = Encoder::new();
        encoder.array(1);
        encoder.record(|record| (0..count).for_each(|key| record.field(key, &true)));
        let read = from_bytes::<Vec<std::collections::BTreeMap<i64, bool>>>(encoder.as_bytes());
        assert_eq!(read.unwrap()[0].len(), usize::try_from(count).unwrap());
    }
}

#[test]
fn records_of_their_own_follow_the_number_of_their_variant() {
    let note = Note { text: Some("a".into()), number: None };
    for (parcel, hex) in [
        (Parcel::Note(note.clone()), "a2 00 03 01 6161"),
        (Parcel::Order(note), "a2 00 22 01 6161"),
        (Parcel::Order(Note { text: None, number: Some(5) }), "a2 00 22 20 05"),
    ] {
        assert_eq!(to_bytes(&parcel), bytes(hex));
        assert_eq!(netloom_cbor::tag(&bytes(hex)), Ok(parcel.tag()));
        assert_eq!(from_bytes::<Parcel>(&bytes(hex)), Ok(parcel));
    }
    assert_eq!(Parcel::TAGS, [3, -3]);
    refused::<Parcel>("a1 00 04", Problem::UnknownVariant { tag: 4 });
    refused::<Parcel>("a1 00 23", Problem::UnknownVariant { tag: -4 });
    refused::<Parcel>("a1 01 03", Problem::Missing { key: 0 });
    refused::<Parcel>("a2 00 03 21 00", Problem::UnknownCritical { key: -2 });
    assert_eq!(netloom_cbor::tag(&bytes("a2 00 23 01 ff")), Ok(-4));
    assert!(netloom_cbor::tag(&bytes("80")).is_err());
}
