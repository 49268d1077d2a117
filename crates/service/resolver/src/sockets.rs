//! Sockets inside the network's namespace: UDP and TCP on every address.

use crate::ResolverError;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// An address that has just been added can be bound only when the kernel has checked that nobody
/// else has it (RFC 4862 §5.4); that takes about a second.
const ADDRESS_WAIT: Duration = Duration::from_secs(3);
/// Between tries.
const ADDRESS_RETRY: Duration = Duration::from_millis(20);
/// Ports of the kernel's choice that are tried until one is free over UDP and TCP.
const PORT_TRIES: usize = 16;

/// The sockets of one address.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) address: SocketAddr,
    pub(crate) udp: UdpSocket,
    pub(crate) tcp: TcpListener,
}

/// Binds every address, or none.
pub(crate) fn bind(listen: &[IpAddr], port: u16) -> Result<Vec<Sockets>, ResolverError> {
    listen.iter().map(|address| bind_address((*address, port).into())).collect()
}

fn bind_address(address: SocketAddr) -> Result<Sockets, ResolverError> {
    let failed = |transport| move |source| ResolverError::Bind { address, transport, source };
    let mut tries = 0;
    loop {
        tries += 1;
        let udp = patiently(|| nonblocking_udp(address)).map_err(failed("udp"))?;
        let bound = udp.local_addr().map_err(failed("udp"))?;
        match patiently(|| nonblocking_tcp(bound)) {
            Ok(tcp) => return Ok(Sockets { address: bound, udp, tcp }),
            // The kernel chose the port without looking at TCP.
            Err(error)
                if error.kind() == ErrorKind::AddrInUse
                    && address.port() == 0
                    && tries < PORT_TRIES => {}
            Err(error) => return Err(failed("tcp")(error)),
        }
    }
}

fn nonblocking_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn nonblocking_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn patiently<T>(mut bind: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let start = Instant::now();
    loop {
        match bind() {
            Err(error)
                if error.kind() == ErrorKind::AddrNotAvailable
                    && start.elapsed() < ADDRESS_WAIT =>
            {
                thread::sleep(ADDRESS_RETRY);
            }
            result => return result,
        }
    }
}
