//! Sockets towards other resolvers: one per attempt over UDP, one thread per exchange over TCP.

use crate::connection::is_passing;
use netloom_dns::forwarder::{ExchangeId, Transmit};
use netloom_dns::limits::{MESSAGE_BYTES_MAX, UPSTREAM_TIMEOUT};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// UDP sockets that an exchange keeps: that of the latest attempt, and the one before for an
/// answer that is late.
const SOCKETS_PER_EXCHANGE_MAX: usize = 2;
/// Exchanges over TCP at once; more fail at once.
const TCP_EXCHANGES_MAX: usize = 16;

/// What came of an exchange over TCP.
#[derive(Debug)]
pub(crate) struct TcpOutcome {
    pub(crate) exchange: ExchangeId,
    pub(crate) upstream: SocketAddr,
    pub(crate) message: io::Result<Vec<u8>>,
}

/// A UDP socket connected to an upstream.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) upstream: SocketAddr,
    pub(crate) socket: UdpSocket,
}

/// The sockets.
#[derive(Debug)]
pub(crate) struct Upstreams {
    pub(crate) attempts: BTreeMap<ExchangeId, Vec<Attempt>>,
    tcp_running: usize,
    sender: Sender<TcpOutcome>,
    receiver: Receiver<TcpOutcome>,
}

impl Upstreams {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel();
        Self { attempts: BTreeMap::new(), tcp_running: 0, sender, receiver }
    }

    /// Sends a query over UDP from a new socket.
    pub(crate) fn send_udp(&mut self, transmit: &Transmit) -> io::Result<()> {
        let any: SocketAddr = match transmit.upstream {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        socket.connect(transmit.upstream)?;
        socket.send(&transmit.bytes)?;
        let attempts = self.attempts.entry(transmit.exchange).or_default();
        if attempts.len() >= SOCKETS_PER_EXCHANGE_MAX {
            attempts.remove(0);
        }
        attempts.push(Attempt { upstream: transmit.upstream, socket });
        Ok(())
    }

    /// Asks over TCP on a thread of its own, which wakes the driver by `wake`. When the resolver
    /// stops meanwhile, the thread ends by its own timeouts and is heard no more.
    pub(crate) fn send_tcp(
        &mut self,
        transmit: Transmit,
        wake: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        if self.tcp_running >= TCP_EXCHANGES_MAX {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let sender = self.sender.clone();
        thread::Builder::new().name("resolver-tcp".to_owned()).spawn(move || {
            let Transmit { exchange, upstream, bytes, .. } = transmit;
            let message = exchange_tcp(upstream, &bytes);
            let _ = sender.send(TcpOutcome { exchange, upstream, message });
            wake();
        })?;
        self.tcp_running += 1;
        Ok(())
    }

    /// The next exchange over TCP that has ended.
    pub(crate) fn next_outcome(&mut self) -> Option<TcpOutcome> {
        let outcome = self.receiver.try_recv().ok()?;
        self.tcp_running -= 1;
        Some(outcome)
    }

    /// Closes the sockets of an exchange.
    pub(crate) fn finish(&mut self, exchange: ExchangeId) {
        self.attempts.remove(&exchange);
    }
}

impl Attempt {
    /// The next message on the socket, if there is one; an error means that the attempt failed.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.socket.recv(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if is_passing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn exchange_tcp(upstream: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&upstream, UPSTREAM_TIMEOUT)?;
    stream.set_read_timeout(Some(UPSTREAM_TIMEOUT))?;
    stream.set_write_timeout(Some(UPSTREAM_TIMEOUT))?;
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // In one segment (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes(), query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length)).min(MESSAGE_BYTES_MAX)];
    stream.read_exact(&mut message)?;
    Ok(message)
}
