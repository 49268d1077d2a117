//! Writing items, each in the one form that it has.

use crate::error::Kind;
use crate::head;
use crate::record::{Field, comes_before};
use crate::value::Encode;

/// Appends items to bytes.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

/// Appends the fields of a record.
#[derive(Debug)]
pub struct RecordWriter<'e> {
    encoder: &'e mut Encoder,
    fields: u64,
    last: Option<i64>,
}

impl Encoder {
    /// An encoder without bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// What has been written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What has been written, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// An integer ≥ 0.
    pub fn unsigned(&mut self, value: u64) {
        head::write(&mut self.bytes, Kind::Unsigned, value);
    }

    /// The integer −1 − `value`.
    pub fn negative(&mut self, value: u64) {
        head::write(&mut self.bytes, Kind::Negative, value);
    }

    /// An integer.
    pub fn integer(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => self.negative(value.unsigned_abs() - 1),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        head::write(&mut self.bytes, Kind::Bytes, value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A text.
    pub fn text(&mut self, value: &str) {
        head::write(&mut self.bytes, Kind::Text, value.len() as u64);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// `false` or `true`.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(if value { head::TRUE } else { head::FALSE });
    }

    /// `null`.
    pub fn null(&mut self) {
        self.bytes.push(head::NULL);
    }

    /// The head of an array; the caller writes `count` items.
    pub fn array(&mut self, count: usize) {
        head::write(&mut self.bytes, Kind::Array, count as u64);
    }

    /// The head of a map; the caller writes `count` pairs, in the order of their keys' bytes.
    /// [`Self::record`] and the maps of [`Encode`] see to the order themselves.
    pub fn map(&mut self, count: usize) {
        head::write(&mut self.bytes, Kind::Map, count as u64);
    }

    /// A value of any type.
    pub fn value<T: Encode + ?Sized>(&mut self, value: &T) {
        value.encode(self);
    }

    /// Items that are encoded already, by an encoder of this crate.
    pub fn encoded(&mut self, items: &[u8]) {
        self.bytes.extend_from_slice(items);
    }

    /// A record, with the fields that `write` adds in the order `0 1 2 … -1 -2 …`.
    ///
    /// # Panics
    /// If fields are added in another order, or one of them twice.
    pub fn record(&mut self, write: impl FnOnce(&mut RecordWriter<'_>)) {
        let start = self.bytes.len();
        let mut record = RecordWriter { encoder: self, fields: 0, last: None };
        write(&mut record);
        let fields = record.fields;
        let mut head = Vec::with_capacity(1);
        head::write(&mut head, Kind::Map, fields);
        self.bytes.splice(start..start, head);
    }
}

impl RecordWriter<'_> {
    /// A field, or nothing where the value is `None`.
    ///
    /// # Panics
    /// If it is not its turn: see [`Encoder::record`].
    pub fn field<T: Field>(&mut self, key: i64, value: &T) {
        assert!(
            self.last.is_none_or(|last| comes_before(last, key)),
            "fields of a record are written once each, in the order of their keys"
        );
        self.last = Some(key);
        if value.is_present() {
            self.encoder.integer(key);
            value.write(self.encoder);
            self.fields += 1;
        }
    }
}
