//! One question to one server: over UDP, and over TCP when the answer does not fit.

use netloom_dns::client::{self, AnswerError};
use netloom_dns::{Message, Question, Transport, limits};
use netloom_sys::process;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// An answer.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) message: Message,
    pub(super) transport: Transport,
    pub(super) elapsed: Duration,
}

/// Asks; the inner error is the server's or the network's, in words.
pub(super) fn exchange(
    question: &Question,
    server: SocketAddr,
    timeout: Duration,
) -> io::Result<Result<Exchange, String>> {
    let mut id = [0; 2];
    process::random(&mut id)?;
    let id = u16::from_be_bytes(id);
    let start = Instant::now();
    let finish = |message, transport| Exchange { message, transport, elapsed: start.elapsed() };
    let answer = match over_udp(id, question, server, start + timeout) {
        Ok(message) if message.header.truncated => over_tcp(id, question, server, timeout)
            .map(|message| finish(message, Transport::Tcp))
            .map_err(|why| format!("over TCP, since the answer does not fit UDP: {why}")),
        result => result.map(|message| finish(message, Transport::Udp)),
    };
    Ok(answer)
}

fn over_udp(
    id: u16,
    question: &Question,
    server: SocketAddr,
    deadline: Instant,
) -> Result<Message, String> {
    let socket = connected(server).map_err(words)?;
    socket.send(&client::query(id, question)).map_err(words)?;
    let mut buffer = vec![0; limits::MESSAGE_BYTES_MAX];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("no answer in time".to_owned());
        }
        socket.set_read_timeout(Some(left)).map_err(words)?;
        let length = socket.recv(&mut buffer).map_err(words)?;
        match client::answer(id, question, &buffer[..length]) {
            Ok(message) => return Ok(message),
            // The true one may still come (RFC 5452 §9.1).
            Err(AnswerError::Foreign) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// A socket that hears only the server, and ICMP errors about it.
fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    Ok(socket)
}

fn over_tcp(
    id: u16,
    question: &Question,
    server: SocketAddr,
    timeout: Duration,
) -> Result<Message, String> {
    let message = tcp_message(&client::query(id, question), server, timeout).map_err(words)?;
    client::answer(id, question, &message).map_err(|error| error.to_string())
}

fn tcp_message(query: &[u8], server: SocketAddr, timeout: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // In one segment (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn words(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::ConnectionRefused => "refused: no DNS server listens there".to_owned(),
        _ => error.to_string(),
    }
}
