//! The thread: waits, moves batches between devices, engine and socket, and obeys commands.

use crate::{NetworkSetup, TunnelServiceError, TunnelStatus};
use netloom_base::{PacketBatch, Seed, WallTime};
use netloom_node::{Inbound, NetworkConfig, NetworkId, Node, NodeConfig, Outbound};
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::poll::{Interest, PollSet, Waker};
use netloom_sys::tunnel::{TunnelDevice, TunnelOffloads};
use netloom_sys::udp::UdpSocket;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

/// Packets of one turn at a device.
const INNER_PACKETS_MAX: usize = 128;
/// Longest packet: larger ones never fit the MTU of a tunnel or of the ground.
const PACKET_BYTES_MAX: usize = 2048;
/// What the socket gives at once, each up to 64 KiB of datagrams of one flow.
const OUTER_REGIONS: usize = 8;
const OUTER_REGION_BYTES: usize = 65_535;
/// Packets of one turn at the socket.
const OUTER_PACKETS_MAX: usize = 1024;
/// Turns at one descriptor before the others get theirs.
const TURNS_MAX: usize = 8;

/// What the driver is asked to do, with the place for the answer.
pub(crate) enum Command {
    SetNetwork(NetworkId, Box<NetworkSetup>, Sender<Result<(), TunnelServiceError>>),
    RemoveNetwork(NetworkId, Sender<()>),
    SetSocket(UdpSocket, Sender<()>),
    RaiseWallFloor(WallTime, Sender<()>),
    Status(Sender<TunnelStatus>),
}

pub(crate) struct Driver {
    node: Node,
    socket: UdpSocket,
    /// No earlier time goes into handshakes.
    wall_floor: WallTime,
    devices: BTreeMap<NetworkId, TunnelDevice>,
    waker: Arc<Waker>,
    inbox: Receiver<Command>,
    /// From devices.
    inner: PacketBatch,
    /// From the socket.
    outer: PacketBatch,
    sources: Vec<SocketAddr>,
    outbound: Outbound,
    inbound: Inbound,
    /// Packets that a device refused.
    device_drops: u64,
    /// Packets that the socket refused.
    socket_drops: u64,
}

impl Driver {
    pub(crate) fn new(
        mut socket: UdpSocket,
        waker: Arc<Waker>,
        inbox: Receiver<Command>,
        seed: Seed,
    ) -> Self {
        socket.set_receive_offload(true);
        Self {
            node: Node::new(NodeConfig::default(), seed, monotonic_now()),
            socket,
            wall_floor: WallTime(0),
            devices: BTreeMap::new(),
            waker,
            inbox,
            inner: PacketBatch::new(INNER_PACKETS_MAX, PACKET_BYTES_MAX),
            outer: PacketBatch::in_regions(OUTER_REGIONS, OUTER_REGION_BYTES, OUTER_PACKETS_MAX),
            sources: Vec::with_capacity(OUTER_PACKETS_MAX),
            outbound: Outbound::new(),
            inbound: Inbound::new(),
            device_drops: 0,
            socket_drops: 0,
        }
    }

    /// Runs until the inbox is closed.
    pub(crate) fn run(&mut self) {
        loop {
            if !self.obey() {
                return;
            }
            self.node.handle_timeout(monotonic_now(), self.wall());
            self.flush();
            let (socket_ready, ready) = self.wait();
            if socket_ready {
                self.receive();
            }
            for network in ready {
                self.send_from(network);
            }
        }
    }

    fn wall(&self) -> WallTime {
        wall_now().max(self.wall_floor)
    }

    /// Waits for packets, a command or a timer; gives what is ready to be read.
    fn wait(&self) -> (bool, Vec<NetworkId>) {
        let timeout = self.node.poll_timeout().map(|(due, _)| due - monotonic_now());
        // Rounded up, or the last millisecond would be spent spinning.
        let timeout = timeout.map(|left| left + Duration::from_micros(999));
        let mut set = PollSet::new();
        let waker = set.add(self.waker.as_fd(), Interest::Read);
        let socket = set.add(self.socket.as_fd(), Interest::Read);
        let devices: Vec<(NetworkId, usize)> = self
            .devices
            .iter()
            .map(|(id, device)| (*id, set.add(device.as_fd(), Interest::Read)))
            .collect();
        if set.wait(timeout).is_err() {
            return (false, Vec::new());
        }
        if set.is_ready(waker) {
            self.waker.clear();
        }
        let ready = devices.iter().filter(|(_, number)| set.is_ready(*number));
        (set.is_ready(socket), ready.map(|(id, _)| *id).collect())
    }

    // === packets ===

    /// From the UDP port to the devices.
    fn receive(&mut self) {
        for _ in 0..TURNS_MAX {
            self.outer.clear();
            self.sources.clear();
            match self.socket.receive_batch(&mut self.outer, &mut self.sources) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let now = monotonic_now();
            let sources = &self.sources;
            self.node.plan_outer(now, |index| sources[index], &self.outer, &mut self.inbound);
            self.inbound.open(&mut self.outer);
            self.node.finish_outer(now, &mut self.outer, &mut self.inbound);
            for arrival in self.inbound.arrivals() {
                let Some(device) = self.devices.get_mut(&arrival.network) else { continue };
                let written = device.write(&self.outer, arrival.packets.iter().copied());
                self.device_drops += written.dropped as u64;
            }
            self.flush();
        }
    }

    /// From a network's device to the UDP port.
    fn send_from(&mut self, network: NetworkId) {
        for _ in 0..TURNS_MAX {
            self.inner.clear();
            let Some(device) = self.devices.get_mut(&network) else { return };
            match device.read_batch(&mut self.inner) {
                Ok(0) => return,
                Ok(_) => {}
                Err(_) => {
                    // The link is gone; its owner sees that the device is, and makes another.
                    self.devices.remove(&network);
                    return;
                }
            }
            let now = monotonic_now();
            self.node.handle_inner(now, network, &mut self.inner, &mut self.outbound);
            let batch = &self.inner;
            let packets = self.outbound.destinations().flat_map(|destination| {
                let packets = destination.packets.iter();
                packets.map(move |index| (destination.to, batch.packet(*index as usize)))
            });
            let written = self.socket.send(packets);
            self.socket_drops += written.dropped as u64;
            // A first packet starts a handshake, which is made when timers are handled.
            self.node.handle_timeout(now, self.wall());
            self.flush();
        }
    }

    /// Sends what the engine has made by itself, and forgets its events.
    fn flush(&mut self) {
        while let Some(transmit) = self.node.poll_transmit() {
            let written = self.socket.send([(transmit.to, transmit.datagram.as_slice())]);
            self.socket_drops += written.dropped as u64;
        }
        while self.node.poll_event().is_some() {}
    }

    // === commands ===

    /// Does what was asked for; whether the driver goes on.
    fn obey(&mut self) -> bool {
        loop {
            // An asker that has gone away needs no answer.
            match self.inbox.try_recv() {
                Ok(Command::SetNetwork(id, setup, reply)) => {
                    let _ = reply.send(self.set_network(id, *setup));
                }
                Ok(Command::RemoveNetwork(id, reply)) => {
                    self.node.remove_network(id);
                    self.devices.remove(&id);
                    let _ = reply.send(());
                }
                Ok(Command::SetSocket(mut socket, reply)) => {
                    socket.set_receive_offload(true);
                    self.socket = socket;
                    let _ = reply.send(());
                }
                Ok(Command::RaiseWallFloor(floor, reply)) => {
                    self.wall_floor = self.wall_floor.max(floor);
                    let _ = reply.send(());
                }
                Ok(Command::Status(reply)) => drop(reply.send(self.status())),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn set_network(
        &mut self,
        id: NetworkId,
        setup: NetworkSetup,
    ) -> Result<(), TunnelServiceError> {
        let NetworkSetup { name, private_key, mtu_bytes, device, peers, timestamp_floors } = setup;
        let now = monotonic_now();
        let config = NetworkConfig { private_key, mtu_bytes };
        self.node
            .set_network(now, id, &config)
            .map_err(|source| TunnelServiceError::Network { network: name.clone(), source })?;
        if let Some(mut device) = device {
            device.set_offloads(TunnelOffloads { tcp: true, udp: true });
            self.devices.insert(id, device);
        }
        let stay: Vec<_> = peers.values().map(|peer| peer.public_key).collect();
        let gone: Vec<_> =
            self.node.peers(id).map(|(key, _)| key).filter(|key| !stay.contains(key)).collect();
        for key in gone {
            self.node.remove_peer(id, &key);
        }
        self.release_moved_prefixes(id, &peers);
        for (peer, config) in peers {
            self.node.set_peer(now, id, config).map_err(|source| TunnelServiceError::Peer {
                network: name.clone(),
                peer,
                source: Box::new(source),
            })?;
        }
        for (key, floor) in timestamp_floors {
            self.node.set_timestamp_floor(id, &key, floor);
        }
        for key in stay {
            self.node.answer_early_call(now, id, &key);
        }
        Ok(())
    }

    /// An address that moves from one peer to another must leave the first before it can be the
    /// second's; peers are therefore first cut down to what stays theirs.
    fn release_moved_prefixes(
        &mut self,
        id: NetworkId,
        peers: &BTreeMap<String, netloom_node::PeerConfig>,
    ) {
        let now = monotonic_now();
        for peer in peers.values() {
            if let Some(before) = self.node.peer_config(id, &peer.public_key) {
                let mut less = before.clone();
                less.allowed.retain(|prefix| peer.allowed.contains(prefix));
                if less.allowed.len() < before.allowed.len() {
                    // A subset of what was accepted is accepted.
                    let _ = self.node.set_peer(now, id, less);
                }
            }
        }
    }

    fn status(&self) -> TunnelStatus {
        let now = monotonic_now();
        let mut status = TunnelStatus::default();
        for network in self.node.networks() {
            for (key, _) in self.node.peers(network) {
                if let Some(peer) = self.node.peer_status(now, network, &key) {
                    status.peers.insert((network, key), peer);
                }
            }
        }
        status.devices = self.devices.iter().map(|(id, device)| (*id, device.kind())).collect();
        let engine = self.node.counters().drops();
        status.drops = engine.map(|(reason, count)| (format!("{reason:?}"), count)).collect();
        status.drops.insert("DeviceRefused".to_owned(), self.device_drops);
        status.drops.insert("SocketRefused".to_owned(), self.socket_drops);
        status
    }
}
