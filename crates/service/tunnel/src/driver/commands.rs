//! What the driver is asked between two batches: other networks, other peers, how it is.

use super::{Driver, INNER_PACKETS_MAX, SOCKET};
use crate::{NetworkSetup, Offloads, PeerChanges, TunnelServiceError, TunnelStatus};
use netloom_base::{PacketBatch, WallTime};
use netloom_node::{NetworkConfig, NetworkId, PeerConfig};
use netloom_sys::clock::monotonic_now;
use netloom_sys::tunnel::TunnelKind;
use netloom_sys::udp::UdpSocket;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
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

impl Driver {
    /// Does what was asked for; whether the driver goes on.
    pub(super) fn obey(&mut self) -> bool {
        loop {
            // An asker that has gone away needs no answer.
            match self.inbox.try_recv() {
                Ok(Command::SetNetwork(id, setup, reply)) => {
                    let _ = reply.send(self.set_network(id, *setup));
                }
                Ok(Command::ChangePeers(id, changes, reply)) => {
                    let _ = reply.send(self.change_peers(id, *changes));
                }
                Ok(Command::RemoveNetwork(id, reply)) => {
                    self.node.remove_network(id);
                    self.devices.remove(&id);
                    let _ = reply.send(());
                }
                Ok(Command::SetOffloads(offloads, reply)) => {
                    self.offloads = offloads;
                    self.apply_to_socket();
                    let _ = reply.send(());
                }
                Ok(Command::SetSocket(socket, reply)) => {
                    let _ = self.poller.remove(self.socket.as_fd());
                    self.socket = socket;
                    self.apply_to_socket();
                    let _ = reply.send(self.poller.add(self.socket.as_fd(), SOCKET));
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
        let NetworkSetup { device, peers, exits, timestamp_floors, calls, .. } = setup;
        let now = monotonic_now();
        let config = NetworkConfig { private_key, mtu_bytes, key_rotation };
        self.node
            .set_network(now, id, &config)
            .map_err(|source| TunnelServiceError::Network { network: name.clone(), source })?;
        self.make_room(mtu_bytes);
        if let Some(mut device) = device {
            device.set_offloads(self.offloads.device);
            device.leave_checksums(true);
            self.devices.remove(&id);
            let number = u64::from(id.0);
            self.poller.add(device.as_fd(), number).map_err(TunnelServiceError::Poll)?;
            self.devices.insert(id, device);
        }
        let stay: Vec<_> = peers.values().map(|peer| peer.public_key).collect();
        let gone: Vec<_> =
            self.node.peers(id).map(|(key, _)| key).filter(|key| !stay.contains(key)).collect();
        for key in gone {
            self.node.remove_peer(id, &key);
        }
        self.set_peers(id, &name, peers)?;
        self.node.set_exits(id, exits);
        for (key, floor) in timestamp_floors {
            self.node.set_timestamp_floor(id, &key, floor);
        }
        for key in stay {
            self.node.answer_early_call(now, id, &key);
        }
        for key in calls {
            self.node.call_peer(now, id, &key);
        }
        Ok(())
    }

    fn apply_to_socket(&mut self) {
        self.socket.set_receive_offload(self.offloads.receive);
        self.socket.set_send_offload(self.offloads.send);
    }

    /// Room for packets of a network: those of the largest.
    fn make_room(&mut self, mtu_bytes: usize) {
        if mtu_bytes > self.inner.packet_bytes_max() {
            self.inner = PacketBatch::new(INNER_PACKETS_MAX, mtu_bytes);
        }
    }

    /// Changes some peers and leaves the others as they are: the cost is that of the change.
    fn change_peers(
        &mut self,
        id: NetworkId,
        changes: PeerChanges,
    ) -> Result<(), TunnelServiceError> {
        let PeerChanges { network, set, remove } = changes;
        for key in &remove {
            self.node.remove_peer(id, key);
        }
        let keys: Vec<_> = set.values().map(|peer| peer.public_key).collect();
        self.set_peers(id, &network, set)?;
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

    /// An address that moves from one peer to another must leave the first before it can be the
    /// second's; peers are therefore first cut down to what stays theirs.
    fn release_moved_prefixes(&mut self, id: NetworkId, peers: &BTreeMap<String, PeerConfig>) {
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

    fn device_kinds(&self) -> BTreeMap<NetworkId, TunnelKind> {
        self.devices.iter().map(|(id, device)| (*id, device.kind())).collect()
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
        status.devices = self.device_kinds();
        let engine = self.node.counters().drops();
        status.drops = engine.map(|(reason, count)| (format!("{reason:?}"), count)).collect();
        status.packets = (self.node.counters().sealed_packets, self.node.counters().opened_packets);
        status.traffic = self.traffic;
        let offloads = self.devices.iter().map(|(id, device)| (*id, device.offloads()));
        status.offloads = offloads.collect();
        status.has_send_offload = self.socket.has_send_offload();
        status.drops.insert("DeviceRefused".to_owned(), self.device_drops);
        status.drops.insert("SocketRefused".to_owned(), self.socket_drops);
        status
    }
}
