//! Binding a built-in server's port on both families, and waking what waits for it.

use super::ServeError;
use netloom_model::fabric::ServeKind;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

/// A bound port.
#[derive(Debug)]
pub(super) enum Listener {
    /// Of connections.
    Tcp { listener: TcpListener, kind: ServeKind, address: SocketAddr },
    /// Of datagrams.
    Udp { socket: UdpSocket, address: SocketAddr },
}

/// Binds a port: one dual-stack socket, or one of each family where the host keeps them apart
/// (`net.ipv6.bindv6only`), or IPv4 alone where there is no IPv6.
pub(super) fn listen(kind: ServeKind, port: u16) -> Result<Vec<Listener>, ServeError> {
    let failed = |source: io::Error| bind_error(kind, port, source);
    match Listener::bind(kind, (Ipv6Addr::UNSPECIFIED, port).into()) {
        Ok(first) => {
            let port = first.address().port();
            // Taken means: by the dual-stack socket itself.
            let second = Listener::bind(kind, (Ipv4Addr::UNSPECIFIED, port).into()).ok();
            Ok(std::iter::once(first).chain(second).collect())
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(failed(error)),
        Err(_) => {
            let only = Listener::bind(kind, (Ipv4Addr::UNSPECIFIED, port).into());
            only.map(|listener| vec![listener]).map_err(failed)
        }
    }
}

fn bind_error(kind: ServeKind, port: u16, source: io::Error) -> ServeError {
    let kind = match kind {
        ServeKind::Http => "http",
        ServeKind::Tcp => "tcp",
        ServeKind::Udp => "udp",
    };
    match source.kind() {
        ErrorKind::AddrInUse => ServeError::PortTaken { kind, port },
        ErrorKind::PermissionDenied => ServeError::PortPrivileged { kind, port },
        _ => ServeError::Bind { kind, port, source },
    }
}

impl Listener {
    fn bind(kind: ServeKind, address: SocketAddr) -> io::Result<Self> {
        Ok(match kind {
            ServeKind::Http | ServeKind::Tcp => {
                let listener = TcpListener::bind(address)?;
                let address = listener.local_addr()?;
                Self::Tcp { listener, kind, address }
            }
            ServeKind::Udp => {
                let socket = UdpSocket::bind(address)?;
                let address = socket.local_addr()?;
                Self::Udp { socket, address }
            }
        })
    }

    /// What is served.
    pub(super) fn kind(&self) -> ServeKind {
        match self {
            Self::Tcp { kind, .. } => *kind,
            Self::Udp { .. } => ServeKind::Udp,
        }
    }

    /// Where it is bound.
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Tcp { address, .. } | Self::Udp { address, .. } => *address,
        }
    }

    /// Wakes a thread that waits in accept or receive: Linux ends both when the socket is shut
    /// down, even though neither is connected, and so it also reports an error for UDP.
    pub(super) fn interrupt(&self) {
        let fd = match self {
            Self::Tcp { listener, .. } => listener.as_fd(),
            Self::Udp { socket, .. } => socket.as_fd(),
        };
        if let Ok(fd) = fd.try_clone_to_owned() {
            shut(fd);
        }
    }
}

fn shut(fd: OwnedFd) {
    let _ = TcpStream::from(fd).shutdown(Shutdown::Both);
}
