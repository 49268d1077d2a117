//! Our end: the driver with a real tunnel device.

use crate::end::{End, Peer, Status};
use crate::ground::TUNNEL_MTU_BYTES;
use anyhow::Context as _;
use netloom_base::Seed;
use netloom_node::limits::KEY_ROTATION;
use netloom_node::{NetworkId, PeerConfig, PeerStatus};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::tunnel::TunnelDevice;
use netloom_sys::udp::UdpSocket;
use netloom_tunnel::{NetworkSetup, Tunnels};
use netloom_wireguard::{PresharedKey, PrivateKey, PublicKey};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const NETWORK: NetworkId = NetworkId(1);
const PEER_NAME: &str = "peer";

/// The driver of one node.
#[derive(Debug)]
pub struct OurEnd {
    namespace: NamespaceHandle,
    tunnels: Tunnels,
    key: PrivateKey,
}

impl OurEnd {
    /// Starts the driver on a UDP port of the namespace, without peers.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn start(
        namespace: &NamespaceHandle,
        device: TunnelDevice,
        key: PrivateKey,
        port: u16,
        seed: Seed,
    ) -> anyhow::Result<Self> {
        let tunnels = namespace.run(|| Tunnels::start(port, seed))??;
        let end = Self { namespace: namespace.try_clone()?, tunnels, key };
        end.set(Some(device), BTreeMap::new())?;
        Ok(end)
    }

    fn set(
        &self,
        device: Option<TunnelDevice>,
        peers: BTreeMap<String, PeerConfig>,
    ) -> anyhow::Result<()> {
        let setup = NetworkSetup {
            name: "interop".to_owned(),
            private_key: self.key.clone(),
            mtu_bytes: TUNNEL_MTU_BYTES as usize,
            key_rotation: KEY_ROTATION,
            device,
            peers,
            exits: Vec::new(),
            timestamp_floors: BTreeMap::new(),
            calls: BTreeSet::new(),
            endpoints: BTreeMap::new(),
        };
        Ok(self.tunnels.set_network(NETWORK, setup)?)
    }

    /// What the engine knows of a peer.
    ///
    /// # Errors
    /// There is no such peer.
    pub fn peer_status(&self, key: &PublicKey) -> anyhow::Result<PeerStatus> {
        let status = self.tunnels.status()?;
        status.peers.get(&(NETWORK, *key)).copied().context("our end does not know the peer")
    }

    /// How many packets were dropped for a reason.
    ///
    /// # Errors
    /// The driver has ended.
    pub fn dropped(&self, reason: &str) -> anyhow::Result<u64> {
        Ok(self.tunnels.status()?.drops.get(reason).copied().unwrap_or(0))
    }
}

impl End for OurEnd {
    fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    fn set_peer(&mut self, peer: &Peer) -> anyhow::Result<()> {
        let config = PeerConfig {
            psk: peer.psk.map(PresharedKey::from_bytes),
            endpoint: peer.endpoint,
            allowed: peer.allowed.clone(),
            keepalive: peer.keepalive,
            ..PeerConfig::new(peer.public_key)
        };
        self.set(None, BTreeMap::from([(PEER_NAME.to_owned(), config)]))
    }

    fn forget_peer(&mut self, _key: &PublicKey) -> anyhow::Result<()> {
        self.set(None, BTreeMap::new())
    }

    fn status(&self, key: &PublicKey) -> anyhow::Result<Status> {
        let status = self.peer_status(key)?;
        Ok(Status {
            endpoint: status.endpoint,
            last_handshake: Duration::from_nanos(status.last_handshake.map_or(0, |time| time.0)),
            rx_bytes: status.rx_bytes,
        })
    }

    fn move_to_port(&mut self, port: u16) -> anyhow::Result<()> {
        let socket = self.namespace.run(|| UdpSocket::bind_any(port))??;
        Ok(self.tunnels.set_socket(socket)?)
    }

    fn last_words(&self) -> String {
        match self.tunnels.status() {
            Ok(status) => format!("drops {:?}", status.drops),
            Err(error) => error.to_string(),
        }
    }
}
