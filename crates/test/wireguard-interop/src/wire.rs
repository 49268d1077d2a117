//! What is seen on the wire: WireGuard's messages by kind and direction.

use crate::Side;
use crate::ground::UNDERLAY;
use netloom_base::packet::IpView;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::packet::PacketSocket;
use std::time::Instant;

const ETHERNET_HEADER_BYTES: usize = 14;
const UDP_HEADER_BYTES: usize = 8;
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
    /// When it was read here.
    pub at: Instant,
}

impl Seen {
    /// Whether it is a keepalive.
    pub fn is_keepalive(&self) -> bool {
        self.kind == 4 && self.bytes == KEEPALIVE_BYTES
    }
}

/// A capture on our host's link.
#[derive(Debug)]
pub struct Wire(PacketSocket);

impl Wire {
    /// Begins to capture.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open(ours: &NamespaceHandle) -> anyhow::Result<Self> {
        Ok(Self(ours.run(|| PacketSocket::open(UNDERLAY))??))
    }

    /// What has been seen since the last call.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn drain(&self) -> anyhow::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        let mut frame = [0; 2048];
        while let Some(captured) = self.0.read(&mut frame)? {
            let Some(packet) = frame[..captured.length].get(ETHERNET_HEADER_BYTES..) else {
                continue;
            };
            let Some(view) = IpView::parse(packet) else { continue };
            let content = view.payload.get(UDP_HEADER_BYTES..).unwrap_or_default();
            if let (PROTOCOL_UDP, Some(kind)) = (view.protocol, content.first()) {
                let from = if captured.outgoing { Side::Ours } else { Side::Theirs };
                let (kind, bytes, at) = (*kind, content.len(), Instant::now());
                seen.push(Seen { from, kind, bytes, at });
            }
        }
        Ok(seen)
    }
}
