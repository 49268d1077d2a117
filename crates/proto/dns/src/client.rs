//! The stub's part: one query, and the answer that belongs to it.

use crate::kind::Rcode;
use crate::limits::{MESSAGE_BYTES_MAX, UDP_BYTES_MAX};
use crate::message::{Edns, Header, Message, Question};
use crate::reader::ParseError;

/// Why a message is not the answer to a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is no DNS message.
    #[error("the server's answer is malformed: {0}; ask another server")]
    Malformed(#[from] ParseError),
    /// It answers something else: late, or forged.
    #[error("an answer to another question; it is ignored")]
    Foreign,
}

/// The bytes of a query for a UDP datagram or a message of a connection.
pub fn query(id: u16, question: &Question) -> Vec<u8> {
    let edns = Edns { udp_bytes: UDP_BYTES_MAX as u16, version: 0, dnssec_ok: false };
    build(Header::query(id), question, Some(edns))
}

pub(crate) fn build(header: Header, question: &Question, edns: Option<Edns>) -> Vec<u8> {
    let message = Message {
        header,
        questions: vec![question.clone()],
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
        edns,
    };
    message.to_bytes(MESSAGE_BYTES_MAX)
}

/// Reads an answer, which must be of that query: same id, same question (RFC 5452 §9.1).
///
/// That it came from the server that was asked is for the caller to see to.
pub fn answer(id: u16, question: &Question, bytes: &[u8]) -> Result<Message, AnswerError> {
    let message = Message::parse(bytes)?;
    let header = &message.header;
    // Servers that cannot read a query, or will not, may leave its question out.
    let silent = message.questions.is_empty()
        && matches!(
            header.rcode,
            Rcode::FORMERR | Rcode::NOTIMP | Rcode::REFUSED | Rcode::SERVFAIL
        );
    let same = message.question() == Some(question) || silent;
    if header.id != id || !header.response || header.opcode != 0 || !same {
        return Err(AnswerError::Foreign);
    }
    Ok(message)
}
