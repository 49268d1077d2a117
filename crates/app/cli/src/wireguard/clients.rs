//! Those who ask at the interface's socket: any number at a time, none of whom holds up another.

use netloom_sys::poll::{Interest, PollSet};
use netloom_vpn::uapi::REQUEST_BYTES_MAX;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Connections at a time. Others wait until one of these has ended, or has been silent for so long that it makes room.
const CLIENTS_MAX: usize = 64;
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// Longest wait for the rest of a request, or for who asked to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// What a request ends with.
const END: &[u8] = b"\n\n";

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    /// What has come of its next request.
    request: Vec<u8>,
    /// What has not been written of its last answer.
    answer: Vec<u8>,
    heard_at: Instant,
}

/// The open connections.
#[derive(Debug, Default)]
pub(super) struct Clients {
    open: Vec<Client>,
}

impl Clients {
    /// Whether one more can be taken.
    pub(super) fn has_room(&self) -> bool {
        let is_silent = |client: &Client| client.heard_at.elapsed() > SILENCE_MAX;
        self.open.len() < CLIENTS_MAX || self.open.iter().any(is_silent)
    }

    /// Takes a connection, for which there is room; of too many, the one that has been silent longest is closed.
    pub(super) fn add(&mut self, stream: UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        if self.open.len() == CLIENTS_MAX {
            let silent = (0..CLIENTS_MAX).min_by_key(|place| self.open[*place].heard_at);
            silent.map(|place| self.open.remove(place));
        }
        let (request, answer, heard_at) = (Vec::new(), Vec::new(), Instant::now());
        self.open.push(Client { stream, request, answer, heard_at });
        Ok(())
    }

    /// Adds who may have something to say, and who is to hear more.
    pub(super) fn watch<'a>(&'a self, set: &mut PollSet<'a>) -> Vec<usize> {
        let each = self.open.iter().map(|client| {
            let interest = if client.answer.is_empty() { Interest::Read } else { Interest::Write };
            set.add(client.stream.as_fd(), interest)
        });
        each.collect()
    }

    /// Reads and answers requests of those who are ready; gives the bytes of the longest request.
    pub(super) fn serve(&mut self, ready: &[bool], mut reply: impl FnMut(&str) -> String) -> usize {
        let mut longest_bytes = 0;
        let mut ready = ready.iter();
        self.open.retain_mut(|client| {
            let is_ready = ready.next().copied().unwrap_or(false);
            let goes_on = !is_ready || client.go_on(&mut longest_bytes, &mut reply).is_ok();
            let waits = !client.request.is_empty() || !client.answer.is_empty();
            goes_on && !(waits && client.heard_at.elapsed() > PATIENCE)
        });
        longest_bytes
    }
}

impl Client {
    /// One request after the other, none before the answer to the last one has gone. An error ends the connection, also its
    /// regular end.
    fn go_on(
        &mut self,
        longest_bytes: &mut usize,
        reply: &mut impl FnMut(&str) -> String,
    ) -> io::Result<()> {
        let mut from = 0;
        loop {
            self.write()?;
            if !self.answer.is_empty() {
                return Ok(());
            }
            if let Some(end) = self.end_of_request(from) {
                *longest_bytes = (*longest_bytes).max(end);
                let rest = self.request.split_off(end);
                let request = std::mem::replace(&mut self.request, rest);
                let request = std::str::from_utf8(&request).map_err(io::Error::other)?;
                self.answer = reply(request).into_bytes();
                from = 0;
                continue;
            }
            from = self.request.len().saturating_sub(1);
            if !self.read()? {
                return Ok(());
            }
        }
    }

    /// Where the request ends that has come whole; before `from` its end is not.
    fn end_of_request(&self, from: usize) -> Option<usize> {
        if self.request.starts_with(b"\n") {
            return Some(1);
        }
        let from = from.min(self.request.len());
        let tail = &self.request[from..];
        tail.windows(END.len()).position(|two| two == END).map(|at| from + at + END.len())
    }

    /// Whether something was read.
    fn read(&mut self) -> io::Result<bool> {
        let before = self.request.len();
        if before >= REQUEST_BYTES_MAX {
            return Err(io::Error::other("the request is too long"));
        }
        self.request.resize(before + CHUNK_BYTES, 0);
        let read = self.stream.read(&mut self.request[before..]);
        self.request.truncate(before + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                self.heard_at = Instant::now();
                Ok(true)
            }
            Err(error) if is_passing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.answer.is_empty() {
            match self.stream.write(&self.answer) {
                Ok(written) => {
                    self.answer.drain(..written);
                    self.heard_at = Instant::now();
                }
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Clients, UnixStream) {
        let (near, far) = UnixStream::pair().expect("a pair");
        let mut clients = Clients::default();
        clients.add(near).expect("it is taken");
        far.set_nonblocking(true).expect("it does not block");
        (clients, far)
    }

    fn said(far: &mut UnixStream) -> String {
        let mut bytes = vec![0; 1 << 20];
        let read = far.read(&mut bytes).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    #[test]
    fn requests_come_in_pieces_and_several_at_once() {
        let (mut clients, mut far) = pair();
        let echo = |text: &str| format!("[{}]", text.trim_end());
        far.write_all(b"get=1\n").expect("written");
        clients.serve(&[true], echo);
        assert_eq!(said(&mut far), "");
        far.write_all(b"\nset=1\n\nget=1\n\nge").expect("written");
        clients.serve(&[true], echo);
        assert_eq!(said(&mut far), "[get=1][set=1][get=1]");
        far.write_all(b"t=1\n\n").expect("written");
        assert_eq!(clients.serve(&[true], echo), 7);
        assert_eq!(said(&mut far), "[get=1]");
        drop(far);
        clients.serve(&[true], echo);
        assert!(clients.open.is_empty());
    }

    #[test]
    fn who_does_not_read_holds_up_nobody() {
        let (mut clients, mut deaf) = pair();
        let (near, mut other) = UnixStream::pair().expect("a pair");
        clients.add(near).expect("it is taken");
        let long = "x".repeat(4 << 20);
        deaf.write_all(b"get=1\n\nget=1\n\n").expect("written");
        other.write_all(b"get=1\n\n").expect("written");
        clients.serve(&[true, false], |_| long.clone());
        clients.serve(&[false, true], |_| "short".to_owned());
        assert_eq!(said(&mut other), "short");
        // It hears all of it once it listens.
        let mut heard = 0;
        while clients.open.iter().any(|client| !client.answer.is_empty()) {
            heard += said(&mut deaf).len();
            clients.serve(&[true, false], |_| long.clone());
        }
        heard += said(&mut deaf).len();
        assert_eq!(heard, 2 * long.len());
    }
}
