//! Traffic through the tunnel: pings, and a TCP connection that is used both ways at once.

use anyhow::{Context as _, ensure};
use blake2::{Blake2s256, Digest as _};
use netloom_sys::icmp::EchoSocket;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::poll::{Interest, PollSet};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause between pings that are not answered.
const PING_INTERVAL: Duration = Duration::from_millis(200);
/// Longest wait for anything of a connection. After an outage of 15 s, TCP may take the time of a
/// packet that was sent again for that of the way, and then wait half a minute, more than once.
const PATIENCE: Duration = Duration::from_secs(180);
/// Bytes written at once.
const BLOCK_BYTES: usize = 1 << 16;

/// Pings until the first reply; how long that took, or `None` if none came.
///
/// # Errors
/// The kernel has no echo sockets.
pub fn ping(
    from: &NamespaceHandle,
    to: IpAddr,
    patience: Duration,
) -> anyhow::Result<Option<Duration>> {
    let socket = from.run(|| EchoSocket::open(to.is_ipv6(), 7))??;
    let start = Instant::now();
    let mut sequence = 0;
    while start.elapsed() < patience {
        // Until there is a way, the kernel may refuse.
        let _ = socket.send(to, sequence, b"netloom");
        sequence = sequence.wrapping_add(1);
        let mut set = PollSet::new();
        set.add(socket.as_fd(), Interest::Read);
        set.wait(Some(PING_INTERVAL.min(patience)))?;
        if let Ok(Some(_)) = socket.receive() {
            return Ok(Some(start.elapsed()));
        }
    }
    Ok(None)
}

/// What went through a connection.
#[derive(Clone, Copy, Debug)]
pub struct Transferred {
    /// In both directions together.
    pub bytes: u64,
    /// How long it took.
    pub duration: Duration,
}

/// Bytes and digest of what went one way.
type Stream = (u64, Vec<u8>);

/// A connection both ends of which send at once, until they are told to finish.
#[derive(Debug)]
pub struct Duplex {
    start: Instant,
    finish: Arc<AtomicBool>,
    received: [Arc<AtomicU64>; 2],
    /// Of each end: what it sends, what it receives.
    ends: [[JoinHandle<anyhow::Result<Stream>>; 2]; 2],
}

impl Duplex {
    /// Connects and begins. Each end sends at least `bytes_min`, a block at a time with a pause of
    /// `pause` after it.
    ///
    /// # Errors
    /// There is no connection.
    pub fn start(
        from: &NamespaceHandle,
        to: &NamespaceHandle,
        address: SocketAddr,
        bytes_min: u64,
        pause: Duration,
    ) -> anyhow::Result<Self> {
        let listener = to.run(|| TcpListener::bind(address))??;
        let client = from.run(|| TcpStream::connect_timeout(&address, PATIENCE))?;
        let client = client.with_context(|| format!("cannot connect to {address}"))?;
        let (server, _) = listener.accept()?;
        let finish = Arc::new(AtomicBool::new(false));
        let received = [Arc::default(), Arc::default()];
        let begin = |stream: TcpStream, number: usize| -> anyhow::Result<_> {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            let (out, finish) = (stream.try_clone()?, Arc::clone(&finish));
            let sender = move || send(out, number as u64, bytes_min, pause, &finish);
            let count = Arc::clone(&received[number]);
            let receiver = move || receive(stream, &count);
            Ok([std::thread::spawn(sender), std::thread::spawn(receiver)])
        };
        let ends = [begin(client, 0)?, begin(server, 1)?];
        Ok(Self { start: Instant::now(), finish, received, ends })
    }

    /// Waits until `bytes` more have arrived at each end.
    ///
    /// # Errors
    /// They do not arrive in time.
    pub fn wait_for(&self, bytes: u64) -> anyhow::Result<Duration> {
        let start = Instant::now();
        let goals = self.counts().map(|count| count + bytes);
        while self.counts().iter().zip(goals).any(|(count, goal)| *count < goal) {
            let ended = self.ends.iter().flatten().any(JoinHandle::is_finished);
            ensure!(!ended, "the connection has ended");
            ensure!(start.elapsed() < PATIENCE, "nothing arrives any more: {:?}", self.counts());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(start.elapsed())
    }

    fn counts(&self) -> [u64; 2] {
        [0, 1].map(|end| self.received[end].load(Ordering::Relaxed))
    }

    /// Ends the connection, and compares what was sent with what has arrived.
    ///
    /// # Errors
    /// They differ, or the connection broke.
    pub fn finish(self) -> anyhow::Result<Transferred> {
        self.finish.store(true, Ordering::Relaxed);
        let join = |thread: JoinHandle<anyhow::Result<_>>| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the thread panicked")))
        };
        let [client, server] = self.ends.map(|end| end.map(join));
        let ([out, in_again], [out_again, far_in]) = (client, server);
        let (sent, arrived) = (out?, far_in?);
        let (returned, came_back) = (out_again?, in_again?);
        ensure!(sent == arrived, "sent {} bytes, {} arrived, or others", sent.0, arrived.0);
        ensure!(returned == came_back, "{} bytes back, or others", came_back.0);
        Ok(Transferred { bytes: sent.0 + returned.0, duration: self.start.elapsed() })
    }
}

/// Sends blocks that differ.
fn send(
    mut stream: TcpStream,
    salt: u64,
    bytes_min: u64,
    pause: Duration,
    finish: &AtomicBool,
) -> anyhow::Result<Stream> {
    let mut digest = Blake2s256::new();
    let mut block: Vec<u8> =
        (0..BLOCK_BYTES as u64).map(|i| (i * i * 31 + salt * 7 + i / 251) as u8).collect();
    let mut sent = 0;
    while sent < bytes_min || !finish.load(Ordering::Relaxed) {
        block[..8].copy_from_slice(&u64::to_be_bytes(sent));
        stream.write_all(&block).context("cannot send")?;
        digest.update(&block);
        sent += BLOCK_BYTES as u64;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    stream.shutdown(Shutdown::Write)?;
    Ok((sent, digest.finalize().to_vec()))
}

/// Receives until the end.
fn receive(mut stream: TcpStream, count: &AtomicU64) -> anyhow::Result<Stream> {
    let mut digest = Blake2s256::new();
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut received = 0;
    loop {
        let length = stream.read(&mut buffer).context("cannot receive")?;
        if length == 0 {
            return Ok((received, digest.finalize().to_vec()));
        }
        digest.update(&buffer[..length]);
        received += length as u64;
        count.store(received, Ordering::Relaxed);
    }
}
