//! What is seen on the wire: WireGuard's messages by kind and direction.

use crate::Side;
use crate::ground::UNDERLAY;
use netloom_base::packet::IpView;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::packet::PacketSocket;
use std::net::IpAddr;
use std::time::Instant;

const ETHERNET_HEADER_BYTES: usize = 14;
const UDP_HEADER_BYTES: usize = 8;
/// The last field of a handshake message.
const MAC_BYTES: usize = 16;
const PROTOCOL_UDP: u8 = 17;
/// A data message without content (§5.4.6): header and tag.
const KEEPALIVE_BYTES: usize = 32;

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Who sent it.
    pub from: Side,
    /// Its type: 1 initiation, 2 response, 3 cookie reply, 4 data.
    pub kind: u8,
    /// Its length.
    pub bytes: usize,
    /// The address that it came from.
    pub source: IpAddr,
    /// Whether it is a handshake message with a cookie's mac (§5.4.4).
    pub has_mac2: bool,
    /// When it was read here.
    pub at: Instant,
}

impl Seen {
    /// Whether it is a keepalive.
    pub fn is_keepalive(&self) -> bool {
        self.kind == 4 && self.bytes == KEEPALIVE_BYTES
    }
}

/// A capture on a host's link.
#[derive(Debug)]
pub struct Wire {
    side: Side,
    socket: PacketSocket,
}

impl Wire {
    /// Begins to capture at our host.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open(ours: &NamespaceHandle) -> anyhow::Result<Self> {
        Self::at(ours, Side::Ours)
    }

    /// Begins to capture at the host of `side`.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn at(host: &NamespaceHandle, side: Side) -> anyhow::Result<Self> {
        Ok(Self { side, socket: host.run(|| PacketSocket::open(UNDERLAY))?? })
    }

    /// What has been seen since the last call.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn drain(&self) -> anyhow::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        let mut frame = [0; 2048];
        while let Some(captured) = self.socket.read(&mut frame)? {
            let Some(packet) = frame[..captured.length].get(ETHERNET_HEADER_BYTES..) else {
                continue;
            };
            let Some(view) = IpView::parse(packet) else { continue };
            let content = view.payload.get(UDP_HEADER_BYTES..).unwrap_or_default();
            if let (PROTOCOL_UDP, Some(kind)) = (view.protocol, content.first()) {
                let from = if captured.outgoing { self.side } else { self.side.other() };
                let (kind, bytes, source, at) = (*kind, content.len(), view.source, Instant::now());
                let mac2 = content.len().checked_sub(MAC_BYTES).map(|at| &content[at..]);
                let has_mac2 =
                    matches!(kind, 1 | 2) && mac2.is_some_and(|mac| mac != [0; MAC_BYTES]);
                seen.push(Seen { from, kind, bytes, source, has_mac2, at });
            }
        }
        Ok(seen)
    }
}
