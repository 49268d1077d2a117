//! A stream of TCP between two workloads, whose longest silence is measured.

use anyhow::Context as _;
use netloom_sys::namespace::NamespaceHandle;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// A running stream; dropping it ends it.
pub(crate) struct Stream {
    progress: Arc<Mutex<Progress>>,
    stop: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    since: Instant,
    bytes: u64,
    last: Instant,
    longest: Duration,
}

/// What came in a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) longest_silence: Duration,
    pub(crate) mbit_per_s: f64,
}

impl Stream {
    /// Starts one from a workload's namespace to another's address.
    pub(crate) fn start(
        from: &NamespaceHandle,
        to: &NamespaceHandle,
        address: IpAddr,
    ) -> anyhow::Result<Self> {
        let listener = to.run(|| TcpListener::bind(SocketAddr::new(address, 0)))??;
        let target = listener.local_addr()?;
        let now = Instant::now();
        let progress = Progress { since: now, bytes: 0, last: now, longest: Duration::ZERO };
        let stream = Self {
            progress: Arc::new(Mutex::new(progress)),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let (progress, stop) = (Arc::clone(&stream.progress), Arc::clone(&stream.stop));
        std::thread::spawn(move || {
            if let Ok((connection, _)) = listener.accept() {
                receive(connection, &progress, &stop);
            }
        });
        let connection = from
            .run(|| TcpStream::connect_timeout(&target, CONNECT))?
            .context("the workloads cannot connect")?;
        let stop = Arc::clone(&stream.stop);
        std::thread::spawn(move || send(connection, &stop));
        Ok(stream)
    }

    /// Begins to measure anew.
    pub(crate) fn begin(&self) {
        let now = Instant::now();
        if let Ok(mut progress) = self.progress.lock() {
            *progress = Progress { since: now, bytes: 0, last: now, longest: Duration::ZERO };
        }
    }

    /// What came since then.
    pub(crate) fn measured(&self) -> Measured {
        let progress = *self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let seconds = (now - progress.since).as_secs_f64();
        Measured {
            longest_silence: progress.longest.max(now - progress.last),
            mbit_per_s: progress.bytes as f64 * 8.0 / 1e6 / seconds,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn receive(mut connection: TcpStream, progress: &Mutex<Progress>, stop: &AtomicBool) {
    let _ = connection.set_read_timeout(Some(Duration::from_millis(200)));
    let mut buffer = vec![0; 256 * 1024];
    while !stop.load(Ordering::Relaxed) {
        let Ok(bytes) = connection.read(&mut buffer) else { continue };
        if bytes == 0 {
            return;
        }
        let now = Instant::now();
        if let Ok(mut progress) = progress.lock() {
            progress.bytes += bytes as u64;
            progress.longest = progress.longest.max(now - progress.last);
            progress.last = now;
        }
    }
}

fn send(mut connection: TcpStream, stop: &AtomicBool) {
    let _ = connection.set_write_timeout(Some(Duration::from_millis(200)));
    let data = vec![7; 64 * 1024];
    while !stop.load(Ordering::Relaxed) {
        // Full buffers are what is looked for.
        if let Err(error) = connection.write(&data)
            && !matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            )
        {
            return;
        }
    }
}
