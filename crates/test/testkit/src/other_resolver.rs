//! A resolver of somebody else, as far as tests need one: each name has one address, and nothing else.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

/// The port of DNS.
const PORT: u16 = 53;
/// Header of a message (RFC 1035 §4.1.1).
const HEADER_BYTES: usize = 12;
/// The end of a question: the end of its name, type and class.
const AFTER_NAME_BYTES: usize = 5;

/// Answers on all addresses of this network namespace, until the process ends.
///
/// # Errors
/// The port is taken, or the socket fails.
pub fn serve(address: Ipv4Addr) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, PORT))?;
    let mut buffer = [0; 2048];
    loop {
        let (length, source) = socket.recv_from(&mut buffer)?;
        if let Some(reply) = answer(&buffer[..length], address) {
            socket.send_to(&reply, source)?;
        }
    }
}

fn answer(query: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let name = query.get(HEADER_BYTES..)?.iter().position(|byte| *byte == 0)?;
    let question = query.get(HEADER_BYTES..HEADER_BYTES + name + AFTER_NAME_BYTES)?;
    let is_a = question.ends_with(&[0, 1, 0, 1]);
    let mut reply = query[..2].to_vec();
    // A response without error, one question, and one answer or none.
    reply.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    reply.extend(question);
    if is_a {
        // The name of the question, A, IN, for a minute.
        reply.extend([0xc0, HEADER_BYTES as u8, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_answered_and_nothing_else() {
        let query = |kind: u8| {
            [&[7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, kind, 0, 1][..]].concat()
        };
        let reply = answer(&query(1), Ipv4Addr::new(192, 0, 2, 7)).unwrap_or_default();
        assert!(reply.starts_with(&[7, 9, 0x81, 0x80, 0, 1, 0, 1]));
        assert!(reply.ends_with(&[0, 4, 192, 0, 2, 7]));
        let reply = answer(&query(28), Ipv4Addr::LOCALHOST).unwrap_or_default();
        assert_eq!((reply[7], reply.len()), (0, 19));
        assert_eq!(answer(&[0; 5], Ipv4Addr::LOCALHOST), None);
    }
}
