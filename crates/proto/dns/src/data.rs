//! Records' data as values, to be shown to people and read by programs.

use crate::kind::RecordType;
use crate::name::Name;
use crate::reader::{ParseError, Reader};
use crate::record::Record;
use std::fmt;
use std::net::IpAddr;

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// A, AAAA.
    Address(IpAddr),
    /// NS, CNAME, PTR, DNAME.
    Name(Name),
    /// SRV (RFC 2782).
    Service {
        /// Lowest first.
        priority: u16,
        /// Share among those of one priority.
        weight: u16,
        /// Port.
        port: u16,
        /// Name of the host.
        target: Name,
    },
    /// SOA (RFC 1035 §3.3.13).
    Authority {
        /// Primary server.
        server: Name,
        /// Mailbox, as a name.
        mailbox: Name,
        /// Version of the zone.
        serial: u32,
        /// Seconds for which a negative answer may be kept (RFC 2308 §4).
        negative_ttl_seconds: u32,
    },
    /// MX.
    Exchange {
        /// Lowest first.
        preference: u16,
        /// Name of the host.
        exchange: Name,
    },
    /// TXT: its strings.
    Text(Vec<Vec<u8>>),
    /// Any other type, or data that does not fit its type.
    Bytes(Vec<u8>),
}

impl Data {
    /// The data of a record.
    pub fn of(record: &Record) -> Self {
        read(record).unwrap_or_else(|_| Self::Bytes(record.data.clone()))
    }
}

fn read(record: &Record) -> Result<Data, ParseError> {
    let mut reader = Reader::new(&record.data);
    Ok(match record.record_type {
        RecordType::A => {
            let octets: [u8; 4] = record.data[..].try_into().map_err(|_| ParseError::Data)?;
            Data::Address(octets.into())
        }
        RecordType::AAAA => {
            let octets: [u8; 16] = record.data[..].try_into().map_err(|_| ParseError::Data)?;
            Data::Address(octets.into())
        }
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => {
            Data::Name(reader.name()?)
        }
        RecordType::SRV => Data::Service {
            priority: reader.u16()?,
            weight: reader.u16()?,
            port: reader.u16()?,
            target: reader.name()?,
        },
        RecordType::SOA => {
            let (server, mailbox, serial) = (reader.name()?, reader.name()?, reader.u32()?);
            // Refresh, retry and expire are for secondary servers.
            reader.bytes(12)?;
            Data::Authority { server, mailbox, serial, negative_ttl_seconds: reader.u32()? }
        }
        RecordType::MX => Data::Exchange { preference: reader.u16()?, exchange: reader.name()? },
        RecordType::TXT => {
            let mut strings = Vec::new();
            while reader.offset() < record.data.len() {
                let length = usize::from(reader.u8()?);
                strings.push(reader.bytes(length)?.to_vec());
            }
            Data::Text(strings)
        }
        _ => Data::Bytes(record.data.clone()),
    })
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => write!(f, "{name}"),
            Self::Service { priority, weight, port, target } => {
                write!(f, "{priority} {weight} {port} {target}")
            }
            Self::Authority { server, mailbox, serial, negative_ttl_seconds } => {
                write!(f, "{server} {mailbox} serial {serial} negative {negative_ttl_seconds}s")
            }
            Self::Exchange { preference, exchange } => write!(f, "{preference} {exchange}"),
            Self::Text(strings) => {
                for (place, string) in strings.iter().enumerate() {
                    let blank = if place > 0 { " " } else { "" };
                    write!(f, "{blank}\"{}\"", string.escape_ascii())?;
                }
                Ok(())
            }
            // RFC 3597 §5.
            Self::Bytes(bytes) => {
                write!(f, "\\# {}", bytes.len())?;
                for (place, byte) in bytes.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if place == 0 { " " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}
