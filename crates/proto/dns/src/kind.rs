//! The numbers of DNS that have names: types, classes, response codes.

use std::fmt;
use std::str::FromStr;

/// A type of record or question (RFC 1035 §3.2.2); any number is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// A class; only [`Class::IN`] is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u16);

/// A response code (RFC 1035 §4.1.1), with EDNS's upper bits (RFC 6891 §6.1.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rcode(pub u16);

macro_rules! named {
    ($type:ident, $($(#[$doc:meta])* $name:ident = $number:literal),+ $(,)?) => {
        impl $type {
            $($(#[$doc])* pub const $name: Self = Self($number);)+

            const NAMED: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name)),+];

            fn name(self) -> Option<&'static str> {
                Self::NAMED.iter().find(|(_, known)| *known == self).map(|(name, _)| *name)
            }
        }
    };
}

named! { RecordType,
    /// An IPv4 address.
    A = 1,
    /// A name server.
    NS = 2,
    /// Another name for the same.
    CNAME = 5,
    /// The start of a zone.
    SOA = 6,
    /// The name of an address.
    PTR = 12,
    /// A mail exchanger.
    MX = 15,
    /// Text.
    TXT = 16,
    /// An IPv6 address (RFC 3596).
    AAAA = 28,
    /// Where a service is served (RFC 2782).
    SRV = 33,
    /// Another name for a subtree (RFC 6672).
    DNAME = 39,
    /// EDNS's own record (RFC 6891).
    OPT = 41,
    /// Where and how a service is served (RFC 9460).
    SVCB = 64,
    /// The same for HTTPS.
    HTTPS = 65,
    /// A question for a part of a zone's changes (RFC 1995).
    IXFR = 251,
    /// A question for a whole zone (RFC 5936).
    AXFR = 252,
    /// A question for anything (RFC 8482).
    ANY = 255,
}

impl RecordType {
    /// Whether only questions, or only the protocol itself, can have this type (RFC 6895 §3.1).
    pub const fn is_meta(self) -> bool {
        matches!(self.0, 41 | 128..=255)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            // RFC 3597 §5.
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text is no record type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no record type; use A, AAAA, PTR, SRV, CNAME, NS, SOA, MX, TXT, ANY or TYPE123")]
pub struct RecordTypeError(String);

impl FromStr for RecordType {
    type Err = RecordTypeError;

    fn from_str(text: &str) -> Result<Self, RecordTypeError> {
        let upper = text.to_ascii_uppercase();
        if let Some((_, known)) = Self::NAMED.iter().find(|(name, _)| *name == upper) {
            return Ok(*known);
        }
        let number = upper.strip_prefix("TYPE").and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| RecordTypeError(text.to_owned()))
    }
}

impl Class {
    /// The Internet.
    pub const IN: Self = Self(1);
    /// A question for any class.
    pub const ANY: Self = Self(255);
}

named! { Rcode,
    /// The question has been answered, maybe by "there is none of that type".
    NOERROR = 0,
    /// The query is malformed.
    FORMERR = 1,
    /// The server could not find out.
    SERVFAIL = 2,
    /// The name does not exist.
    NXDOMAIN = 3,
    /// The server does not do this.
    NOTIMP = 4,
    /// The server will not do this.
    REFUSED = 5,
    /// EDNS of a version that is not known (RFC 6891 §9).
    BADVERS = 16,
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

impl fmt::Debug for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
