//! What to do with a datagram that claims to be a query: answer, forward or drop it.

use crate::kind::{Class, Rcode, RecordType};
use crate::limits::{MESSAGE_BYTES_MAX, UDP_BYTES_MAX, UDP_BYTES_MIN};
use crate::message::{Edns, HEADER_BYTES, Header, Message, Question};
use crate::reader::Reader;
use crate::zone::Zone;

/// How a query came, which decides how long its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// On a connection.
    Tcp,
}

/// Why a datagram is not answered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// It is shorter than a header, so there is no id to answer to.
    Short,
    /// It is an answer; answering it could go on for ever.
    Response,
}

/// What to do with a datagram.
#[derive(Clone, Debug)]
pub enum Handling {
    /// Send this back.
    Reply(Reply),
    /// Ask others.
    Forward(Query),
    /// Nothing.
    Drop(DropReason),
}

/// An answer that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it went, for those who count.
    pub rcode: Rcode,
    /// The message, for TCP without its length.
    pub bytes: Vec<u8>,
}

/// A query, and how to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) header: Header,
    pub(crate) question: Question,
    edns: Option<Edns>,
    limit: usize,
}

/// Reads a datagram or a message of a connection, and decides.
pub fn handle(zone: &Zone, bytes: &[u8], transport: Transport) -> Handling {
    let mut reader = Reader::new(bytes);
    let Ok(header) = Header::read(&mut reader) else { return Handling::Drop(DropReason::Short) };
    if bytes.len() < HEADER_BYTES {
        return Handling::Drop(DropReason::Short);
    }
    if header.response {
        return Handling::Drop(DropReason::Response);
    }
    if header.opcode != 0 {
        return Handling::Reply(bare(&header, Rcode::NOTIMP));
    }
    let Ok(message) = Message::parse(bytes) else {
        return Handling::Reply(bare(&header, Rcode::FORMERR));
    };
    // Exactly one (RFC 9619).
    let Some(question) = message.question().cloned() else {
        return Handling::Reply(bare(&header, Rcode::FORMERR));
    };
    let limit = limit(transport, message.edns);
    let query = Query { header: message.header, question, edns: message.edns, limit };
    if let Some(rcode) = query.refusal() {
        return Handling::Reply(query.finish(&query.reply(rcode)));
    }
    match zone.answer(&query) {
        Some(reply) => Handling::Reply(query.finish(&reply)),
        None if query.header.recursion_desired => Handling::Forward(query),
        None => Handling::Reply(query.finish(&query.reply(Rcode::REFUSED))),
    }
}

fn limit(transport: Transport, edns: Option<Edns>) -> usize {
    match (transport, edns) {
        (Transport::Tcp, _) => MESSAGE_BYTES_MAX,
        (Transport::Udp, None) => UDP_BYTES_MIN,
        // Less than 512 means 512 (RFC 6891 §6.2.5).
        (Transport::Udp, Some(edns)) => {
            usize::from(edns.udp_bytes).clamp(UDP_BYTES_MIN, UDP_BYTES_MAX)
        }
    }
}

/// An answer that repeats nothing, for what could not be read further.
fn bare(header: &Header, rcode: Rcode) -> Reply {
    let message = Message {
        header: header.reply(rcode),
        questions: Vec::new(),
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
        edns: None,
    };
    Reply { rcode, bytes: message.to_bytes(UDP_BYTES_MIN) }
}

impl Query {
    /// What is asked for.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// A query made by this program itself, answered without a limit.
    pub fn internal(question: Question) -> Self {
        Self { header: Header::query(0), question, edns: None, limit: MESSAGE_BYTES_MAX }
    }

    /// Whether the client wants signatures.
    pub(crate) fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    /// An answer without records.
    pub(crate) fn reply(&self, rcode: Rcode) -> Message {
        let edns = self.edns.map(|theirs| Edns {
            udp_bytes: UDP_BYTES_MAX as u16,
            version: 0,
            dnssec_ok: theirs.dnssec_ok,
        });
        Message {
            header: self.header.reply(rcode),
            questions: vec![self.question.clone()],
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns,
        }
    }

    /// An answer, within what the client takes.
    pub(crate) fn finish(&self, message: &Message) -> Reply {
        Reply { rcode: message.header.rcode, bytes: message.to_bytes(self.limit) }
    }

    /// An answer that an upstream gave `age_seconds` ago.
    pub(crate) fn relay(&self, answer: &Message, age_seconds: u32) -> Reply {
        let mut reply = self.reply(answer.header.rcode);
        // AD is only for those who asked for it (RFC 6840 §5.8).
        reply.header.authentic =
            answer.header.authentic && (self.header.authentic || self.dnssec_ok());
        reply.answers.clone_from(&answer.answers);
        reply.authorities.clone_from(&answer.authorities);
        reply.additionals.clone_from(&answer.additionals);
        let sections = [&mut reply.answers, &mut reply.authorities, &mut reply.additionals];
        for record in sections.into_iter().flatten() {
            record.ttl_seconds = record.ttl_seconds.saturating_sub(age_seconds);
        }
        self.finish(&reply)
    }

    /// Why the query is not even looked at, if so.
    fn refusal(&self) -> Option<Rcode> {
        let question = &self.question;
        if self.edns.is_some_and(|edns| edns.version > 0) {
            return Some(Rcode::BADVERS);
        }
        match question.record_type {
            RecordType::OPT => return Some(Rcode::FORMERR),
            RecordType::AXFR | RecordType::IXFR => return Some(Rcode::REFUSED),
            RecordType::ANY => {}
            record_type if record_type.is_meta() => return Some(Rcode::NOTIMP),
            _ => {}
        }
        (question.class != Class::IN && question.class != Class::ANY).then_some(Rcode::REFUSED)
    }
}
