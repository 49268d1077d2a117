//! Flows that run while other things change: a TCP stream that is echoed, and 60 packets a second of UDP.

use netloom_sys::namespace::NamespaceHandle;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes that are sent and expected back at once.
const BLOCK_BYTES: usize = 1024;
/// Longest wait for an echo.
const ECHO_TIMEOUT: Duration = Duration::from_secs(5);
/// The rhythm of a game.
const TICK: Duration = Duration::from_micros(16_667);

/// A flow that runs until it is asked what it has seen.
pub(crate) struct Running<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<T, String>>,
}

impl<T> Running<T> {
    /// Ends it, and gives what it has seen.
    pub(crate) fn finish(self) -> Result<T, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the flow's thread failed".to_owned())?
    }
}

/// Starts a stream that must come back as it was sent; gives how many bytes did.
pub(crate) fn tcp(inside: NamespaceHandle, to: SocketAddr) -> Running<u64> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let work = move || {
        let connect = move || TcpStream::connect_timeout(&to, ECHO_TIMEOUT);
        let connected = inside.run(connect).map_err(|error| error.to_string())?;
        let mut stream = connected.map_err(|error| format!("cannot connect to {to}: {error}"))?;
        let failed = |error: std::io::Error| format!("the stream to {to} broke: {error}");
        stream.set_read_timeout(Some(ECHO_TIMEOUT)).map_err(failed)?;
        let (mut number, mut bytes) = (0_u64, 0);
        while !stopped.load(Ordering::Relaxed) {
            let block: Vec<u8> = number.to_be_bytes().repeat(BLOCK_BYTES / 8);
            stream.write_all(&block).map_err(failed)?;
            let mut echo = vec![0; BLOCK_BYTES];
            stream.read_exact(&mut echo).map_err(failed)?;
            if echo != block {
                return Err(format!("the stream to {to} came back otherwise"));
            }
            (number, bytes) = (number + 1, bytes + BLOCK_BYTES as u64);
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(bytes)
    };
    Running { stop, thread: std::thread::spawn(work) }
}

/// What a flow of packets has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packets {
    pub(crate) sent: u64,
    pub(crate) returned: u64,
}

/// Starts 60 packets a second that must come back.
pub(crate) fn udp(inside: NamespaceHandle, to: SocketAddr) -> Running<Packets> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let work = move || {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let bound = inside.run(move || UdpSocket::bind(any)).map_err(|error| error.to_string())?;
        let socket = bound.and_then(|socket| socket.connect(to).map(|()| socket));
        let socket = Arc::new(socket.map_err(|error| error.to_string())?);
        let failed = |error: std::io::Error| error.to_string();
        socket.set_read_timeout(Some(Duration::from_millis(200))).map_err(failed)?;
        let returned = Arc::new(AtomicU64::new(0));
        let done = Arc::new(AtomicBool::new(false));
        let receiver = {
            let (socket, returned, done) =
                (Arc::clone(&socket), Arc::clone(&returned), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut packet = [0; 64];
                let mut quiet = 0;
                // After the last packet, as long as echoes may still come.
                while quiet < 5 {
                    match socket.recv(&mut packet) {
                        Ok(_) => drop(returned.fetch_add(1, Ordering::Relaxed)),
                        Err(_) if done.load(Ordering::Relaxed) => quiet += 1,
                        Err(_) => {}
                    }
                }
            })
        };
        let mut sent = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            socket.send(&sent.to_be_bytes()).map_err(failed)?;
            sent += 1;
            std::thread::sleep(TICK);
        }
        done.store(true, Ordering::Relaxed);
        receiver.join().map_err(|_| "the receiver failed".to_owned())?;
        Ok(Packets { sent, returned: returned.load(Ordering::Relaxed) })
    };
    Running { stop, thread: std::thread::spawn(work) }
}
