//! What the kernel sends, read as hostile bytes: bounded, without panic, without copying.

use super::{HEADER_BYTES, Malformed, Refusal, align};

/// Bits of `nla_type` that are the type; the upper two are flags.
const TYPE_MASK: u16 = 0x3fff;
/// Bytes of `struct nlattr`.
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// `NLM_F_CAPPED`: the acknowledgement leaves the request's payload out.
const FLAG_CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: the acknowledgement carries attributes.
const FLAG_ACK_TLVS: u16 = 0x200;
/// `NLMSGERR_ATTR_MSG`.
const ACK_TEXT: u16 = 1;

/// One message as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// `nlmsg_pid`: in a notification, the port of whoever caused it; 0 where the kernel does not say.
    pub port: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// The messages of one datagram.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type, without flags.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// A run of attributes whose lengths have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
}

/// The content of an `NLMSG_ERROR`: acceptance (error number 0) or refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement(pub Refusal);

// === impl Frames ===

impl<'a> Frames<'a> {
    /// The messages in `datagram`.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.rest);
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Some(Err(Malformed("shorter than its header")));
        };
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some(payload) = bytes.get(HEADER_BYTES..length) else {
            return Some(Err(Malformed("its length lies")));
        };
        self.rest = bytes.get(align(length)..).unwrap_or_default();
        Some(Ok(Frame {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            flags: u16::from_ne_bytes([header[6], header[7]]),
            sequence: u32::from_ne_bytes([header[8], header[9], header[10], header[11]]),
            port: u32::from_ne_bytes([header[12], header[13], header[14], header[15]]),
            payload,
        }))
    }
}

// === impl Attributes ===

/// Splits the first attribute off; `None` at the end.
fn split(bytes: &[u8]) -> Result<Option<(Attribute<'_>, &[u8])>, Malformed> {
    let Some(header) = bytes.first_chunk::<ATTRIBUTE_HEADER_BYTES>() else {
        // Fewer bytes than a header are padding, as in the kernel's `nla_ok`.
        return Ok(None);
    };
    let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
    let Some(value) = bytes.get(ATTRIBUTE_HEADER_BYTES..length) else {
        return Err(Malformed("an attribute's length lies"));
    };
    let kind = u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK;
    let rest = bytes.get(align(length)..).unwrap_or_default();
    Ok(Some((Attribute { kind, value }, rest)))
}

impl<'a> Attributes<'a> {
    /// Checks the lengths of all attributes in `bytes` (one level; nests are checked when read).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        while let Some((_, next)) = split(rest)? {
            rest = next;
        }
        Ok(Self { bytes })
    }

    /// The attributes after a fixed part of `fixed_bytes`.
    pub fn after(payload: &'a [u8], fixed_bytes: usize) -> Result<Self, Malformed> {
        Self::parse(payload.get(align(fixed_bytes)..).ok_or(Malformed("fixed part cut short"))?)
    }

    /// The attributes in order.
    pub fn iter(self) -> impl Iterator<Item = Attribute<'a>> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (attribute, next) = split(rest).ok()??;
            rest = next;
            Some(attribute)
        })
    }

    /// The first attribute of type `kind`.
    pub fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.iter().find(|attribute| attribute.kind == kind).map(|attribute| attribute.value)
    }

    /// The attributes nested in the first attribute of type `kind`; none if it is missing.
    pub fn nest(self, kind: u16) -> Result<Self, Malformed> {
        Self::parse(self.get(kind).unwrap_or_default())
    }

    /// One byte.
    pub fn u8(self, kind: u16) -> Option<u8> {
        self.get(kind)?.first().copied()
    }

    /// 32 bits in host order.
    pub fn u32(self, kind: u16) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.get(kind)?.first_chunk()?))
    }

    /// 32 bits in network order.
    pub fn be32(self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(*self.get(kind)?.first_chunk()?))
    }

    /// 16 bits in network order.
    pub fn be16(self, kind: u16) -> Option<u16> {
        Some(u16::from_be_bytes(*self.get(kind)?.first_chunk()?))
    }

    /// 64 bits in network order.
    pub fn be64(self, kind: u16) -> Option<u64> {
        Some(u64::from_be_bytes(*self.get(kind)?.first_chunk()?))
    }

    /// A string, up to its NUL.
    pub fn text(self, kind: u16) -> Option<String> {
        self.get(kind).map(text)
    }
}

/// A string up to its NUL; what is not UTF-8 is replaced, so that it never equals a name of ours.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

// === impl Acknowledgement ===

impl Acknowledgement {
    /// Reads the payload of an `NLMSG_ERROR` with its extended acknowledgement.
    pub fn parse(frame: &Frame<'_>) -> Result<Self, Malformed> {
        let Some((error, rest)) = frame.payload.split_first_chunk::<4>() else {
            return Err(Malformed("acknowledgement cut short"));
        };
        let errno = i32::from_ne_bytes(*error).checked_neg().unwrap_or(i32::MAX);
        let text = Self::extended(frame.flags, rest).ok().flatten();
        Ok(Self(Refusal { errno, text }))
    }

    fn extended(flags: u16, rest: &[u8]) -> Result<Option<String>, Malformed> {
        if flags & FLAG_ACK_TLVS == 0 {
            return Ok(None);
        }
        let Some(length) = rest.first_chunk::<4>() else {
            return Err(Malformed("acknowledgement without its request"));
        };
        let request_bytes = match flags & FLAG_CAPPED {
            0 => u32::from_ne_bytes(*length) as usize,
            _ => HEADER_BYTES,
        };
        Ok(Attributes::after(rest, request_bytes)?.text(ACK_TEXT))
    }
}
