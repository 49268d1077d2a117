//! What the driver is asked between two batches: other networks, other peers, how it is.

use super::Engine;
use super::devices::Order;
use super::outward::Reader;
use super::port::{Port, SOCKET, Writer};
use crate::{NetworkSetup, Offloads, PeerChanges, TunnelServiceError, TunnelStatus};
use netloom_base::WallTime;
use netloom_node::{NetworkConfig, NetworkId, PeerConfig};
use netloom_sys::clock::monotonic_now;
use netloom_sys::tunnel::{TunnelDevice, TunnelKind};
use netloom_sys::udp::UdpSocket;
use netloom_wireguard::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, TryRecvError};

/// What the driver is asked to do, with the place for the answer.
pub(crate) enum Command {
    SetNetwork(NetworkId, Box<NetworkSetup>, Sender<Result<(), TunnelServiceError>>),
    ChangePeers(NetworkId, Box<PeerChanges>, Sender<Result<(), TunnelServiceError>>),
    RemoveNetwork(NetworkId, Sender<()>),
    SetSocket(UdpSocket, Sender<io::Result<()>>),
    RaiseWallFloor(WallTime, Sender<()>),
    SetOffloads(Offloads, Sender<()>),
    Devices(Sender<BTreeMap<NetworkId, TunnelKind>>),
    Status(Sender<TunnelStatus>),
}

impl Port {
    /// Does what was asked for; whether the thread goes on.
    pub(super) fn obey(&mut self) -> bool {
        loop {
            // An asker that has gone away needs no answer.
            match self.inbox.try_recv() {
                Ok(Command::SetNetwork(id, setup, reply)) => {
                    let _ = reply.send(self.set_network(id, *setup));
                }
                Ok(Command::ChangePeers(id, changes, reply)) => {
                    let _ = reply.send(self.shared.engine().change_peers(id, *changes));
                }
                Ok(Command::RemoveNetwork(id, reply)) => {
                    self.shared.engine().node.remove_network(id);
                    self.close(id);
                    let _ = reply.send(());
                }
                Ok(Command::SetOffloads(offloads, reply)) => {
                    self.offloads = offloads;
                    self.apply_to_socket();
                    let _ = reply.send(());
                }
                Ok(Command::SetSocket(socket, reply)) => {
                    let _ = reply.send(self.set_socket(socket));
                }
                Ok(Command::RaiseWallFloor(floor, reply)) => {
                    self.wall_floor = self.wall_floor.max(floor);
                    let _ = reply.send(());
                }
                Ok(Command::Devices(reply)) => drop(reply.send(self.device_kinds())),
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
        let NetworkSetup { name, private_key, mtu_bytes, key_rotation, .. } = setup;
        let NetworkSetup { device, peers, exits, timestamp_floors, calls, endpoints, .. } = setup;
        let now = monotonic_now();
        let config = NetworkConfig { private_key, mtu_bytes, key_rotation };
        let stay: Vec<_> = peers.values().map(|peer| peer.public_key).collect();
        let own = config.private_key.public();
        let mut engine = self.shared.engine();
        // A peer that goes may leave its key to the network.
        if !stay.contains(&own) {
            engine.node.remove_peer(id, &own);
        }
        let set = engine.node.set_network(now, id, &config);
        drop(engine);
        set.map_err(|source| TunnelServiceError::Network { network: name.clone(), source })?;
        if let Some(device) = device {
            self.open(id, device)?;
        }
        self.order(Order::Room(id, mtu_bytes))?;
        let mut engine = self.shared.engine();
        let gone: Vec<_> =
            engine.node.peers(id).map(|(key, _)| key).filter(|key| !stay.contains(key)).collect();
        for key in gone {
            engine.node.remove_peer(id, &key);
        }
        engine.set_peers(id, &name, peers)?;
        engine.send_to(id, &endpoints);
        engine.node.set_exits(id, exits);
        for (key, floor) in timestamp_floors {
            engine.node.set_timestamp_floor(id, &key, floor);
        }
        for key in stay {
            engine.node.answer_early_call(now, id, &key);
        }
        for key in calls {
            engine.node.call_peer(now, id, &key);
        }
        Ok(())
    }

    /// Takes a device in place of the one that the network had.
    fn open(&mut self, id: NetworkId, mut device: TunnelDevice) -> Result<(), TunnelServiceError> {
        device.set_offloads(self.offloads.device);
        device.leave_checksums(true);
        self.devices.remove(&id);
        let is_gone = Arc::new(AtomicBool::new(false));
        let handle = device.try_clone().map_err(TunnelServiceError::Poll)?;
        let reader = Reader::new(handle, Arc::clone(&is_gone));
        self.order(Order::Open(id, Box::new(reader)))?;
        self.devices.insert(id, Writer { device, is_gone });
        Ok(())
    }

    /// Lets go of a network's device, which ends its link.
    fn close(&mut self, id: NetworkId) {
        self.devices.remove(&id);
        // A thread that has ended holds none.
        let _ = self.order(Order::Close(id));
    }

    fn set_socket(&mut self, socket: UdpSocket) -> io::Result<()> {
        let outlet = socket.try_clone()?;
        let _ = self.poller.remove(self.socket.as_fd());
        self.socket = socket;
        *self.shared.outlet() = outlet;
        self.apply_to_socket();
        self.poller.add(self.socket.as_fd(), SOCKET)
    }

    fn apply_to_socket(&mut self) {
        self.socket.set_receive_offload(self.offloads.receive);
        self.shared.outlet().set_send_offload(self.offloads.send);
    }

    /// The devices whose links are there.
    fn present(&self) -> impl Iterator<Item = (NetworkId, &TunnelDevice)> {
        let present = |(_, writer): &(_, &Writer)| !writer.is_gone.load(Ordering::Acquire);
        self.devices.iter().filter(present).map(|(id, writer)| (*id, &writer.device))
    }

    fn device_kinds(&self) -> BTreeMap<NetworkId, TunnelKind> {
        self.present().map(|(id, device)| (id, device.kind())).collect()
    }

    fn status(&self) -> TunnelStatus {
        let mut status = self.shared.engine().status();
        status.devices = self.device_kinds();
        status.offloads = self.present().map(|(id, device)| (id, device.offloads())).collect();
        status.has_send_offload = self.shared.outlet().has_send_offload();
        status
    }
}

impl Engine {
    /// Changes some peers and leaves the others as they are: the cost is that of the change.
    fn change_peers(
        &mut self,
        id: NetworkId,
        changes: PeerChanges,
    ) -> Result<(), TunnelServiceError> {
        let PeerChanges { network, set, remove, endpoints } = changes;
        for key in &remove {
            self.node.remove_peer(id, key);
        }
        let keys: Vec<_> = set.values().map(|peer| peer.public_key).collect();
        self.set_peers(id, &network, set)?;
        self.send_to(id, &endpoints);
        for key in keys {
            self.node.answer_early_call(monotonic_now(), id, &key);
        }
        Ok(())
    }

    fn set_peers(
        &mut self,
        id: NetworkId,
        network: &str,
        peers: BTreeMap<String, PeerConfig>,
    ) -> Result<(), TunnelServiceError> {
        let now = monotonic_now();
        self.release_moved_prefixes(id, &peers);
        for (peer, config) in peers {
            self.node.set_peer(now, id, config).map_err(|source| TunnelServiceError::Peer {
                network: network.to_owned(),
                peer,
                source: Box::new(source),
            })?;
        }
        Ok(())
    }

    fn send_to(&mut self, id: NetworkId, endpoints: &BTreeMap<PublicKey, SocketAddr>) {
        for (key, endpoint) in endpoints {
            self.node.set_peer_endpoint(monotonic_now(), id, key, Some(*endpoint));
        }
    }

    /// An address that moves from one peer to another must leave the first before it can be the
    /// second's; peers are therefore first cut down to what stays theirs.
    fn release_moved_prefixes(&mut self, id: NetworkId, peers: &BTreeMap<String, PeerConfig>) {
        let now = monotonic_now();
        for peer in peers.values() {
            if let Some(before) = self.node.peer_config(id, &peer.public_key) {
                let stay: BTreeSet<_> = peer.allowed.iter().collect();
                let mut less = before.clone();
                less.allowed.retain(|prefix| stay.contains(prefix));
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
        let counters = self.node.counters();
        let engine = counters.drops().map(|(reason, count)| (format!("{reason:?}"), count));
        status.drops = engine.collect();
        status.drops.insert("DeviceRefused".to_owned(), self.device_drops);
        status.drops.insert("SocketRefused".to_owned(), self.socket_drops);
        status.packets = (counters.sealed_packets, counters.opened_packets);
        status.traffic = self.traffic;
        status
    }
}
