//! A netlink request under construction: header, fixed part, nested attributes.

use super::{HEADER_BYTES, NetlinkError, align};

/// Marks an attribute that holds attributes (`NLA_F_NESTED`).
const NESTED: u16 = 0x8000;
/// The longest attribute that `nla_len` can say.
const ATTRIBUTE_BYTES_MAX: usize = u16::MAX as usize;

/// One request. Flags and sequence number are completed by the socket that sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
    /// The length of an attribute that did not fit its length field.
    overlong: Option<usize>,
}

impl Message {
    /// A message of type `kind` with `flags` besides those that the socket adds.
    pub fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, overlong: None }
    }

    /// Appends a fixed part, such as `struct rtmsg`.
    pub fn fixed(&mut self, part: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(part);
        self.pad();
        self
    }

    /// Appends an attribute.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value);
        self.close(start);
        self
    }

    /// Appends an attribute without a value.
    pub fn flag(&mut self, kind: u16) -> &mut Self {
        self.bytes(kind, &[])
    }

    /// Appends one byte.
    pub fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.bytes(kind, &[value])
    }

    /// Appends 32 bits in host order, as rtnetlink wants them.
    pub fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// Appends 32 bits in network order, as netfilter wants them.
    pub fn be32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Appends a string with its terminating NUL.
    pub fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.close(start);
        self
    }

    /// Appends an attribute that holds what `fill` appends.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.open(kind | NESTED);
        fill(self);
        self.close(start);
        self
    }

    /// The message's length so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds nothing but its header.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= HEADER_BYTES
    }

    /// Completes the header and gives the bytes to send.
    pub fn seal(&mut self, extra_flags: u16, sequence: u32) -> Result<&[u8], NetlinkError> {
        if let Some(bytes) = self.overlong {
            let limit = ATTRIBUTE_BYTES_MAX;
            return Err(NetlinkError::TooLong { what: "attribute", bytes, limit });
        }
        let Ok(length) = u32::try_from(self.bytes.len()) else {
            let (bytes, limit) = (self.bytes.len(), u32::MAX as usize);
            return Err(NetlinkError::TooLong { what: "message", bytes, limit });
        };
        let flags = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) | extra_flags;
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        Ok(&self.bytes)
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize) {
        let length = self.bytes.len() - start;
        match u16::try_from(length) {
            Ok(short) => self.bytes[start..start + 2].copy_from_slice(&short.to_ne_bytes()),
            Err(_) => self.overlong = Some(length),
        }
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(align(self.bytes.len()), 0);
    }
}
