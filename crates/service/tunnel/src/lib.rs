//! Drives a node's engine: one UDP port, one tunnel device for each network, a thread for each direction.
//!
//! ```text
//! device of a network ─ read ─► Node::plan_inner ─► seal ─► sendmmsg ─► UDP port
//! UDP port ─ recvmmsg ─► Node::plan_outer ─► open ─► Node::finish_outer ─► writev ─► device of the packets' network
//! commands (set network, set peers, status) come in between batches at the port, over a channel
//! ```
//! Where the kernel can, packets come and go in pieces of up to 64 KiB: TCP and UDP payload at devices
//! (TSO, USO, GRO), datagrams of one flow at the port (UDP_SEGMENT, UDP_GRO). They are sealed and opened
//! in place; what a device gives is copied once, into the parts that it is cut into.
#![forbid(unsafe_code)]

mod driver;
pub mod traffic;

use driver::{Command, Shared};
use netloom_base::{Seed, WallTime};
use netloom_node::{Exit, NetworkId, PeerConfig, PeerStatus, SetNetworkError, SetPeerError};
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelOffloads};
use netloom_sys::udp::{UdpError, UdpSocket};
use netloom_wireguard::{PrivateKey, PublicKey, Tai64n};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io};
use traffic::Traffic;

/// Why the tunnels cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelServiceError {
    /// The UDP port cannot be had.
    #[error(transparent)]
    Udp(#[from] UdpError),
    /// The threads could not be made.
    #[error(
        "cannot start the tunnels' threads: {0}; free some memory, or raise the limits on threads and open files (ulimit -u, -n)"
    )]
    Thread(io::Error),
    /// The engine refused a network.
    #[error("network {network}: {source}")]
    Network {
        /// Its name.
        network: String,
        /// Why.
        source: SetNetworkError,
    },
    /// The engine refused a peer.
    #[error("peer {peer} of network {network}: {source}")]
    Peer {
        /// The network's name.
        network: String,
        /// The peer's name.
        peer: String,
        /// Why.
        source: Box<SetPeerError>,
    },
    /// A device or the port cannot be waited for.
    #[error("cannot wait for packets: {0}; raise the limit on open files (ulimit -n)")]
    Poll(io::Error),
    /// The threads have ended.
    #[error("the tunnels' threads have ended; start the node again")]
    Ended,
}

/// A network as the driver is to run it.
#[derive(Debug)]
pub struct NetworkSetup {
    /// Its name, for errors.
    pub name: String,
    /// The node's key in it.
    pub private_key: PrivateKey,
    /// Largest inner packet.
    pub mtu_bytes: usize,
    /// How often nodes agree upon new keys.
    pub key_rotation: Duration,
    /// Its device; `None` leaves the one that is there.
    pub device: Option<TunnelDevice>,
    /// Its peers by name.
    pub peers: BTreeMap<String, PeerConfig>,
    /// Where packets go whose destination no peer owns.
    pub exits: Vec<Exit>,
    /// The newest handshake of each peer that an earlier run has seen: older ones are replays.
    pub timestamp_floors: BTreeMap<PublicKey, Tai64n>,
    /// Peers that are called at once: they have a session that an earlier run of this end has lost.
    pub calls: BTreeSet<PublicKey>,
    /// Where peers are sent to from now on, whatever is declared of them and wherever they were heard from.
    pub endpoints: BTreeMap<PublicKey, SocketAddr>,
}

/// Changes of some peers of a network.
#[derive(Debug, Default)]
pub struct PeerChanges {
    /// The network's name, for errors.
    pub network: String,
    /// Peers that are new, or other than they were, by name.
    pub set: BTreeMap<String, PeerConfig>,
    /// Peers that go.
    pub remove: Vec<PublicKey>,
    /// Where peers are sent to from now on, also if the same was declared before and they were heard from elsewhere since.
    pub endpoints: BTreeMap<PublicKey, SocketAddr>,
}

/// What of the kernel is used, where it has it. All of it, unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offloads {
    /// At devices: payload of one flow in one piece (TSO, USO, GRO).
    pub device: TunnelOffloads,
    /// At the port, out: datagrams of one size to one peer in one piece (`UDP_SEGMENT`).
    pub send: bool,
    /// At the port, in: datagrams of one flow in one piece (`UDP_GRO`).
    pub receive: bool,
}

impl Default for Offloads {
    fn default() -> Self {
        Self { device: TunnelOffloads { tcp: true, udp: true }, send: true, receive: true }
    }
}

/// How the tunnels are doing.
#[derive(Clone, Debug, Default)]
pub struct TunnelStatus {
    /// Peers by network and key.
    pub peers: BTreeMap<(NetworkId, PublicKey), PeerStatus>,
    /// Kind of each network's device.
    pub devices: BTreeMap<NetworkId, TunnelKind>,
    /// What each network's device does for batches.
    pub offloads: BTreeMap<NetworkId, TunnelOffloads>,
    /// Whether the port sends datagrams of one flow at once.
    pub has_send_offload: bool,
    /// Packets dropped by the engine and the driver, by reason.
    pub drops: BTreeMap<String, u64>,
    /// Packets that were sealed, and that came out of tunnels.
    pub packets: (u64, u64),
    /// How many packets were carried at once.
    pub traffic: Traffic,
}

/// A running driver. Dropping it stops its threads.
pub struct Tunnels {
    commands: Sender<Command>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnels").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl Tunnels {
    /// Starts the driver on a UDP port of the calling thread's namespace.
    ///
    /// # Errors
    /// The port is taken, or the threads cannot be started.
    pub fn start(port: u16, seed: Seed) -> Result<Self, TunnelServiceError> {
        Self::start_on(UdpSocket::bind_any(port)?, seed)
    }

    /// Starts the driver on a socket.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn start_on(socket: UdpSocket, seed: Seed) -> Result<Self, TunnelServiceError> {
        let (commands, inbox) = mpsc::channel();
        let started = driver::start(socket, inbox, seed).map_err(TunnelServiceError::Thread);
        started.map(|(shared, threads)| Self { commands, shared, threads: threads.into() })
    }

    /// Sets a network to what is declared; sessions that stay are not disturbed.
    ///
    /// # Errors
    /// The engine refuses it; what was in force stays.
    pub fn set_network(
        &self,
        id: NetworkId,
        setup: NetworkSetup,
    ) -> Result<(), TunnelServiceError> {
        self.ask(|reply| Command::SetNetwork(id, Box::new(setup), reply))?
    }

    /// Changes some peers of a network, at the cost of the change.
    ///
    /// # Errors
    /// The engine refuses a peer; those before it are changed then.
    pub fn change_peers(
        &self,
        id: NetworkId,
        changes: PeerChanges,
    ) -> Result<(), TunnelServiceError> {
        self.ask(|reply| Command::ChangePeers(id, Box::new(changes), reply))?
    }

    /// Uses no wall time before `floor` in handshakes from now on: what an earlier run has used is
    /// refused by peers as a replay.
    ///
    /// # Errors
    /// The threads have ended.
    pub fn raise_wall_floor(&self, floor: WallTime) -> Result<(), TunnelServiceError> {
        self.ask(|reply| Command::RaiseWallFloor(floor, reply))
    }

    /// Goes on with another socket; sessions stay, and peers follow to where packets come from.
    ///
    /// # Errors
    /// The threads have ended.
    pub fn set_socket(&self, socket: UdpSocket) -> Result<(), TunnelServiceError> {
        self.ask(|reply| Command::SetSocket(socket, reply))?.map_err(TunnelServiceError::Poll)
    }

    /// Does without some of the kernel's offloads, or uses them again: at the port at once, at devices from their
    /// next setting on.
    ///
    /// # Errors
    /// The threads have ended.
    pub fn set_offloads(&self, offloads: Offloads) -> Result<(), TunnelServiceError> {
        self.ask(|reply| Command::SetOffloads(offloads, reply))
    }

    /// Removes a network and closes its device.
    ///
    /// # Errors
    /// The threads have ended.
    pub fn remove_network(&self, id: NetworkId) -> Result<(), TunnelServiceError> {
        self.ask(|reply| Command::RemoveNetwork(id, reply))
    }

    /// Kind of each network's device, without looking at peers.
    ///
    /// # Errors
    /// The threads have ended.
    pub fn devices(&self) -> Result<BTreeMap<NetworkId, TunnelKind>, TunnelServiceError> {
        self.ask(Command::Devices)
    }

    /// How the tunnels are doing.
    ///
    /// # Errors
    /// The threads have ended.
    pub fn status(&self) -> Result<TunnelStatus, TunnelServiceError> {
        self.ask(Command::Status)
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, TunnelServiceError> {
        let (reply, answer) = mpsc::channel();
        self.commands.send(command(reply)).map_err(|_| TunnelServiceError::Ended)?;
        self.shared.port_waker.wake();
        answer.recv().map_err(|_| TunnelServiceError::Ended)
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        // Without its only sender the driver's inbox is closed, which ends one thread and that the other.
        let (nobody, _) = mpsc::channel();
        self.commands = nobody;
        self.shared.port_waker.wake();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}
