//! Whole messages: header, question, three sections of records, and EDNS (RFC 1035 §4, RFC 6891).

use crate::kind::{Class, Rcode, RecordType};
use crate::name::Name;
use crate::reader::{ParseError, Reader};
use crate::record::Record;
use crate::writer::Writer;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 12;

/// The header without its counts (RFC 1035 §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Tells answers apart.
    pub id: u16,
    /// QR: an answer, not a query.
    pub response: bool,
    /// What is asked for; 0 is a query.
    pub opcode: u8,
    /// AA: the server is an authority for the name.
    pub authoritative: bool,
    /// TC: the message did not fit.
    pub truncated: bool,
    /// RD: the client wants names outside to be looked up, too.
    pub recursion_desired: bool,
    /// RA: the server does that.
    pub recursion_available: bool,
    /// AD: the data has been validated (RFC 4035 §3.2.3).
    pub authentic: bool,
    /// CD: the client validates itself (RFC 4035 §3.2.2).
    pub checking_disabled: bool,
    /// How it went; above 15 only with EDNS.
    pub rcode: Rcode,
}

/// A question (RFC 1035 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// Name.
    pub name: Name,
    /// Type.
    pub record_type: RecordType,
    /// Class.
    pub class: Class,
}

/// What EDNS adds to a message; options are ignored, as unknown ones are to be (RFC 6891 §6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Longest UDP message in bytes that the sender can take.
    pub udp_bytes: u16,
    /// Version; 0 is the only one.
    pub version: u8,
    /// DO: the sender wants signatures (RFC 3225).
    pub dnssec_ok: bool,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Header.
    pub header: Header,
    /// Questions.
    pub questions: Vec<Question>,
    /// Answers.
    pub answers: Vec<Record>,
    /// Authorities.
    pub authorities: Vec<Record>,
    /// Additional records, without the OPT record.
    pub additionals: Vec<Record>,
    /// The OPT record.
    pub edns: Option<Edns>,
}

impl Message {
    /// Reads a message; bytes behind its end are ignored.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let mut header = Header::read(&mut reader)?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let mut questions = Vec::new();
        for _ in 0..counts[0] {
            questions.push(Question::read(&mut reader)?);
        }
        let answers = read_section(&mut reader, counts[1])?;
        let authorities = read_section(&mut reader, counts[2])?;
        let mut additionals = read_section(&mut reader, counts[3])?;
        if answers.iter().chain(&authorities).any(|record| record.record_type == RecordType::OPT) {
            return Err(ParseError::Opt);
        }
        let opts = additionals.extract_if(.., |record| record.record_type == RecordType::OPT);
        let opts: Vec<Record> = opts.collect();
        let edns = match opts.as_slice() {
            [] => None,
            [opt] if opt.name.is_root() => {
                header.rcode.0 |= (opt.ttl_seconds >> 20) as u16 & 0xff0;
                Some(Edns {
                    udp_bytes: opt.class.0,
                    version: (opt.ttl_seconds >> 16) as u8,
                    dnssec_ok: opt.ttl_seconds & 0x8000 != 0,
                })
            }
            _ => return Err(ParseError::Opt),
        };
        Ok(Self { header, questions, answers, authorities, additionals, edns })
    }

    /// Writes the message in at most `limit` bytes. Where answers or authorities do not fit, they
    /// are left out and TC is set; additional records are left out silently (RFC 2181 §9).
    pub fn to_bytes(&self, limit: usize) -> Vec<u8> {
        let mut writer = Writer::new(limit, if self.edns.is_some() { OPT_BYTES } else { 0 });
        writer.raw(&[0; HEADER_BYTES]);
        let mut header = self.header;
        let mut counts = [0u16; 4];
        for question in &self.questions {
            counts[0] += u16::from(writer.question(question));
        }
        let sections = [&self.answers, &self.authorities, &self.additionals];
        let mut full = false;
        for (section, records) in sections.into_iter().enumerate() {
            for record in records {
                full = full || !writer.record(record);
                if full {
                    header.truncated |= section < 2;
                    break;
                }
                counts[section + 1] += 1;
            }
        }
        if let Some(edns) = &self.edns {
            writer.opt(edns, header.rcode);
            counts[3] += 1;
        }
        writer.finish(&header.to_bytes(counts))
    }

    /// The only question.
    pub fn question(&self) -> Option<&Question> {
        match self.questions.as_slice() {
            [question] => Some(question),
            _ => None,
        }
    }
}

/// Bytes of an OPT record without options.
const OPT_BYTES: usize = 11;

fn read_section(reader: &mut Reader<'_>, count: u16) -> Result<Vec<Record>, ParseError> {
    // Not reserved by the count, which a stranger chose.
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(Record::read(reader)?);
    }
    Ok(records)
}

// === impl Header ===

impl Header {
    /// The header of a query that wants names outside to be looked up, too.
    pub fn query(id: u16) -> Self {
        Self {
            id,
            response: false,
            opcode: 0,
            authoritative: false,
            truncated: false,
            recursion_desired: true,
            recursion_available: false,
            authentic: false,
            checking_disabled: false,
            rcode: Rcode::NOERROR,
        }
    }

    /// The header of an answer to this one.
    pub fn reply(&self, rcode: Rcode) -> Self {
        Self {
            response: true,
            authoritative: false,
            truncated: false,
            recursion_available: true,
            authentic: false,
            rcode,
            ..*self
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let flag = |bit: u16| flags & (1 << bit) != 0;
        Ok(Self {
            id,
            response: flag(15),
            opcode: (flags >> 11) as u8 & 0x0f,
            authoritative: flag(10),
            truncated: flag(9),
            recursion_desired: flag(8),
            recursion_available: flag(7),
            authentic: flag(5),
            checking_disabled: flag(4),
            rcode: Rcode(flags & 0x0f),
        })
    }

    fn to_bytes(self, counts: [u16; 4]) -> [u8; HEADER_BYTES] {
        let flags = u16::from(self.response) << 15
            | u16::from(self.opcode & 0x0f) << 11
            | u16::from(self.authoritative) << 10
            | u16::from(self.truncated) << 9
            | u16::from(self.recursion_desired) << 8
            | u16::from(self.recursion_available) << 7
            | u16::from(self.authentic) << 5
            | u16::from(self.checking_disabled) << 4
            | self.rcode.0 & 0x0f;
        let mut bytes = [0; HEADER_BYTES];
        let fields = [self.id, flags, counts[0], counts[1], counts[2], counts[3]];
        for (place, field) in bytes.chunks_exact_mut(2).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }
}

// === impl Question ===

impl Question {
    /// A question of class IN.
    pub fn new(name: Name, record_type: RecordType) -> Self {
        Self { name, record_type, class: Class::IN }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            name: reader.name()?,
            record_type: RecordType(reader.u16()?),
            class: Class(reader.u16()?),
        })
    }
}
