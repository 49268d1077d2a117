//! UDP: a datagram is sent, and sent again, until something comes back.

use super::{Attempt, Outcome};
use crate::refusal::Refusal;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What is sent; a server that echoes sends it back.
const DATAGRAM: &[u8] = b"netloom connect\n";
/// The datagram is sent again after this long without an answer.
const RESEND_INTERVAL: Duration = Duration::from_millis(500);
/// Most bytes kept of an answer.
const ANSWER_BYTES_MAX: usize = 2048;

/// Tries the addresses one after the other, each for its share of the time, until one answers.
pub(super) fn try_each(addresses: &[SocketAddr], timeout: Duration) -> Vec<Attempt> {
    let deadline = Instant::now() + timeout;
    let mut attempts = Vec::new();
    for (place, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - place).unwrap_or(u32::MAX);
        let start = Instant::now();
        let outcome = match exchange(*address, start + share) {
            Ok(answer) => Outcome::Reached {
                elapsed: start.elapsed(),
                echoed: answer == DATAGRAM,
                first_bytes: answer,
            },
            Err(error) => {
                Outcome::Failed { refusal: Refusal::from(&error), elapsed: start.elapsed() }
            }
        };
        let reached = matches!(outcome, Outcome::Reached { .. });
        attempts.push(Attempt { address: *address, outcome });
        if reached {
            break;
        }
    }
    attempts
}

fn exchange(address: SocketAddr, deadline: Instant) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    // A connected socket hears ICMP errors, and only this peer.
    socket.connect(address)?;
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    loop {
        socket.send(DATAGRAM)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = left.min(RESEND_INTERVAL).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(wait))?;
        match socket.recv(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(error) if waits(&error) && Instant::now() < deadline => {}
            Err(error) => return Err(error),
        }
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
