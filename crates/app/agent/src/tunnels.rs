//! The node's tunnels as the plan wants them, and how they are doing.

use crate::desired::PrivateKeys;
use crate::endpoints::Endpoints;
use crate::memory::{Memory, Remembered};
use crate::promise::Promise;
use crate::protocol::PeerStatus;
use anyhow::{Context as _, bail};
use netloom_base::{Seed, Time};
use netloom_node::{Exit, NetworkId, PeerConfig};
use netloom_plan::peers::{Cipher, PeerPlan};
use netloom_plan::{NetworkPlan, NodePlan};
use netloom_sys::Executor;
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::processor::has_aes_gcm;
use netloom_sys::tunnel::TunnelKind;
use netloom_tunnel::{NetworkSetup, TunnelStatus, Tunnels};
use netloom_wireguard::{PrivateKey, PublicKey, Suite, Tai64n};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

mod stock;
mod totals;

/// The tunnels of a node.
pub(crate) struct NodeTunnels {
    tunnels: Tunnels,
    memory: Memory,
    promise: Promise,
    ids: BTreeMap<String, NetworkId>,
    endpoints: Endpoints,
    started: Time,
}

impl NodeTunnels {
    pub(crate) fn start(state: &Path, listen_port: u16) -> anyhow::Result<Self> {
        let mut seed = [0; 32];
        netloom_sys::process::random(&mut seed).context("the kernel gives no randomness")?;
        let promise = Promise::begin(state, wall_now());
        let tunnels = Tunnels::start(listen_port, Seed(seed))?;
        tunnels.raise_wall_floor(promise.floor())?;
        Ok(Self {
            tunnels,
            memory: Memory::open(state),
            promise,
            ids: BTreeMap::new(),
            endpoints: Endpoints::default(),
            started: monotonic_now(),
        })
    }

    /// What could make [`Self::set`] fail, found before anything is changed.
    pub(crate) fn check(plan: &NodePlan, keys: &PrivateKeys) -> anyhow::Result<()> {
        let mut owners: Vec<(&String, &PrivateKey)> = Vec::new();
        for name in plan.networks.keys() {
            let Some(key) = keys.get(name) else {
                bail!("the node has no key of network `{name}`");
            };
            if let Some((other, _)) = owners.iter().find(|(_, known)| *known == key) {
                bail!(
                    "the networks `{other}` and `{name}` have the same private key here, and one port, so that peers of \
                     the two could not be told apart; give one of them a key of its own, as `wg genkey` prints it, and \
                     its peers the public key of that"
                );
            }
            owners.push((name, key));
        }
        let (count, max) = (plan.networks.len(), netloom_node::limits::NETWORKS_MAX);
        anyhow::ensure!(count <= max, "a node takes part in at most {max} networks, not {count}");
        stock::check(plan)
    }

    /// Asks where stock peers are; whether one is known now that was not, and is to be set.
    pub(crate) fn has_new_endpoint(&mut self) -> bool {
        self.endpoints.tend(monotonic_now())
    }

    /// Whether a network of the plan has lost its device since it was set.
    pub(crate) fn has_lost_device(&self, plan: &NodePlan) -> bool {
        let Ok(devices) = self.tunnels.devices() else { return false };
        let known = plan.networks.keys().filter_map(|name| self.ids.get(name));
        known.into_iter().any(|id| !devices.contains_key(id))
    }

    /// Sets networks and peers to the plan; devices that the executor has made are taken over.
    pub(crate) fn set(
        &mut self,
        plan: &NodePlan,
        keys: &PrivateKeys,
        executor: &mut Executor,
    ) -> anyhow::Result<()> {
        let gone: Vec<String> =
            self.ids.keys().filter(|name| !plan.networks.contains_key(*name)).cloned().collect();
        for network in gone {
            if let Some(id) = self.ids.remove(&network) {
                self.tunnels.remove_network(id)?;
            }
        }
        for (name, network) in &plan.networks {
            let private_key = &keys[name];
            let setup = NetworkSetup {
                name: name.clone(),
                private_key: private_key.clone(),
                mtu_bytes: network.mtu_bytes as usize,
                key_rotation: network.key_rotation,
                device: executor.take_tunnel(&network.tunnel),
                peers: self.peers(name, network)?,
                exits: exits(network),
                timestamp_floors: self.floors(name, network),
                calls: self.calls(name, network),
                endpoints: BTreeMap::new(),
            };
            let id = self.id(name);
            self.tunnels.set_network(id, setup)?;
        }
        Ok(())
    }

    fn id(&mut self, name: &str) -> NetworkId {
        let next = self.ids.values().map(|id| id.0 + 1).max().unwrap_or(1);
        *self.ids.entry(name.to_owned()).or_insert(NetworkId(next))
    }

    fn peers(
        &mut self,
        name: &str,
        network: &NetworkPlan,
    ) -> anyhow::Result<BTreeMap<String, PeerConfig>> {
        let config = |peer: &PeerPlan| {
            let public_key = PublicKey::from_bytes(peer.public_key);
            PeerConfig {
                endpoint: peer.endpoint.or_else(|| self.memory.peer(name, &public_key).endpoint),
                allowed: peer.allowed.clone(),
                sends_from: peer.sends_from.clone(),
                keepalive: peer.keepalive,
                suite: suite(peer.cipher),
                is_node: true,
                ..PeerConfig::new(public_key)
            }
        };
        let mut peers: BTreeMap<_, _> =
            network.peers.iter().map(|(name, peer)| (name.clone(), config(peer))).collect();
        for (peer, plan) in &network.stock_peers {
            let known = |key: &PublicKey| self.memory.peer(name, key).endpoint;
            if let Some(config) = stock::config(plan, &mut self.endpoints, known)? {
                peers.insert(peer.clone(), config);
            }
        }
        Ok(peers)
    }

    /// Who had a session before this start, the first time that a network is set.
    fn calls(&self, name: &str, network: &NetworkPlan) -> BTreeSet<PublicKey> {
        if self.ids.contains_key(name) {
            return BTreeSet::new();
        }
        keys(network).filter(|key| self.memory.peer(name, key).had_session).collect()
    }

    fn floors(&self, name: &str, network: &NetworkPlan) -> BTreeMap<PublicKey, Tai64n> {
        let keys = keys(network);
        keys.filter_map(|key| Some((key, self.memory.peer(name, &key).timestamp()?))).collect()
    }

    /// Remembers where peers are, for the next start.
    pub(crate) fn remember(&mut self) -> anyhow::Result<()> {
        self.promise.renew(wall_now());
        let status = self.tunnels.status()?;
        let mut peers: BTreeMap<String, BTreeMap<String, Remembered>> = BTreeMap::new();
        for ((id, key), peer) in &status.peers {
            let Some((network, _)) = self.ids.iter().find(|(_, other)| *other == id) else {
                continue;
            };
            let age = monotonic_now() - self.started;
            let earlier = self.memory.peer(network, key);
            let had_session = earlier.may_have_session(peer.has_session, age);
            let endpoint = peer.endpoint;
            let known = Remembered { endpoint, newest_handshake: None, had_session };
            let known = known.with_timestamp(peer.newest_timestamp);
            peers.entry(network.clone()).or_default().insert(key.to_string(), known);
        }
        self.memory.keep(peers);
        Ok(())
    }

    pub(crate) fn status(&self) -> anyhow::Result<TunnelStatus> {
        Ok(self.tunnels.status()?)
    }

    /// How the peers of a network are doing, and the kind of its device.
    pub(crate) fn of_network(
        &self,
        status: &TunnelStatus,
        name: &str,
        network: &NetworkPlan,
    ) -> (BTreeMap<String, PeerStatus>, &'static str) {
        let id = self.ids.get(name).copied().unwrap_or(NetworkId(0));
        let device = match status.devices.get(&id) {
            Some(TunnelKind::Tun) => "tun",
            Some(TunnelKind::StandIn) => "stand-in",
            None => "none",
        };
        let peers = network.peers.iter().filter_map(|(name, plan)| {
            let key = PublicKey::from_bytes(plan.public_key);
            let now = status.peers.get(&(id, key))?;
            Some((name.clone(), peer_status(plan, now)))
        });
        (peers.collect(), device)
    }
}

/// Where a network's packets go that are for nobody in it: to nodes whose keys are known.
fn exits(network: &NetworkPlan) -> Vec<Exit> {
    let key =
        |node: &String| network.peers.get(node).map(|peer| PublicKey::from_bytes(peer.public_key));
    let exits = network.exits.iter().map(|exit| Exit {
        from: exit.from,
        to: exit.to,
        peers: exit.nodes.iter().filter_map(key).collect(),
    });
    exits.filter(|exit| !exit.peers.is_empty()).collect()
}

/// The keys of all peers of a network.
fn keys(network: &NetworkPlan) -> impl Iterator<Item = PublicKey> {
    let stock = network.stock_peers.values().filter_map(|peer| peer.public_key);
    let nodes = network.peers.values().map(|peer| peer.public_key);
    nodes.chain(stock).map(PublicKey::from_bytes)
}

fn peer_status(plan: &PeerPlan, now: &netloom_node::PeerStatus) -> PeerStatus {
    PeerStatus {
        keepalive: plan.keepalive.is_some(),
        cipher_reason: cipher_reason(plan.cipher, now.suite),
        ..seen(now)
    }
}

/// What the engine knows of any peer.
fn seen(now: &netloom_node::PeerStatus) -> PeerStatus {
    PeerStatus {
        endpoint: now.endpoint,
        has_session: now.has_session,
        handshakes: now.handshakes,
        handshake_age_s: now.last_handshake.map(|last| (monotonic_now() - last).as_secs()),
        rx_bytes: now.rx_bytes,
        tx_bytes: now.tx_bytes,
        cipher: now.suite.map(|suite| suite.to_string()),
        path_mtu_bytes: now.path_bytes.map(|bytes| bytes as u64),
        round_trip_us: now
            .round_trip
            .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        segmentation: now.segmentation.map(|segmentation| segmentation.to_string()),
        segmentation_faults: now.canary.1,
        has_post_quantum_key: now.key_exchange.0,
        key_exchanges: now.key_exchange.1,
        ..PeerStatus::default()
    }
}

fn suite(cipher: Cipher) -> Suite {
    match cipher {
        Cipher::AesGcm => Suite::Aes256Gcm,
        Cipher::ChaChaHere | Cipher::ChaChaThere => Suite::ChaCha20Poly1305,
    }
}

/// Why sessions with a peer are sealed as they are, or will be from the next handshake on.
fn cipher_reason(cipher: Cipher, current: Option<Suite>) -> String {
    let why = match cipher {
        Cipher::AesGcm => "both processors have AES instructions",
        Cipher::ChaChaHere if has_aes_gcm() => {
            "control does not say that this node's processor has AES instructions; it may be older"
        }
        Cipher::ChaChaHere => "this node's processor has no AES instructions",
        Cipher::ChaChaThere => "the peer has not said that its processor has AES instructions",
    };
    match current {
        Some(current) if current != suite(cipher) => {
            format!("{} from the next handshake on: {why}", suite(cipher))
        }
        Some(_) | None => why.to_owned(),
    }
}
