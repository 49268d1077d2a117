//! Records: structs as maps with integer keys, of which the negative ones are critical.

use crate::decoder::Decoder;
use crate::encoder::{Encoder, RecordWriter};
use crate::error::{DecodeError, Problem};
use crate::value::{Decode, Encode};

/// What can be a field: a value, or an `Option` of one, whose key is absent where it is `None`.
pub trait Field: Sized {
    /// Whether the key is written.
    fn is_present(&self) -> bool;

    /// Writes the value; only called if it is present.
    fn write(&self, encoder: &mut Encoder);

    /// Reads the value of a key that is there.
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    /// What an absent key means, if it may be absent.
    fn absent() -> Option<Self>;
}

/// A struct that is a record, as [`record!`](crate::record!) makes it: its fields without the head
/// of the map, so that they can follow the number of a variant.
pub trait Record: Sized {
    /// Its keys, in their order.
    const KEYS: &'static [i64];

    /// Writes the fields that are present.
    fn write_fields(&self, record: &mut RecordWriter<'_>);

    /// Reads the keys that are left.
    fn read_fields(record: &mut RecordReader<'_, '_>) -> Result<Self, DecodeError>;
}

/// Reads the fields of a record.
#[derive(Debug)]
pub struct RecordReader<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    fields_left: usize,
    last: Option<&'a [u8]>,
    key_offset: usize,
    has_ended: bool,
}

impl<'d, 'a> RecordReader<'d, 'a> {
    pub(crate) fn new(decoder: &'d mut Decoder<'a>, fields: usize) -> Self {
        let key_offset = decoder.offset();
        Self { decoder, fields_left: fields, last: None, key_offset, has_ended: false }
    }

    /// The next key, or nothing at the end of the record. After each key, its value is to be read
    /// with [`Self::value`] or handed to [`Self::unknown`].
    pub fn key(&mut self) -> Result<Option<i64>, DecodeError> {
        self.key_offset = self.decoder.offset();
        if self.fields_left == 0 {
            if !self.has_ended {
                self.decoder.leave();
                self.has_ended = true;
            }
            return Ok(None);
        }
        self.fields_left -= 1;
        self.decoder.ascending(&mut self.last, Decoder::integer).map(Some)
    }

    /// The value of the last key.
    pub fn value<T: Field>(&mut self) -> Result<T, DecodeError> {
        T::read(self.decoder)
    }

    /// The value of the last key, if it is no longer than `max` bytes or elements.
    pub fn value_at_most<T: Field>(&mut self, max: usize) -> Result<T, DecodeError> {
        self.decoder.at_most(max)?;
        T::read(self.decoder)
    }

    /// The last key is not known: its value is skipped, or the record refused if it is critical.
    pub fn unknown(&mut self, key: i64) -> Result<(), DecodeError> {
        if key < 0 {
            return Err(self.error("a known key", Problem::UnknownCritical { key }));
        }
        self.decoder.skip().map(|_| ())
    }

    /// What a field is after all keys have been read.
    pub fn required<T: Field>(
        &self,
        value: Option<T>,
        key: i64,
        name: &'static str,
    ) -> Result<T, DecodeError> {
        value.or_else(T::absent).ok_or_else(|| self.error(name, Problem::Missing { key }))
    }

    /// The number of a variant, which is what key 0 of the record must be.
    pub fn tag(&mut self, expected: &'static str) -> Result<i64, DecodeError> {
        if self.key()? != Some(0) {
            return Err(self.error(expected, Problem::Missing { key: 0 }));
        }
        self.value()
    }

    /// An error at the last key.
    pub fn error(&self, expected: &'static str, problem: Problem) -> DecodeError {
        DecodeError { offset: self.key_offset, expected, problem }
    }
}

impl<T: Encode + Decode> Field for T {
    fn is_present(&self) -> bool {
        true
    }

    fn write(&self, encoder: &mut Encoder) {
        self.encode(encoder);
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }

    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Encode + Decode> Field for Option<T> {
    fn is_present(&self) -> bool {
        self.is_some()
    }

    fn write(&self, encoder: &mut Encoder) {
        if let Some(value) = self {
            value.encode(encoder);
        }
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        T::decode(decoder).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Whether the bytes of one key come before those of another: `0 1 2 … -1 -2 …`.
pub(crate) const fn comes_before(first: i64, second: i64) -> bool {
    match (first < 0, second < 0) {
        (false, true) => true,
        (true, false) => false,
        (false, false) => first < second,
        (true, true) => first > second,
    }
}

/// Fails at compile time where the keys of a record are out of order, or given twice.
#[doc(hidden)]
pub const fn assert_keys(keys: &[i64]) {
    let mut at = 1;
    while at < keys.len() {
        assert!(comes_before(keys[at - 1], keys[at]), "keys stand in the order 0 1 2 … -1 -2 …");
        at += 1;
    }
}

/// Fails at compile time where a record cannot follow the number of a variant, which has key 0.
#[doc(hidden)]
pub const fn assert_keys_after_tag(keys: &[i64]) {
    assert!(keys.is_empty() || keys[0] != 0, "key 0 is the variant's number");
}

/// A struct that is a record: each field has its key before it, and its longest length behind it
/// where it has one. The crate's documentation shows how it is written and what its bytes are.
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $key:literal => $field_vis:vis $field:ident : $type:ty $([max $max:expr])?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)*
        }

        const _: () = $crate::assert_keys(<$name as $crate::Record>::KEYS);

        impl $crate::Record for $name {
            const KEYS: &'static [i64] = &[$($key),*];

            fn write_fields(&self, record: &mut $crate::RecordWriter<'_>) {
                $(record.field($key, &self.$field);)*
                let _ = record;
            }

            fn read_fields(
                record: &mut $crate::RecordReader<'_, '_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                $(let mut $field: ::core::option::Option<$type> = ::core::option::Option::None;)*
                while let ::core::option::Option::Some(key) = record.key()? {
                    match key {
                        $($key => {
                            $field = ::core::option::Option::Some(
                                $crate::read_field!(record $($max)?)
                            );
                        })*
                        _ => record.unknown(key)?,
                    }
                }
                ::core::result::Result::Ok(Self {
                    $($field: record.required($field, $key, stringify!($field))?,)*
                })
            }
        }

        impl $crate::Encode for $name {
            fn encode(&self, encoder: &mut $crate::Encoder) {
                encoder.record(|record| $crate::Record::write_fields(self, record));
            }
        }

        impl $crate::Decode for $name {
            fn decode(
                decoder: &mut $crate::Decoder<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                $crate::Record::read_fields(&mut decoder.record()?)
            }
        }
    };
}

/// The value of a key, with its longest length where it has one.
#[doc(hidden)]
#[macro_export]
macro_rules! read_field {
    ($record:ident) => {
        $record.value()?
    };
    ($record:ident $max:expr) => {
        $record.value_at_most($max)?
    };
}
