//! TCP connections that fill the tunnel; what arrives is compared with what was sent.

use anyhow::{Context as _, ensure};
use netloom_sys::namespace::NamespaceHandle;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes after which the content begins anew: no multiple of a packet's, so that none is like the next.
const BLOCK_BYTES: usize = 65_521;
const FIRST_PORT: u16 = 6000;
/// Longest wait for anything of a connection before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running connection in one direction.
#[derive(Debug)]
pub(crate) struct Bulk {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    threads: [JoinHandle<anyhow::Result<u64>>; 2],
}

impl Bulk {
    /// Connects and begins to send from one namespace to an address of another.
    pub(crate) fn start(
        from: &NamespaceHandle,
        to: &NamespaceHandle,
        address: IpAddr,
        number: u16,
    ) -> anyhow::Result<Self> {
        let address = SocketAddr::new(address, FIRST_PORT + number);
        let listener = to.run(|| TcpListener::bind(address))??;
        let sender = from.run(|| TcpStream::connect_timeout(&address, PATIENCE))?;
        let sender = sender.with_context(|| format!("cannot connect to {address}"))?;
        let (receiver, _) = listener.accept()?;
        sender.set_write_timeout(Some(PATIENCE))?;
        receiver.set_read_timeout(Some(PATIENCE))?;
        let (stop, received) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, count) = (Arc::clone(&stop), Arc::clone(&received));
        let threads = [
            std::thread::spawn(move || send(sender, &ended)),
            std::thread::spawn(move || receive(receiver, &count)),
        ];
        Ok(Self { stop, received, threads })
    }

    /// Bytes that have arrived.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Ends it; gives the bytes that were sent, all of which have arrived unharmed.
    pub(crate) fn finish(self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let [sent, arrived] = self.threads.map(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
        });
        let (sent, arrived) = (sent?, arrived?);
        ensure!(sent == arrived, "{sent} bytes were sent, and {arrived} arrived");
        Ok(sent)
    }
}

/// The longest time in which nothing of any connection arrived, as it is seen from outside.
#[derive(Debug)]
pub(crate) struct Pauses {
    last: (u64, Instant),
    pub(crate) longest: Duration,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self { last: (0, Instant::now()), longest: Duration::ZERO }
    }

    pub(crate) fn look(&mut self, streams: &[Bulk]) {
        let received = streams.iter().map(Bulk::received).sum();
        let now = Instant::now();
        self.longest = self.longest.max(now - self.last.1);
        if received != self.last.0 {
            self.last = (received, now);
        }
    }
}

fn block() -> Vec<u8> {
    (0..BLOCK_BYTES as u64).map(|i| (i * i * 31 + i / 251) as u8).collect()
}

fn send(mut stream: TcpStream, stop: &AtomicBool) -> anyhow::Result<u64> {
    let (block, mut sent) = (block(), 0);
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&block).context("cannot send")?;
        sent += block.len() as u64;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    Ok(sent)
}

fn receive(mut stream: TcpStream, count: &AtomicU64) -> anyhow::Result<u64> {
    let expected = block();
    let (mut buffer, mut received) = (vec![0; BLOCK_BYTES], 0_u64);
    loop {
        let at = (received % BLOCK_BYTES as u64) as usize;
        let length = match stream.read(&mut buffer[..BLOCK_BYTES - at]) {
            Ok(0) => return Ok(received),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("cannot receive"),
        };
        let is_same = buffer[..length] == expected[at..at + length];
        ensure!(is_same, "other bytes than were sent, after {received}");
        received += length as u64;
        count.store(received, Ordering::Relaxed);
    }
}
