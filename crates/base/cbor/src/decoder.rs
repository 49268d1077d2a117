//! Reading items: nothing is trusted, nothing is allocated before its bytes are there.

use crate::error::{DecodeError, Kind, Problem};
use crate::head::{self, Head};
use crate::limits::{DEPTH_MAX, ITEMS_MAX};
use crate::record::RecordReader;
use crate::value::Decode;

/// A place in bytes.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
    depth_left: usize,
    items_left: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of `bytes`, with the limits of [`crate::limits`].
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::with_limits(bytes, DEPTH_MAX, ITEMS_MAX)
    }

    /// A decoder with limits of its own.
    pub fn with_limits(bytes: &'a [u8], depth_max: usize, items_max: usize) -> Self {
        Self { bytes, offset: 0, depth_left: depth_max, items_left: items_max }
    }

    /// Where the next item begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether all bytes have been read.
    pub fn is_at_end(&self) -> bool {
        self.offset == self.bytes.len()
    }

    /// That all bytes have been read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.is_at_end() { Ok(()) } else { Err(self.error("the end", Problem::Trailing)) }
    }

    /// An error at the place of the next item, for what types check themselves.
    pub fn error(&self, expected: &'static str, problem: Problem) -> DecodeError {
        DecodeError { offset: self.offset, expected, problem }
    }

    /// The kind of the next item.
    pub fn kind(&self) -> Result<Kind, DecodeError> {
        Ok(self.peek("an item")?.kind)
    }

    /// An integer ≥ 0.
    pub fn unsigned(&mut self) -> Result<u64, DecodeError> {
        let head = self.take(Kind::Unsigned, "an unsigned integer")?;
        Ok(head.argument)
    }

    /// An integer.
    pub fn integer(&mut self) -> Result<i64, DecodeError> {
        let expected = "an integer of 64 bits";
        let head = self.peek(expected)?;
        let number = i64::try_from(head.argument);
        let value = match head.kind {
            Kind::Unsigned => number,
            Kind::Negative => number.map(|number| -1 - number),
            found => return Err(self.error(expected, Problem::Unexpected { found })),
        };
        let value = value.map_err(|_| self.error(expected, Problem::Range))?;
        self.consume(&head)?;
        Ok(value)
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        self.string(Kind::Bytes, "a byte string")
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.offset;
        let bytes = self.string(Kind::Text, "a text")?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError {
            offset: start,
            expected: "a text",
            problem: Problem::Utf8,
        })
    }

    /// `false` or `true`.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.take(Kind::Bool, "a truth value")?.argument != 0)
    }

    /// `null`.
    pub fn null(&mut self) -> Result<(), DecodeError> {
        self.take(Kind::Null, "null").map(|_| ())
    }

    /// A value of any type.
    pub fn value<T: Decode>(&mut self) -> Result<T, DecodeError> {
        T::decode(self)
    }

    /// An array of any length: `read` is called once for each element, and reads it.
    pub fn elements(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.enter(Kind::Array, "an array")?;
        (0..count).try_for_each(|_| read(self))?;
        self.leave();
        Ok(())
    }

    /// An array of `count` elements, which `read` reads.
    pub fn tuple<T>(
        &mut self,
        count: usize,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let start = self.offset;
        if self.enter(Kind::Array, "an array")? != count {
            let expected = "an array of another length";
            return Err(DecodeError { offset: start, expected, problem: Problem::Range });
        }
        let value = read(self)?;
        self.leave();
        Ok(value)
    }

    /// A map: `read` is called once for each pair, and reads both. Keys are strictly ascending.
    pub fn pairs(
        &mut self,
        read_key: impl FnMut(&mut Self) -> Result<(), DecodeError>,
        mut read_value: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.enter(Kind::Map, "a map")?;
        let mut read_key = read_key;
        let mut last = None;
        for _ in 0..count {
            self.ascending(&mut last, &mut read_key)?;
            read_value(self)?;
        }
        self.leave();
        Ok(())
    }

    /// A record, field by field.
    pub fn record(&mut self) -> Result<RecordReader<'_, 'a>, DecodeError> {
        let fields = self.enter(Kind::Map, "a record")?;
        Ok(RecordReader::new(self, fields))
    }

    /// Leaves out the next item, whatever it is, and gives its bytes. They are checked like others.
    pub fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.offset;
        match self.kind()? {
            Kind::Unsigned | Kind::Negative | Kind::Bool | Kind::Null => {
                let head = self.peek("an item")?;
                self.consume(&head)?;
            }
            Kind::Bytes => self.bytes().map(|_| ())?,
            Kind::Text => self.text().map(|_| ())?,
            Kind::Array => self.elements(|decoder| decoder.skip().map(|_| ()))?,
            Kind::Map => {
                let skip = |decoder: &mut Self| decoder.skip().map(|_| ());
                self.pairs(skip, skip)?;
            }
        }
        Ok(&self.bytes[start..self.offset])
    }

    /// That the next text, byte string, array or map is not longer than `max`.
    pub fn at_most(&self, max: usize) -> Result<(), DecodeError> {
        let head = self.peek("an item")?;
        let counts = matches!(head.kind, Kind::Bytes | Kind::Text | Kind::Array | Kind::Map);
        if counts && head.argument > max as u64 {
            return Err(self.error("a shorter item", Problem::TooLong { max }));
        }
        Ok(())
    }

    /// Reads an item that must be greater by its bytes than the last one.
    pub(crate) fn ascending<T>(
        &mut self,
        last: &mut Option<&'a [u8]>,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let start = self.offset;
        let value = read(self)?;
        let item = &self.bytes[start..self.offset];
        if last.is_some_and(|last| last >= item) {
            let expected = "a greater key or element";
            return Err(DecodeError { offset: start, expected, problem: Problem::Order });
        }
        *last = Some(item);
        Ok(value)
    }

    /// Enters an array or a map, and gives its number of elements or pairs.
    fn enter(&mut self, kind: Kind, expected: &'static str) -> Result<usize, DecodeError> {
        let head = self.peek_kind(kind, expected)?;
        let left = (self.bytes.len() - self.offset - head.length) as u64;
        // Each element takes a byte at least, and each pair two.
        let most = if kind == Kind::Map { left / 2 } else { left };
        if head.argument > most {
            return Err(self.error(expected, Problem::End));
        }
        self.depth_left = match self.depth_left.checked_sub(1) {
            Some(left) => left,
            None => return Err(self.error(expected, Problem::Depth)),
        };
        self.consume(&head)?;
        Ok(usize::try_from(head.argument).expect("no more than the bytes that are there"))
    }

    pub(crate) fn leave(&mut self) {
        self.depth_left += 1;
    }

    fn string(&mut self, kind: Kind, expected: &'static str) -> Result<&'a [u8], DecodeError> {
        let head = self.peek_kind(kind, expected)?;
        let start = self.offset + head.length;
        let length = usize::try_from(head.argument).ok();
        let end = length.and_then(|length| start.checked_add(length));
        let bytes = end.and_then(|end| self.bytes.get(start..end));
        let bytes = bytes.ok_or_else(|| self.error(expected, Problem::End))?;
        self.consume(&head)?;
        self.offset += bytes.len();
        Ok(bytes)
    }

    fn take(&mut self, kind: Kind, expected: &'static str) -> Result<Head, DecodeError> {
        let head = self.peek_kind(kind, expected)?;
        self.consume(&head)?;
        Ok(head)
    }

    fn peek(&self, expected: &'static str) -> Result<Head, DecodeError> {
        head::read(&self.bytes[self.offset..]).map_err(|problem| self.error(expected, problem))
    }

    fn peek_kind(&self, kind: Kind, expected: &'static str) -> Result<Head, DecodeError> {
        let head = self.peek(expected)?;
        if head.kind != kind {
            return Err(self.error(expected, Problem::Unexpected { found: head.kind }));
        }
        Ok(head)
    }

    fn consume(&mut self, head: &Head) -> Result<(), DecodeError> {
        self.items_left = match self.items_left.checked_sub(1) {
            Some(left) => left,
            None => return Err(self.error("fewer items", Problem::Items)),
        };
        self.offset += head.length;
        Ok(())
    }
}
