//! The thread: waits, moves batches between devices, engine and socket, and obeys commands.

mod commands;

use crate::Offloads;
use crate::traffic::Traffic;
pub(crate) use commands::Command;
use netloom_base::{PacketBatch, Seed, WallTime};
use netloom_node::{Destination, Inbound, NetworkId, Node, NodeConfig, Outbound, Segmentation};
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::poll::{Poller, Waker};
use netloom_sys::tunnel::{TunnelDevice, TunnelKind};
use netloom_sys::udp::{Pieces, Route, UdpSocket};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
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
/// Handshakes that are answered, and peers whose timers are looked after, between two batches of
/// packets: each may cost as much as some hundred packets.
const HANDSHAKES_AT_ONCE: usize = 4;
/// Numbers of what is waited for: those of networks' devices are their own.
const WAKER: u64 = u64::MAX;
const SOCKET: u64 = u64::MAX - 1;
/// Turns at one descriptor before the others get theirs, and packets of one turn after which it is the last: what
/// waits elsewhere should not wait for several large batches.
const TURNS_MAX: usize = 8;
const TURN_PACKETS_MAX: usize = 64;

pub(crate) struct Driver {
    node: Node,
    socket: UdpSocket,
    offloads: Offloads,
    /// No earlier time goes into handshakes.
    wall_floor: WallTime,
    devices: BTreeMap<NetworkId, TunnelDevice>,
    waker: Arc<Waker>,
    poller: Poller,
    /// Numbers of what is ready; kept, so that waiting allocates nothing.
    ready: Vec<u64>,
    inbox: Receiver<Command>,
    /// From devices.
    inner: PacketBatch,
    /// From the socket.
    outer: PacketBatch,
    sources: Vec<SocketAddr>,
    outbound: Outbound,
    inbound: Inbound,
    /// For devices, beside what came from the socket: errors, and packets that came in parts.
    apart: PacketBatch,
    traffic: Traffic,
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
    ) -> io::Result<Self> {
        socket.set_receive_offload(true);
        let poller = Poller::new()?;
        poller.add(waker.as_fd(), WAKER)?;
        poller.add(socket.as_fd(), SOCKET)?;
        Ok(Self {
            node: Node::new(NodeConfig::default(), seed, monotonic_now()),
            socket,
            offloads: Offloads::default(),
            wall_floor: WallTime(0),
            devices: BTreeMap::new(),
            waker,
            poller,
            ready: Vec::new(),
            inbox,
            inner: PacketBatch::new(INNER_PACKETS_MAX, PACKET_BYTES_MAX),
            outer: PacketBatch::in_regions(OUTER_REGIONS, OUTER_REGION_BYTES, OUTER_PACKETS_MAX),
            sources: Vec::with_capacity(OUTER_PACKETS_MAX),
            outbound: Outbound::new(),
            inbound: Inbound::new(),
            apart: PacketBatch::new(1, PACKET_BYTES_MAX),
            traffic: Traffic::default(),
            device_drops: 0,
            socket_drops: 0,
        })
    }

    /// Runs until the inbox is closed.
    pub(crate) fn run(&mut self) {
        loop {
            if !self.obey() {
                return;
            }
            let now = monotonic_now();
            self.node.handle_timers(now, self.wall(), HANDSHAKES_AT_ONCE);
            let more = self.node.handle_handshakes(now, HANDSHAKES_AT_ONCE);
            self.flush();
            self.wait(more);
            for place in 0..self.ready.len() {
                match self.ready[place] {
                    WAKER => drop(self.waker.clear()),
                    SOCKET => self.receive(),
                    // Numbers of networks have 32 bits.
                    device => self.send_from(NetworkId(device as u32)),
                }
            }
        }
    }

    fn wall(&self) -> WallTime {
        wall_now().max(self.wall_floor)
    }

    /// Waits for packets, a command or a timer, or only looks for them if there is more to do.
    fn wait(&mut self, more: bool) {
        let has_rest = self.devices.values().any(TunnelDevice::has_rest);
        let due = self.node.poll_timeout().map(|(due, _)| due - monotonic_now());
        let timeout = if more || has_rest { Some(Duration::ZERO) } else { due };
        if self.poller.wait(timeout, &mut self.ready).is_err() {
            self.ready.clear();
        }
        if has_rest {
            let rest = self.devices.iter().filter(|(_, device)| device.has_rest());
            for number in rest.map(|(id, _)| u64::from(id.0)) {
                if !self.ready.contains(&number) {
                    self.ready.push(number);
                }
            }
        }
    }

    // === packets ===

    /// From the UDP port to the devices.
    fn receive(&mut self) {
        for _ in 0..TURNS_MAX {
            self.outer.clear();
            self.sources.clear();
            match self.socket.receive_batch(&mut self.outer, &mut self.sources) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.traffic.from_port.note(self.outer.len()),
            }
            let is_last = self.outer.len() >= TURN_PACKETS_MAX;
            let now = monotonic_now();
            let sources = &self.sources;
            self.node.plan_outer(now, |index| sources[index], &self.outer, &mut self.inbound);
            self.inbound.open(&mut self.outer);
            self.node.finish_outer(now, &mut self.outer, &mut self.inbound);
            for arrival in self.inbound.arrivals() {
                let Some(device) = self.devices.get_mut(&arrival.network) else { continue };
                if device.kind() == TunnelKind::StandIn {
                    arrival
                        .packets
                        .iter()
                        .for_each(|packet| self.outer.complete_checksum(*packet as usize));
                }
                let written = device.write(&self.outer, arrival.packets.iter().copied());
                self.traffic.to_devices.note(written.packets);
                self.device_drops += written.dropped as u64;
            }
            self.flush();
            if is_last {
                return;
            }
        }
    }

    /// From a network's device to the UDP port.
    fn send_from(&mut self, network: NetworkId) {
        for _ in 0..TURNS_MAX {
            self.inner.clear();
            let Some(device) = self.devices.get_mut(&network) else { return };
            match device.read_batch(&mut self.inner) {
                Ok(0) => return,
                Ok(_) => self.traffic.from_devices.note(self.inner.len()),
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
                let (packets, route) = (destination.packets.iter(), route(&destination));
                packets.map(move |index| (route, batch.packet(*index as usize)))
            });
            let written = self.socket.send(packets);
            self.traffic.to_port.note(written.packets);
            self.socket_drops += written.dropped as u64;
            // A first packet starts a handshake, which is made when timers are handled.
            self.node.handle_timers(now, self.wall(), HANDSHAKES_AT_ONCE);
            self.flush();
            if self.inner.len() >= TURN_PACKETS_MAX {
                return;
            }
        }
    }

    /// Sends what the engine has made by itself, and forgets its events.
    fn flush(&mut self) {
        while let Some(transmit) = self.node.poll_transmit() {
            let written = self.socket.send([(transmit.to, transmit.datagram.as_slice())]);
            self.socket_drops += written.dropped as u64;
        }
        while let Some(message) = self.node.poll_message() {
            let route = Route { to: message.to, pieces: Pieces::Any, may_fragment: false };
            let datagrams = message.datagrams.iter().map(|datagram| (route, datagram.as_slice()));
            // One that the kernel refuses as too long has found what it was sent for.
            let _ = self.socket.send(datagrams);
        }
        while let Some((network, packet)) = self.node.poll_packet() {
            let Some(device) = self.devices.get_mut(&network) else { continue };
            self.apart.clear();
            let fits = self.apart.push(&packet);
            let dropped = if fits { device.write(&self.apart, [0]).dropped } else { 1 };
            self.device_drops += dropped as u64;
        }
        while self.node.poll_event().is_some() {}
    }
}

fn route(destination: &Destination<'_>) -> Route {
    let pieces = match destination.segmentation {
        Segmentation::Pieces => Pieces::Any,
        Segmentation::EqualPieces => Pieces::Equal,
        Segmentation::Apart => Pieces::None,
    };
    Route { to: destination.to, pieces, may_fragment: destination.may_fragment }
}
