//! What is wrong with bytes: where, what was found, and what was expected.

use std::fmt;

/// Kinds of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An integer ≥ 0.
    Unsigned,
    /// An integer < 0.
    Negative,
    /// A byte string.
    Bytes,
    /// A text.
    Text,
    /// An array.
    Array,
    /// A map.
    Map,
    /// `false` or `true`.
    Bool,
    /// `null`.
    Null,
}

/// Why bytes are no value of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes end inside an item, or before it.
    End,
    /// Bytes follow the value.
    Trailing,
    /// An item of another kind.
    Unexpected {
        /// What is there.
        found: Kind,
    },
    /// A number or length that the type does not have.
    Range,
    /// An integer or a length that is not in its shortest form.
    NotShortest,
    /// A float, a tag, an indefinite length, or a value that is not assigned.
    Unsupported {
        /// The first byte of the item.
        first: u8,
    },
    /// A text that is not UTF-8.
    Utf8,
    /// A key of a map, or an element of a set, that is not greater than the one before.
    Order,
    /// Arrays and maps deeper inside each other than allowed.
    Depth,
    /// More items than allowed.
    Items,
    /// A text, byte string, array or map longer than its field allows.
    TooLong {
        /// The longest that is allowed.
        max: usize,
    },
    /// A critical key that this version does not know.
    UnknownCritical {
        /// The key, less than zero.
        key: i64,
    },
    /// A key that a record must have is not there.
    Missing {
        /// The key.
        key: i64,
    },
    /// A variant that this version does not know.
    UnknownVariant {
        /// Its number.
        tag: i64,
    },
}

/// Bytes that are no value of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Where in the bytes, from zero.
    pub offset: usize,
    /// What was to stand there.
    pub expected: &'static str,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "an unsigned integer",
            Self::Negative => "a negative integer",
            Self::Bytes => "a byte string",
            Self::Text => "a text",
            Self::Array => "an array",
            Self::Map => "a map",
            Self::Bool => "a truth value",
            Self::Null => "null",
        })
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, expected, problem } = self;
        write!(f, "at byte {offset}, where {expected} is expected: ")?;
        match problem {
            Problem::End => f.write_str("the bytes end too soon"),
            Problem::Trailing => f.write_str("more bytes follow"),
            Problem::Unexpected { found } => write!(f, "{found} is there"),
            Problem::Range => f.write_str("the value or its length is out of range"),
            Problem::NotShortest => f.write_str("a number that is not in its shortest form"),
            Problem::Unsupported { first } => {
                write!(f, "an item that is not used here (first byte {first:#04x})")
            }
            Problem::Utf8 => f.write_str("the text is not UTF-8"),
            Problem::Order => f.write_str("a key or element is not greater than the one before"),
            Problem::Depth => f.write_str("arrays and maps are nested too deep"),
            Problem::Items => f.write_str("there are too many items"),
            Problem::TooLong { max } => write!(f, "more than {max} bytes or elements"),
            Problem::UnknownCritical { key } => {
                write!(f, "the critical key {key} is unknown; the sender speaks a newer version")
            }
            Problem::Missing { key } => write!(f, "the key {key} is missing"),
            Problem::UnknownVariant { tag } => write!(f, "the variant {tag} is unknown"),
        }
    }
}

impl std::error::Error for DecodeError {}
