//! An interface in force: what `wg` has set and how its link is, put into the tunnels as a whole or not at all.

use super::Wireguard;
use super::link::LinkState;
use crate::output;
use anyhow::Context as _;
use netloom_base::Seed;
use netloom_node::limits::KEY_ROTATION;
use netloom_node::{NetworkId, PeerConfig};
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::process;
use netloom_sys::route::link_index;
use netloom_sys::tunnel::TunnelDevice;
use netloom_sys::udp::UdpSocket;
use netloom_tunnel::{NetworkSetup, PeerChanges, Tunnels};
use netloom_vpn::uapi::{self, Request};
use netloom_vpn::{Before, Interface, PeerState};
use netloom_wireguard::{PrivateKey, PublicKey, Suite};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// The only network of the driver.
const NETWORK: NetworkId = NetworkId(0);

pub(super) struct Served {
    pub(super) name: String,
    link_state: LinkState,
    tunnels: Tunnels,
    /// The driver's socket, to be marked.
    udp: UdpSocket,
    interface: Interface,
    /// What peers were before the tunnels were last set anew: where they were heard from, and what they had carried.
    earlier: BTreeMap<PublicKey, PeerState>,
    /// Whether the tunnels have the peers: with a key, while the link is up.
    is_awake: bool,
    suite: Suite,
    /// When sessions are replaced, if that is sooner than two minutes.
    key_rotation: Duration,
}

impl Served {
    /// Begins to serve a device, whose interface has neither key nor peers, on a port of the kernel's choice.
    pub(super) fn start(
        arguments: &Wireguard,
        device: TunnelDevice,
        link_state: LinkState,
    ) -> anyhow::Result<Self> {
        let mut seed = [0; 32];
        process::random(&mut seed).context("the kernel gives no randomness")?;
        let udp = UdpSocket::bind_any(0)?;
        let listen_port = udp.local_address().context("the port")?.port();
        let tunnels = Tunnels::start_on(udp.try_clone().context("the port")?, Seed(seed))?;
        tunnels.set_offloads(arguments.offloads())?;
        let served = Self {
            name: arguments.interface.clone(),
            link_state,
            tunnels,
            udp,
            interface: Interface::on_port(listen_port),
            earlier: BTreeMap::new(),
            is_awake: false,
            suite: arguments.cipher.into(),
            key_rotation: arguments.rekey_after_s.map_or(KEY_ROTATION, Duration::from_secs),
        };
        let setup = NetworkSetup { device: Some(device), ..served.setup()? };
        served.tunnels.set_network(NETWORK, setup)?;
        Ok(served)
    }

    /// Whether the device is closed.
    pub(super) fn is_closed(&self) -> anyhow::Result<bool> {
        Ok(self.tunnels.devices()?.is_empty())
    }

    /// How the link is known to be.
    pub(super) fn link_state(&self) -> LinkState {
        self.link_state
    }

    /// Takes over how the link is by now.
    pub(super) fn set_link_state(&mut self, now: LinkState) -> anyhow::Result<()> {
        let before = std::mem::replace(&mut self.link_state, now);
        if before != now {
            let ends_sessions = before.is_up != now.is_up;
            self.set_anew(ends_sessions, &BTreeMap::new()).context("the link has changed")?;
        }
        Ok(())
    }

    /// Answers a request of `wg`'s.
    pub(super) fn reply(&mut self, text: &str) -> String {
        match Request::parse(text, &link_index) {
            Ok(Request::Get) => self.shown(),
            Ok(Request::Set(change)) => uapi::answer(self.set(*change)),
            Err(error) => {
                output::error(&format!("{}: {error}\n", self.name));
                uapi::answer(error.errno())
            }
        }
    }

    /// Makes a change, or nothing of it; gives the number of an error, or 0.
    fn set(&mut self, change: uapi::Change) -> i32 {
        let endpoints: BTreeMap<PublicKey, SocketAddr> = change
            .peers
            .iter()
            .filter_map(|peer| Some((peer.public_key, peer.endpoint?)))
            .collect();
        let before = self.interface.apply(change);
        match self.put_in_force(&before, endpoints) {
            Ok(()) => {
                let is_there = |key: &PublicKey| self.interface.peers().contains_key(key);
                self.earlier.retain(|key, _| is_there(key));
                0
            }
            Err((errno, error)) => {
                output::error(&format!("{}: {}\n", self.name, output::chain(&error)));
                self.interface.take_back(before);
                // What was accepted once is accepted again.
                let _ = self.udp.set_mark(self.interface.mark);
                if errno == uapi::FAILED {
                    let _ = self.set_anew(false, &BTreeMap::new());
                }
                errno
            }
        }
    }

    /// What can fail comes before anything is changed.
    fn put_in_force(
        &mut self,
        before: &Before,
        endpoints: BTreeMap<PublicKey, SocketAddr>,
    ) -> Result<(), (i32, anyhow::Error)> {
        let failed = |error: anyhow::Error| (uapi::FAILED, error);
        self.interface.check(before).map_err(|error| (uapi::INVALID, error.into()))?;
        let mut moved = None;
        if self.interface.listen_port != before.listen_port {
            let udp = UdpSocket::bind_any(self.interface.listen_port)
                .map_err(|error| (uapi::PORT_TAKEN, error.into()))?;
            let address = udp.local_address().map_err(|error| failed(error.into()))?;
            self.interface.listen_port = address.port();
            let handle = udp.try_clone().map_err(|error| failed(error.into()))?;
            moved = Some((udp, handle));
        }
        let marked = moved.as_ref().map_or(&self.udp, |(_, handle)| handle);
        marked.set_mark(self.interface.mark).map_err(|error| failed(error.into()))?;
        self.forget(&before.removed).map_err(failed)?;
        if self.interface.private_key == before.private_key {
            self.change_peers(before.peers.keys(), endpoints).map_err(failed)?;
        } else {
            self.set_anew(true, &endpoints).map_err(failed)?;
        }
        if let Some((udp, handle)) = moved {
            self.tunnels.set_socket(udp).map_err(|error| failed(error.into()))?;
            self.udp = handle;
        }
        Ok(())
    }

    /// Forgets peers that were removed: those that are there again are new.
    fn forget(&mut self, removed: &BTreeSet<PublicKey>) -> anyhow::Result<()> {
        self.earlier.retain(|key, _| !removed.contains(key));
        if !self.is_awake || removed.is_empty() {
            return Ok(());
        }
        let (network, remove) = (self.name.clone(), removed.iter().copied().collect());
        let changes = PeerChanges { network, remove, ..PeerChanges::default() };
        Ok(self.tunnels.change_peers(NETWORK, changes)?)
    }

    /// Sets some peers to what the interface has, and sends to where they are said to be now.
    fn change_peers<'k>(
        &mut self,
        concerned: impl Iterator<Item = &'k PublicKey>,
        endpoints: BTreeMap<PublicKey, SocketAddr>,
    ) -> anyhow::Result<()> {
        if !self.is_awake {
            self.learn(&endpoints);
            return Ok(());
        }
        let network = self.name.clone();
        let mut changes = PeerChanges { network, endpoints, ..PeerChanges::default() };
        for key in concerned {
            match self.interface.peers().get(key) {
                Some(peer) => drop(changes.set.insert(key.to_string(), self.sealed(peer))),
                None => changes.remove.push(*key),
            }
        }
        Ok(self.tunnels.change_peers(NETWORK, changes)?)
    }

    /// Remembers where peers are said to be, for when the tunnels are set anew.
    fn learn(&mut self, endpoints: &BTreeMap<PublicKey, SocketAddr>) {
        for (key, endpoint) in endpoints {
            self.earlier.entry(*key).or_default().endpoint = Some(*endpoint);
        }
    }

    /// Sets the tunnels to the interface and its link, and sends to where peers are said to be now. If that ends sessions, what
    /// they were is remembered.
    fn set_anew(
        &mut self,
        ends_sessions: bool,
        endpoints: &BTreeMap<PublicKey, SocketAddr>,
    ) -> anyhow::Result<()> {
        if ends_sessions {
            self.earlier = self.states()?;
        }
        self.learn(endpoints);
        self.is_awake = self.link_state.is_up && self.interface.private_key.is_some();
        let mut setup = self.setup()?;
        if ends_sessions {
            let known = |(key, state): (&PublicKey, &PeerState)| Some((*key, state.endpoint?));
            setup.endpoints = self.earlier.iter().filter_map(known).collect();
        }
        Ok(self.tunnels.set_network(NETWORK, setup)?)
    }

    /// A peer with the interface's cipher, of which `wg` knows nothing.
    fn sealed(&self, peer: &PeerConfig) -> PeerConfig {
        PeerConfig { suite: self.suite, ..peer.clone() }
    }

    /// The interface as a network. One without a key gets one that nobody knows; it talks to nobody, as one whose link is
    /// down.
    fn setup(&self) -> anyhow::Result<NetworkSetup> {
        let private_key = match &self.interface.private_key {
            Some(key) => key.clone(),
            None => {
                let mut bytes = [0; 32];
                process::random(&mut bytes).context("the kernel gives no randomness")?;
                PrivateKey::from_bytes(bytes)
            }
        };
        let peers = self.interface.peers().iter().filter(|_| self.is_awake);
        Ok(NetworkSetup {
            name: self.name.clone(),
            private_key,
            mtu_bytes: self.link_state.mtu_bytes,
            key_rotation: self.key_rotation,
            device: None,
            peers: peers.map(|(key, peer)| (key.to_string(), self.sealed(peer))).collect(),
            exits: Vec::new(),
            timestamp_floors: BTreeMap::new(),
            calls: BTreeSet::new(),
            endpoints: BTreeMap::new(),
        })
    }

    /// How peers are, with what they were before the tunnels were last set anew.
    fn states(&self) -> anyhow::Result<BTreeMap<PublicKey, PeerState>> {
        let (now, wall) = (monotonic_now(), wall_now());
        let mut states = self.earlier.clone();
        for ((_, key), peer) in self.tunnels.status()?.peers {
            let since = |time| Duration::from_nanos(wall.0).saturating_sub(now - time);
            let state = states.entry(key).or_default();
            state.endpoint = peer.endpoint.or(state.endpoint);
            state.last_handshake = peer.last_handshake.map(since).or(state.last_handshake);
            state.rx_bytes += peer.rx_bytes;
            state.tx_bytes += peer.tx_bytes;
        }
        Ok(states)
    }

    fn shown(&self) -> String {
        match self.states() {
            Ok(states) => uapi::shown(&self.interface, &states),
            Err(_) => uapi::answer(uapi::FAILED),
        }
    }
}
