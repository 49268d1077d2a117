//! The sender: from every given namespace marked datagrams to every address, until its input ends.

use crate::MARKER;
use netloom_sys::namespace::NamespaceHandle;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Wait between two rounds of one sender.
const ROUND: Duration = Duration::from_millis(10);
/// How long a connection is tried; it is the packets that count, not the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(30);

/// Sends until standard input ends; gives how many datagrams were handed to the kernel.
///
/// # Errors
/// A namespace cannot be entered.
pub fn send(namespaces: &[String], targets: &[IpAddr]) -> anyhow::Result<u64> {
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| -> anyhow::Result<()> {
        for path in namespaces {
            let namespace = NamespaceHandle::open(Path::new(path))?;
            let (stop, sent) = (&stop, &sent);
            scope.spawn(move || namespace.run(|| send_here(targets, stop, sent)));
        }
        // Ends when whoever started this closes the pipe.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stop.store(true, Ordering::Relaxed);
        Ok(())
    })?;
    Ok(sent.load(Ordering::Relaxed))
}

fn send_here(targets: &[IpAddr], stop: &AtomicBool, sent: &AtomicU64) {
    let sockets = (UdpSocket::bind("0.0.0.0:0"), UdpSocket::bind("[::]:0"));
    let (Ok(v4), Ok(v6)) = sockets else { return };
    let mut round = 0usize;
    while !stop.load(Ordering::Relaxed) {
        for target in targets {
            let socket = if target.is_ipv4() { &v4 } else { &v6 };
            // Ports that policy allows and ports that it does not.
            for port in [7777, 53, 9] {
                if socket.send_to(MARKER, SocketAddr::new(*target, port)).is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        let target = targets[round % targets.len()];
        let port = [80, 5432, 8080][round % 3];
        if let Ok(mut stream) =
            TcpStream::connect_timeout(&SocketAddr::new(target, port), CONNECT_TIMEOUT)
        {
            use std::io::Write as _;
            let _ = stream.write_all(MARKER);
        }
        round += 1;
        std::thread::sleep(ROUND);
    }
}
