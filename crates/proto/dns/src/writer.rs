//! Writing messages: names are compressed, and nothing goes beyond the limit.

use crate::kind::Rcode;
use crate::message::{Edns, HEADER_BYTES, Question};
use crate::name::Name;
use crate::record::Record;
use std::collections::BTreeMap;

/// Offsets from here on do not fit a pointer (RFC 1035 §4.1.4).
const POINTER_OFFSET_MAX: usize = 0x4000;

/// A message in the making.
#[derive(Debug)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    /// Bytes that may be written before what is reserved.
    limit: usize,
    /// Where names have been written. Case counts here, so that no name changes its own.
    names: BTreeMap<Vec<u8>, u16>,
}

impl Writer {
    pub(crate) fn new(limit: usize, reserved: usize) -> Self {
        let limit = limit.saturating_sub(reserved).max(HEADER_BYTES);
        Self { bytes: Vec::new(), limit, names: BTreeMap::new() }
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the question fitted.
    pub(crate) fn question(&mut self, question: &Question) -> bool {
        self.whole(|writer| {
            writer.name(&question.name);
            writer.raw(&question.record_type.0.to_be_bytes());
            writer.raw(&question.class.0.to_be_bytes());
        })
    }

    /// Whether the record fitted.
    pub(crate) fn record(&mut self, record: &Record) -> bool {
        self.whole(|writer| {
            writer.name(&record.name);
            writer.raw(&record.record_type.0.to_be_bytes());
            writer.raw(&record.class.0.to_be_bytes());
            writer.raw(&record.ttl_seconds.to_be_bytes());
            let length_at = writer.bytes.len();
            writer.raw(&[0, 0]);
            writer.data(record);
            let length = writer.bytes.len() - length_at - 2;
            // Longer data cannot have been read, nor fits any limit.
            let length = u16::try_from(length).unwrap_or(u16::MAX);
            writer.bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        })
    }

    /// The OPT record, whose place is reserved (RFC 6891 §6.1.2).
    pub(crate) fn opt(&mut self, edns: &Edns, rcode: Rcode) {
        self.raw(&[0, 0, 41]);
        self.raw(&edns.udp_bytes.to_be_bytes());
        let flags = if edns.dnssec_ok { 0x80 } else { 0 };
        self.raw(&[(rcode.0 >> 4) as u8, edns.version, flags, 0]);
        self.raw(&[0, 0]);
    }

    pub(crate) fn finish(mut self, header: &[u8; HEADER_BYTES]) -> Vec<u8> {
        self.bytes[..HEADER_BYTES].copy_from_slice(header);
        self.bytes
    }

    /// Writes something as a whole or not at all.
    fn whole(&mut self, write: impl FnOnce(&mut Self)) -> bool {
        let start = self.bytes.len();
        write(self);
        if self.bytes.len() <= self.limit {
            return true;
        }
        self.bytes.truncate(start);
        self.names.retain(|_, offset| usize::from(*offset) < start);
        false
    }

    fn data(&mut self, record: &Record) {
        let (names_start, names) = record.compressible();
        let Some((before, mut rest)) = record.data.split_at_checked(names_start) else {
            return self.raw(&record.data);
        };
        self.raw(before);
        for _ in 0..names {
            let Some(length) = name_length(rest) else { break };
            let (name, after) = rest.split_at(length);
            self.name(&Name::from_wire(name.to_vec()));
            rest = after;
        }
        self.raw(rest);
    }

    fn name(&mut self, name: &Name) {
        let wire = name.as_wire();
        for start in name.label_starts() {
            if wire[start] == 0 {
                break;
            }
            if let Some(offset) = self.names.get(&wire[start..]) {
                let pointer = 0xc000 | *offset;
                return self.raw(&pointer.to_be_bytes());
            }
            if self.bytes.len() < POINTER_OFFSET_MAX {
                let offset = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
                self.names.insert(wire[start..].to_vec(), offset);
            }
            let end = start + 1 + usize::from(wire[start]);
            self.raw(&wire[start..end]);
        }
        self.raw(&[0]);
    }
}

/// Length of the whole name at the beginning of data; `None` if there is none, as in a record
/// that was made by hand.
fn name_length(data: &[u8]) -> Option<usize> {
    let mut end = 0;
    loop {
        match *data.get(end)? {
            0 => return Some(end + 1),
            length @ 1..=63 if end + usize::from(length) < 254 => end += 1 + usize::from(length),
            _ => return None,
        }
    }
}
