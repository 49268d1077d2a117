//! Records: owner, type, time to live, and data as it is on the wire without compression.

use crate::kind::{Class, RecordType};
use crate::name::Name;
use crate::reader::{ParseError, Reader};
use std::net::IpAddr;

/// A resource record (RFC 1035 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// What it is.
    pub record_type: RecordType,
    /// Class.
    pub class: Class,
    /// Seconds for which it may be kept.
    pub ttl_seconds: u32,
    /// The data in wire form; names in it are whole.
    pub data: Vec<u8>,
}

/// Parts of a type's data.
#[derive(Clone, Copy, Debug)]
enum Part {
    Bytes(usize),
    Name,
}

/// The parts of those types that carry names; all other data is bytes (RFC 3597 §4).
fn layout(record_type: RecordType) -> &'static [Part] {
    match record_type {
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => &[Part::Name],
        RecordType::MX => &[Part::Bytes(2), Part::Name],
        RecordType::SRV => &[Part::Bytes(6), Part::Name],
        RecordType::SOA => &[Part::Name, Part::Name, Part::Bytes(20)],
        _ => &[],
    }
}

impl Record {
    /// A record of class IN.
    pub fn new(name: Name, record_type: RecordType, ttl_seconds: u32, data: Vec<u8>) -> Self {
        Self { name, record_type, class: Class::IN, ttl_seconds, data }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let name = reader.name()?;
        let record_type = RecordType(reader.u16()?);
        let class = Class(reader.u16()?);
        // The top bit set means zero (RFC 2181 §8).
        let ttl_seconds = Some(reader.u32()?).filter(|ttl| *ttl <= i32::MAX as u32).unwrap_or(0);
        let length = usize::from(reader.u16()?);
        let data = read_data(reader, record_type, length)?;
        Ok(Self { name, record_type, class, ttl_seconds, data })
    }

    /// The names in the data that may be compressed, as ranges of it: only those of the types of
    /// RFC 1035, since others must be left whole (RFC 3597 §4).
    pub(crate) fn compressible(&self) -> (usize, usize) {
        match self.record_type {
            RecordType::NS | RecordType::CNAME | RecordType::PTR => (0, 1),
            RecordType::MX => (2, 1),
            RecordType::SOA => (0, 2),
            _ => (0, 0),
        }
    }
}

fn read_data(
    reader: &mut Reader<'_>,
    record_type: RecordType,
    length: usize,
) -> Result<Vec<u8>, ParseError> {
    let end = reader.offset() + length;
    let parts = layout(record_type);
    if parts.is_empty() {
        let fixed = match record_type {
            RecordType::A => Some(4),
            RecordType::AAAA => Some(16),
            _ => None,
        };
        if fixed.is_some_and(|fixed| fixed != length) {
            return Err(ParseError::Data);
        }
        return Ok(reader.bytes(length)?.to_vec());
    }
    let mut data = Vec::with_capacity(length);
    for part in parts {
        match part {
            Part::Bytes(count) => data.extend_from_slice(reader.bytes(*count)?),
            Part::Name => data.extend_from_slice(reader.name()?.as_wire()),
        }
    }
    if reader.offset() == end { Ok(data) } else { Err(ParseError::Data) }
}

/// Type and data of an address.
pub(crate) fn address_data(address: IpAddr) -> (RecordType, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (RecordType::A, address.octets().to_vec()),
        IpAddr::V6(address) => (RecordType::AAAA, address.octets().to_vec()),
    }
}
