//! Reads from when until when a certificate is valid (RFC 5280 §4.1), and nothing else.

use super::Validity;
use crate::clock::seconds_of;
use netloom_base::WallTime;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The validity of a certificate in DER.
pub(super) fn read(der: &[u8]) -> Option<Validity> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (body, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(body, EXPLICIT_VERSION)?;
    let (_, rest) = element(rest, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (start, rest) = time(validity)?;
    let (end, _) = time(rest)?;
    Some(Validity { start, end })
}

/// The content of an element with a tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if *found != tag {
        return None;
    }
    rest.split_at_checked(length)
}

/// A time, and what follows it. Until 2049 years have two digits (RFC 5280 §4.1.2.5).
fn time(der: &[u8]) -> Option<(WallTime, &[u8])> {
    let (digits, century, rest) = match element(der, UTC_TIME) {
        Some((text, rest)) => (text, None, rest),
        None => {
            let (text, rest) = element(der, GENERALIZED_TIME)?;
            let (century, digits) = text.split_at_checked(2)?;
            (digits, Some(number(century)?), rest)
        }
    };
    let pairs = digits.strip_suffix(b"Z")?;
    let numbers: Vec<u64> = pairs.chunks(2).map(number).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = numbers.try_into().ok()?;
    let century = century.unwrap_or(if year < 50 { 20 } else { 19 });
    let seconds = seconds_of([century * 100 + year, month, day, hour, minute, second])?;
    Some((WallTime::from_secs(seconds), rest))
}

/// The number that two digits are.
fn number(digits: &[u8]) -> Option<u64> {
    match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u64::from(tens - b'0') * 10 + u64::from(ones - b'0'))
        }
        _ => None,
    }
}
