//! What a node knows of the way to each peer.

mod messages;

use crate::config::PeerConfig;
use crate::node::{Network, Peer};
pub(crate) use messages::{alone, keep};
use netloom_base::Time;
use netloom_path::canary::Heard;
use netloom_path::message::HEADER_BYTES;
use netloom_path::path_mtu::PATH_BYTES_ASSUMED;
use netloom_path::{Canary, KeyExchange, Liveness, PathMtu, Reassembly, Segmentation};
use netloom_wireguard::TunnelEvent;
use netloom_wireguard::message::DATA_OVERHEAD_BYTES;
use std::net::SocketAddr;

/// The longest piece that a kernel takes.
const PIECE_BYTES_MAX: usize = 65_507;

/// What is known of the way to a peer.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) mtu: PathMtu,
    pub(crate) canary: Canary,
    heard: Heard,
    reassembly: Reassembly,
    pub(crate) exchange: KeyExchange,
    /// Whether it answers, where packets go to another peer if it does not.
    pub(crate) liveness: Liveness,
    /// Whether the peer has said, since the last handshake, that it takes packets whose checksum is left out.
    takes_partial: bool,
    /// Whether it is this end that asks for keys.
    pub(crate) asks: bool,
    pub(crate) next_packet: u32,
    /// Whether packets wait for a session, with which the search for what the path takes begins.
    pub(crate) awaits_session: bool,
    /// A long packet that was sent while it was in doubt whether it arrives, or none.
    sample: Vec<u8>,
}

/// Messages to a node, sealed: to be sent so that the underlay does not cut them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTransmit {
    /// Where to.
    pub to: SocketAddr,
    /// Datagrams: in one piece, all of one size but for a shorter last one, if there are several.
    pub datagrams: Vec<Vec<u8>>,
    /// The two bits of Explicit Congestion Notification that their IP headers are to have ([`netloom_wireguard::Transmit::ecn`]).
    pub ecn: u8,
}

impl Path {
    fn new(mtu_bytes: usize, asks: bool) -> Self {
        Self {
            mtu: PathMtu::new(mtu_bytes),
            canary: Canary::default(),
            heard: Heard::default(),
            reassembly: Reassembly::default(),
            exchange: KeyExchange::default(),
            liveness: Liveness::default(),
            takes_partial: false,
            asks,
            next_packet: 0,
            awaits_session: false,
            sample: Vec::new(),
        }
    }
}

/// The largest packet for a peer of which nothing is known yet, in a network of MTU `mtu_bytes`.
pub(crate) fn assumed_bytes(config: &PeerConfig, mtu_bytes: usize) -> usize {
    if config.is_node { mtu_bytes.min(PATH_BYTES_ASSUMED) } else { mtu_bytes }
}

impl Peer {
    /// The largest packet for the peer in a network of MTU `mtu_bytes`.
    pub(crate) fn path_bytes(&self, mtu_bytes: usize) -> usize {
        match &self.path {
            Some(path) => path.mtu.limit_bytes(),
            None => assumed_bytes(&self.config, mtu_bytes),
        }
    }

    /// What TCP's SYNs may announce to the peer, and it to us.
    pub(crate) fn announced_bytes(&self, mtu_bytes: usize) -> usize {
        self.path.as_ref().map_or(mtu_bytes, |path| path.mtu.announced_bytes())
    }

    /// Whether the peer takes packets whose checksum is left out.
    pub(crate) fn takes_partial(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.takes_partial)
    }

    /// What is known of the way to it, from now on; `None` for a stock peer.
    pub(crate) fn path_mut(&mut self, network: &Network) -> Option<&mut Path> {
        if !self.config.is_node {
            return None;
        }
        let asks = network.identity.public() < self.config.public_key;
        Some(self.path.get_or_insert_with(|| Box::new(Path::new(network.mtu_bytes, asks))))
    }

    /// When the path has something to do.
    pub(crate) fn path_timeout(&self) -> Option<Time> {
        let path = self.path.as_ref()?;
        let machines = [
            path.mtu.poll_timeout(),
            path.canary.poll_timeout(),
            path.exchange.poll_timeout(),
            path.liveness.poll_timeout(),
        ];
        machines.into_iter().flatten().min()
    }

    /// The path does what is due.
    pub(crate) fn handle_path_timeout(&mut self, now: Time) {
        if let Some(path) = &mut self.path {
            path.mtu.handle_timeout(now);
            path.canary.handle_timeout(now);
            path.exchange.handle_timeout(now);
            path.liveness.handle_timeout(now);
        }
    }

    /// Something came from it; gives whether it was thought to be down.
    pub(crate) fn heard(&mut self) -> bool {
        let Some(path) = &mut self.path else { return false };
        let was_down = path.liveness.is_down();
        path.liveness.heard();
        was_down
    }

    /// Whether it is watched, and does not answer.
    pub(crate) fn is_down(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.liveness.is_down())
    }

    /// What is sent to the peer in a batch may be due for a check of the path. Gives how datagrams are put
    /// together.
    pub(crate) fn sending(
        &mut self,
        now: Time,
        network: &Network,
        (packet_bytes, count): (usize, usize),
        bytes: u64,
    ) -> Segmentation {
        let Some(path) = self.path_mut(network) else { return Segmentation::Pieces };
        path.mtu.sending(now, packet_bytes, bytes);
        let packet_bytes = packet_bytes.max(HEADER_BYTES + 1);
        let parts = count.min(PIECE_BYTES_MAX / (packet_bytes + DATA_OVERHEAD_BYTES));
        path.canary.sending(now, packet_bytes, parts, bytes);
        path.canary.segmentation()
    }

    /// Keeps a long packet that is being sent, if it is in doubt whether it arrives.
    pub(crate) fn sample<'a>(&mut self, packet: impl FnOnce() -> &'a [u8]) {
        let Some(path) = &mut self.path else { return };
        path.sample.clear();
        if path.mtu.is_in_doubt() {
            path.sample.extend_from_slice(packet());
        }
    }

    /// An event of the tunnel that makes the path another.
    pub(crate) fn path_event(&mut self, event: TunnelEvent) {
        let Some(path) = &mut self.path else { return };
        match event {
            TunnelEvent::EndpointChanged { .. } => {
                path.mtu.forget();
                path.canary.forget();
            }
            // It may have gone back to an older version.
            TunnelEvent::HandshakeCompleted { .. } => path.takes_partial = false,
            _ => {}
        }
    }
}
