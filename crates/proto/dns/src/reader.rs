//! Reading bytes from the network: nothing is trusted, every length is checked.

use crate::limits::{LABEL_BYTES_MAX, NAME_BYTES_MAX};
use crate::name::Name;

/// Pointers that one name may follow: as many as it can have labels. Without a bound, a message of
/// nothing but pointers would be walked once for each of its records.
const POINTERS_MAX: usize = 127;

/// Why bytes are no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes end inside a field.
    #[error("the message ends too soon")]
    Short,
    /// A label is longer than 63 bytes, or of a kind that is not in use.
    #[error("a label of unknown kind")]
    Label,
    /// A name is longer than 255 bytes.
    #[error("a name of more than 255 bytes")]
    LongName,
    /// A compressed name points forward, at itself or too often.
    #[error("a compressed name that does not point back")]
    Pointer,
    /// A record's data does not fit its type.
    #[error("a record whose data does not fit its type")]
    Data,
    /// More than one OPT record, or one that is not in its place (RFC 6891 §6.1.1).
    #[error("an OPT record too many")]
    Opt,
}

/// A place in a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    message: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { message, offset: 0 }
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], ParseError> {
        let end = self.offset.checked_add(length).ok_or(ParseError::Short)?;
        let bytes = self.message.get(self.offset..end).ok_or(ParseError::Short)?;
        self.offset = end;
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ParseError> {
        Ok(self.bytes(1)?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ParseError> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ParseError> {
        let (high, low) = (self.u16()?, self.u16()?);
        Ok(u32::from(high) << 16 | u32::from(low))
    }

    /// A name, compressed or not (RFC 1035 §4.1.4). A pointer must point before the part of the
    /// name that it ends, so that reading always comes to an end.
    pub(crate) fn name(&mut self) -> Result<Name, ParseError> {
        let mut wire = Vec::new();
        // Where reading goes on after the name: behind its first pointer.
        let mut resume = None;
        let mut cursor = *self;
        let mut part_start = self.offset;
        let mut pointers = 0;
        loop {
            let length = cursor.u8()?;
            match length {
                0 => break,
                1..=63 => {
                    let label = cursor.bytes(usize::from(length))?;
                    wire.push(length);
                    wire.extend_from_slice(label);
                    if wire.len() >= NAME_BYTES_MAX {
                        return Err(ParseError::LongName);
                    }
                }
                192.. => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(cursor.u8()?);
                    resume.get_or_insert(cursor.offset);
                    pointers += 1;
                    if target >= part_start || pointers > POINTERS_MAX {
                        return Err(ParseError::Pointer);
                    }
                    (cursor.offset, part_start) = (target, target);
                }
                64..192 => return Err(ParseError::Label),
            }
        }
        self.offset = resume.unwrap_or(cursor.offset);
        wire.push(0);
        Ok(Name::from_wire(wire))
    }
}

const _: () = assert!(LABEL_BYTES_MAX == 63, "the patterns above");
