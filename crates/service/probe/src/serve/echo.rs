//! Echo over TCP and UDP (RFC 862): what comes in goes back.

use super::IDLE_TIMEOUT;
use super::pool::Pool;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

/// Bytes of a TCP connection that are under way at once.
const BUFFER_BYTES: usize = 16 * 1024;
/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Sends back what a connection sends, until it ends or is silent too long.
pub(super) fn serve_tcp(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => stream.write_all(&buffer[..length])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends back every datagram until the server stops.
pub(super) fn serve_udp(socket: &UdpSocket, pool: &Pool) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let received = socket.recv_from(&mut buffer);
        if pool.is_closed() {
            return;
        }
        match received {
            // Two echo servers would otherwise send one datagram to and fro for ever.
            Ok((_, source)) if Some(source.port()) == own_port(socket) || source.port() == 7 => {}
            // An answer that cannot be sent is a lost datagram, as UDP has them.
            Ok((length, source)) => drop(socket.send_to(&buffer[..length], source)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // An ICMP error about an earlier answer, or no memory: neither lasts.
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn own_port(socket: &UdpSocket) -> Option<u16> {
    socket.local_addr().ok().map(|address| address.port())
}
