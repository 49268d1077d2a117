//! The process that serves an interface: what `wg` asks, put in force as a whole or not at all.

use super::Wireguard;
use super::clients::Clients;
use super::link::{Link, LinkState};
use crate::output;
use anyhow::{Context as _, bail, ensure};
use netloom_base::Seed;
use netloom_node::limits::KEY_ROTATION;
use netloom_node::{NetworkId, PeerConfig};
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::process;
use netloom_sys::route::link_index;
use netloom_sys::signal::SignalFd;
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use netloom_sys::udp::UdpSocket;
use netloom_sys::unix_socket;
use netloom_tunnel::{NetworkSetup, PeerChanges, Tunnels};
use netloom_vpn::uapi::{self, Request};
use netloom_vpn::{Before, Interface, PeerState};
use netloom_wireguard::{PrivateKey, PublicKey, Suite};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The only network of the driver.
const NETWORK: NetworkId = NetworkId(0);
/// How often it is looked whether the interface and its socket are still there.
const LOOK: Duration = Duration::from_millis(500);
/// The same when the link has just got out of sight: it may be gone.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// For how long that is looked for so often.
const CLEAR_AFTER: Duration = Duration::from_secs(1);
/// Longest wait for a process whose interface is gone to give up the socket.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Of a request this long, with some thousand peers, what it took in memory is given back.
const LONG_REQUEST_BYTES: usize = 100_000;

pub(super) struct Server {
    name: String,
    socket: PathBuf,
    listener: UnixListener,
    clients: Clients,
    /// One more handle of the tunnels' device.
    device: TunnelDevice,
    /// Its link, unless that is where it cannot be watched.
    link: Option<Link>,
    /// When it got there.
    left_at: Option<Instant>,
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

impl Server {
    pub(super) fn start(arguments: &Wireguard) -> anyhow::Result<Self> {
        let name = arguments.interface.clone();
        let here = NamespaceHandle::current().context("this network namespace")?;
        let only = TunnelPreference::Only(TunnelKind::Tun);
        let device = TunnelDevice::create(&here, &name, only)?;
        let handle = device.try_clone().context("cannot serve the interface")?;
        let (link, link_state) = Link::set_up(&name, arguments.mtu)?;
        let (socket, listener) = listen(&arguments.sockets, &name)?;
        let mut seed = [0; 32];
        process::random(&mut seed).context("the kernel gives no randomness")?;
        let udp = UdpSocket::bind_any(0)?;
        let listen_port = udp.local_address().context("the port")?.port();
        let tunnels = Tunnels::start_on(udp.try_clone().context("the port")?, Seed(seed))?;
        tunnels.set_offloads(arguments.offloads())?;
        let server = Self {
            name,
            socket,
            listener,
            clients: Clients::default(),
            device: handle,
            link: Some(link),
            left_at: None,
            link_state,
            tunnels,
            udp,
            interface: Interface::on_port(listen_port),
            earlier: BTreeMap::new(),
            is_awake: false,
            suite: arguments.cipher.into(),
            key_rotation: arguments.rekey_after_s.map_or(KEY_ROTATION, Duration::from_secs),
        };
        let setup = NetworkSetup { device: Some(device), ..server.setup()? };
        server.tunnels.set_network(NETWORK, setup)?;
        Ok(server)
    }

    pub(super) fn serve(&mut self, signals: &SignalFd) -> anyhow::Result<ExitCode> {
        loop {
            let mut set = PollSet::new();
            let socket = set.add(self.listener.as_fd(), Interest::Read);
            let signal = set.add(signals.as_fd(), Interest::Read);
            let links = self.link.as_ref().map(|link| link.watch(&mut set)).unwrap_or_default();
            let clients = self.clients.watch(&mut set);
            let has_left = self.left_at.is_some_and(|at| at.elapsed() < CLEAR_AFTER);
            let look = if has_left { LOOK_AGAIN } else { LOOK };
            set.wait(Some(look)).context("cannot wait")?;
            let is_ready = |number: &usize| set.is_ready(*number);
            let ready: Vec<bool> = clients.iter().map(is_ready).collect();
            let (has_caller, has_news) = (is_ready(&socket), links.iter().any(is_ready));
            if is_ready(&signal) && signals.read()?.is_some() {
                return Ok(ExitCode::SUCCESS);
            }
            if has_news && let Err(error) = self.follow_link() {
                output::error(&format!("{}: {}\n", self.name, output::chain(&error)));
            }
            if self.is_gone()? {
                bail!("the interface {} was removed", self.name);
            }
            self.answer(&ready);
            if has_caller && let Ok((stream, _)) = self.listener.accept() {
                // Who breaks off hears nothing.
                let _ = self.clients.add(stream);
            }
            if !self.socket.exists() {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    fn answer(&mut self, ready: &[bool]) {
        let mut clients = std::mem::take(&mut self.clients);
        let longest_bytes = clients.serve(ready, |text| self.reply(text));
        self.clients = clients;
        if longest_bytes >= LONG_REQUEST_BYTES {
            process::release_freed_memory();
        }
    }

    fn reply(&mut self, text: &str) -> String {
        match Request::parse(text, &link_index) {
            Ok(Request::Get) => self.shown(),
            Ok(Request::Set(change)) => uapi::answer(self.set(*change)),
            Err(error) => {
                output::error(&format!("{}: {error}\n", self.name));
                uapi::answer(error.errno())
            }
        }
    }

    /// Takes over what has become of the link. It is followed into another namespace; where that is refused, it is taken to be
    /// up there.
    fn follow_link(&mut self) -> anyhow::Result<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let now = match link.after_change()? {
            Some(now) => now,
            None => match Link::follow(&self.device) {
                Ok((link, now)) => {
                    self.link = Some(link);
                    now
                }
                Err(_) => {
                    (self.link, self.left_at) = (None, Some(Instant::now()));
                    LinkState { is_up: true, ..self.link_state }
                }
            },
        };
        let before = std::mem::replace(&mut self.link_state, now);
        if before != now {
            self.set_anew(before.is_up != now.is_up).context("the link has changed")?;
        }
        Ok(())
    }

    /// Whether the device is closed: `/sys` may be that of another namespace.
    fn is_gone(&self) -> anyhow::Result<bool> {
        let is_here = Path::new("/sys/class/net").join(&self.name).exists();
        Ok(!(self.link.is_some() && is_here) && self.tunnels.devices()?.is_empty())
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
                    let _ = self.set_anew(false);
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
        for (key, endpoint) in &endpoints {
            self.earlier.entry(*key).or_default().endpoint = Some(*endpoint);
        }
        if self.interface.private_key == before.private_key {
            self.change_peers(before.peers.keys(), endpoints).map_err(failed)?;
        } else {
            self.set_anew(true).map_err(failed)?;
        }
        if let Some((udp, handle)) = moved {
            self.tunnels.set_socket(udp).map_err(|error| failed(error.into()))?;
            self.udp = handle;
        }
        Ok(())
    }

    /// Sets some peers to what the interface has.
    fn change_peers<'k>(
        &self,
        concerned: impl Iterator<Item = &'k PublicKey>,
        endpoints: BTreeMap<PublicKey, SocketAddr>,
    ) -> anyhow::Result<()> {
        if !self.is_awake {
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

    /// Sets the tunnels to the interface and its link. If that ends their sessions, what they were is remembered.
    fn set_anew(&mut self, ends_sessions: bool) -> anyhow::Result<()> {
        if ends_sessions {
            self.earlier = self.states()?;
        }
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

/// Listens at the socket of an interface.
fn listen(folder: &Path, name: &str) -> anyhow::Result<(PathBuf, UnixListener)> {
    let socket = folder.join(format!("{name}.sock"));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}; run as root", folder.display()))?;
    // The name was free, so one that still serves it has lost its interface and is about to leave; in another namespace it
    // may have an interface of the same name, though.
    let start = Instant::now();
    while unix_socket::connect(&socket).is_ok() {
        ensure!(
            start.elapsed() < LEAVE_TIMEOUT,
            "another process serves {}: end it first, or give another folder by --sockets",
            socket.display()
        );
        std::thread::sleep(LOOK_AGAIN);
    }
    // Left over from one that was killed.
    let _ = std::fs::remove_file(&socket);
    let listener = unix_socket::bind(&socket)
        .with_context(|| format!("cannot listen at {}", socket.display()))?;
    listener.set_nonblocking(true).context("cannot listen")?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot protect {}", socket.display()))?;
    Ok((socket, listener))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}
