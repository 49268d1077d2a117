//! A client's TCP connection: queries with their lengths in, answers in any order out (RFC 7766).

use netloom_base::Time;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Connections at once; the one that has been idle longest gives way to a new one.
pub const CONNECTIONS_MAX: usize = 128;
/// A connection on which nothing happens for so long is closed (RFC 7766 §6.2.3).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Queries of one connection that are forwarded at once; more wait in the kernel's buffer.
const PENDING_MAX: usize = 32;
/// Bytes of answers that a client has not taken; with more, no queries are read.
const UNSENT_BYTES_MAX: usize = 256 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Which sockets took it in: those of the address that is asked.
    sockets: usize,
    received: Vec<u8>,
    unsent: Vec<u8>,
    /// Queries that have been forwarded.
    pub(crate) pending: usize,
    /// When something last happened.
    pub(crate) active: Time,
    /// The client sends nothing more.
    ended: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, sockets: usize, now: Time) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let (received, unsent) = (Vec::new(), Vec::new());
        Ok(Self { stream, sockets, received, unsent, pending: 0, active: now, ended: false })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether queries are to be read.
    pub(crate) fn wants_read(&self) -> bool {
        !self.ended && self.has_room()
    }

    /// Whether answers wait.
    pub(crate) fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_finished(&self) -> bool {
        self.ended && self.unsent.is_empty() && self.pending == 0 && self.whole().is_none()
    }

    fn has_room(&self) -> bool {
        self.pending < PENDING_MAX && self.unsent.len() < UNSENT_BYTES_MAX
    }

    /// Reads what is there, up to a bound; an error means that the connection is gone.
    pub(crate) fn read(&mut self, now: Time) -> io::Result<()> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(length) => {
                self.active = now;
                self.received.extend_from_slice(&buffer[..length]);
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The next whole query and who is asked, while there is room for its answer.
    pub(crate) fn next_query(&mut self) -> Option<(usize, Vec<u8>)> {
        if !self.has_room() {
            return None;
        }
        let end = self.whole()?;
        let query = self.received[2..end].to_vec();
        self.received.drain(..end);
        Some((self.sockets, query))
    }

    fn whole(&self) -> Option<usize> {
        let (length, rest) = self.received.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        (rest.len() >= length).then_some(2 + length)
    }

    /// Queues an answer.
    pub(crate) fn queue(&mut self, message: &[u8]) {
        // Messages are written with a limit that fits.
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        self.unsent.extend_from_slice(&length.to_be_bytes());
        self.unsent.extend_from_slice(&message[..usize::from(length)]);
    }

    /// Sends what the client takes; an error means that the connection is gone.
    pub(crate) fn write(&mut self, now: Time) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.active = now;
                    self.unsent.drain(..length);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether an error says no more than: not now.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
