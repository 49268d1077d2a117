//! The head of an item: its major type and its argument, in the shortest form (RFC 8949 §3).

use crate::error::{Kind, Problem};

pub(crate) const FALSE: u8 = 0xf4;
pub(crate) const TRUE: u8 = 0xf5;
pub(crate) const NULL: u8 = 0xf6;

/// A head as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// The number, length or count; for truth values 0 or 1.
    pub(crate) argument: u64,
    /// Bytes of the head.
    pub(crate) length: usize,
}

/// The number of a kind with an argument.
const fn major(kind: Kind) -> u8 {
    match kind {
        Kind::Unsigned => 0,
        Kind::Negative => 1,
        Kind::Bytes => 2,
        Kind::Text => 3,
        Kind::Array => 4,
        Kind::Map => 5,
        Kind::Bool | Kind::Null => 7,
    }
}

/// Appends a head with the shortest argument.
pub(crate) fn write(bytes: &mut Vec<u8>, kind: Kind, argument: u64) {
    let first = major(kind) << 5;
    let wide = argument.to_be_bytes();
    match argument {
        0..=23 => bytes.push(first | wide[7]),
        24..=0xff => bytes.extend_from_slice(&[first | 24, wide[7]]),
        0x100..=0xffff => {
            bytes.push(first | 25);
            bytes.extend_from_slice(&wide[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            bytes.push(first | 26);
            bytes.extend_from_slice(&wide[4..]);
        }
        _ => {
            bytes.push(first | 27);
            bytes.extend_from_slice(&wide);
        }
    }
}

/// Reads the head at the start of `bytes`.
pub(crate) fn read(bytes: &[u8]) -> Result<Head, Problem> {
    let first = *bytes.first().ok_or(Problem::End)?;
    let kind = match first >> 5 {
        0 => Kind::Unsigned,
        1 => Kind::Negative,
        2 => Kind::Bytes,
        3 => Kind::Text,
        4 => Kind::Array,
        5 => Kind::Map,
        _ => return simple(first),
    };
    let (width, least) = match first & 0x1f {
        small @ 0..=23 => return Ok(Head { kind, argument: u64::from(small), length: 1 }),
        24 => (1, 24),
        25 => (2, 0x100),
        26 => (4, 0x1_0000),
        27 => (8, 0x1_0000_0000),
        _ => return Err(Problem::Unsupported { first }),
    };
    let wide = bytes.get(1..1 + width).ok_or(Problem::End)?;
    let argument = wide.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    if argument < least {
        return Err(Problem::NotShortest);
    }
    Ok(Head { kind, argument, length: 1 + width })
}

/// Of major types 6 and 7, three values are used.
fn simple(first: u8) -> Result<Head, Problem> {
    match first {
        FALSE => Ok(Head { kind: Kind::Bool, argument: 0, length: 1 }),
        TRUE => Ok(Head { kind: Kind::Bool, argument: 1, length: 1 }),
        NULL => Ok(Head { kind: Kind::Null, argument: 0, length: 1 }),
        _ => Err(Problem::Unsupported { first }),
    }
}
