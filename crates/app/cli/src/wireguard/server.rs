//! The process that serves an interface: what `wg` asks, put in force as a whole or not at all.

use super::Wireguard;
use crate::output;
use anyhow::{Context as _, bail, ensure};
use netloom_base::Seed;
use netloom_node::limits::KEY_ROTATION;
use netloom_node::{NetworkId, PeerConfig};
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::process;
use netloom_sys::route::configure_link;
use netloom_sys::signal::SignalFd;
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use netloom_sys::udp::UdpSocket;
use netloom_sys::unix_socket;
use netloom_tunnel::{NetworkSetup, PeerChanges, Tunnels};
use netloom_vpn::uapi::{self, Request};
use netloom_vpn::{Before, Interface, PeerState};
use netloom_wireguard::{PrivateKey, PublicKey, Suite};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The only network of the driver.
const NETWORK: NetworkId = NetworkId(0);
/// How often it is looked whether the interface and its socket are still there.
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for a request that has begun.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Of a request this long, with some thousand peers, what it took in memory is given back.
const LONG_REQUEST_BYTES: usize = 100_000;

pub(super) struct Server {
    name: String,
    mtu_bytes: usize,
    socket: PathBuf,
    listener: UnixListener,
    tunnels: Tunnels,
    /// The driver's socket, to be marked.
    udp: UdpSocket,
    interface: Interface,
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
        let mut netlink =
            NetlinkSocket::open(Protocol::Route).context("cannot reach the kernel")?;
        configure_link(&mut netlink, &name, arguments.mtu, None)
            .with_context(|| format!("cannot set the MTU of {name}"))?;
        let socket = arguments.sockets.join(format!("{name}.sock"));
        std::fs::create_dir_all(&arguments.sockets)
            .with_context(|| format!("cannot make {}; run as root", arguments.sockets.display()))?;
        ensure!(
            unix_socket::connect(&socket).is_err(),
            "another process serves {}: end it first",
            socket.display()
        );
        // Left over from one that was killed.
        let _ = std::fs::remove_file(&socket);
        let listener = unix_socket::bind(&socket)
            .with_context(|| format!("cannot listen at {}", socket.display()))?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("cannot protect {}", socket.display()))?;
        let mut seed = [0; 32];
        process::random(&mut seed).context("the kernel gives no randomness")?;
        let udp = UdpSocket::bind_any(0)?;
        let listen_port = udp.local_address().context("the port")?.port();
        let tunnels = Tunnels::start_on(udp.try_clone().context("the port")?, Seed(seed))?;
        tunnels.set_offloads(arguments.offloads())?;
        let interface = Interface::on_port(listen_port);
        let mtu_bytes = arguments.mtu as usize;
        let key_rotation = arguments.rekey_after_s.map_or(KEY_ROTATION, Duration::from_secs);
        let suite = arguments.cipher.into();
        let server = Self {
            name,
            mtu_bytes,
            socket,
            listener,
            tunnels,
            udp,
            interface,
            suite,
            key_rotation,
        };
        let setup = NetworkSetup { device: Some(device), ..server.setup(&server.interface)? };
        server.tunnels.set_network(NETWORK, setup)?;
        Ok(server)
    }

    pub(super) fn serve(&mut self, signals: &SignalFd) -> anyhow::Result<ExitCode> {
        loop {
            let mut set = PollSet::new();
            let socket = set.add(self.listener.as_fd(), Interest::Read);
            let signal = set.add(signals.as_fd(), Interest::Read);
            set.wait(Some(LOOK)).context("cannot wait")?;
            if set.is_ready(signal) && signals.read()?.is_some() {
                return Ok(ExitCode::SUCCESS);
            }
            if set.is_ready(socket)
                && let Ok((stream, _)) = self.listener.accept()
            {
                // Who breaks off hears nothing.
                if self.answer(&stream).unwrap_or(0) >= LONG_REQUEST_BYTES {
                    process::release_freed_memory();
                }
            }
            if !self.socket.exists() {
                return Ok(ExitCode::SUCCESS);
            }
            if !Path::new("/sys/class/net").join(&self.name).exists() && self.is_gone()? {
                bail!("the interface {} was removed", self.name);
            }
        }
    }

    /// Whether the device is closed: `/sys` may be that of another namespace.
    fn is_gone(&self) -> anyhow::Result<bool> {
        Ok(self.tunnels.devices()?.is_empty())
    }

    /// Answers requests until the other end has no more; gives the bytes of the longest one.
    fn answer(&mut self, stream: &UnixStream) -> std::io::Result<usize> {
        stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
        let mut reader = BufReader::new(stream);
        let mut longest_bytes = 0;
        loop {
            let mut text = String::new();
            loop {
                let limit = (uapi::REQUEST_BYTES_MAX - text.len()) as u64;
                let read = reader.by_ref().take(limit).read_line(&mut text)?;
                if read == 0 {
                    return Ok(longest_bytes);
                }
                if text.ends_with("\n\n") || text == "\n" {
                    break;
                }
            }
            longest_bytes = longest_bytes.max(text.len());
            let answer = match Request::parse(&text) {
                Ok(Request::Get) => self.shown(),
                Ok(Request::Set(change)) => uapi::answer(self.set(*change)),
                Err(error) => {
                    output::error(&format!("{}: {error}\n", self.name));
                    uapi::answer(error.errno())
                }
            };
            let mut writer = stream;
            writer.write_all(answer.as_bytes())?;
        }
    }

    /// Makes a change, or nothing of it; gives the number of an error, or 0.
    fn set(&mut self, change: uapi::Change) -> i32 {
        let before = self.interface.apply(change);
        match self.put_in_force(&before) {
            Ok(()) => 0,
            Err((errno, error)) => {
                output::error(&format!("{}: {error:#}\n", self.name));
                let concerned: Vec<PublicKey> = before.peers.keys().copied().collect();
                let is_other = self.interface.private_key != before.private_key;
                self.interface.take_back(before);
                // What was accepted once is accepted again.
                let _ = self.udp.set_mark(self.interface.mark);
                let _ = self.set_peers(is_other, concerned.iter());
                errno
            }
        }
    }

    /// What can fail comes before anything is changed.
    fn put_in_force(&mut self, before: &Before) -> Result<(), (i32, anyhow::Error)> {
        let failed = |error: anyhow::Error| (uapi::FAILED, error);
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
        let is_other = self.interface.private_key != before.private_key;
        self.set_peers(is_other, before.peers.keys()).map_err(failed)?;
        if let Some((udp, handle)) = moved {
            self.tunnels.set_socket(udp).map_err(|error| failed(error.into()))?;
            self.udp = handle;
        }
        Ok(())
    }

    /// Sets some peers to what the interface has, or all of them where it has another key.
    fn set_peers<'k>(
        &self,
        is_other: bool,
        concerned: impl Iterator<Item = &'k PublicKey>,
    ) -> anyhow::Result<()> {
        if is_other {
            return Ok(self.tunnels.set_network(NETWORK, self.setup(&self.interface)?)?);
        }
        // Without a key there is nobody to talk to.
        if self.interface.private_key.is_none() {
            return Ok(());
        }
        let mut changes = PeerChanges { network: self.name.clone(), ..PeerChanges::default() };
        for key in concerned {
            match self.interface.peers().get(key) {
                Some(peer) => drop(changes.set.insert(key.to_string(), self.sealed(peer))),
                None => changes.remove.push(*key),
            }
        }
        Ok(self.tunnels.change_peers(NETWORK, changes)?)
    }

    /// A peer with the interface's cipher, of which `wg` knows nothing.
    fn sealed(&self, peer: &PeerConfig) -> PeerConfig {
        PeerConfig { suite: self.suite, ..peer.clone() }
    }

    /// The network of an interface. One without a key gets one that nobody knows, and no peers.
    fn setup(&self, interface: &Interface) -> anyhow::Result<NetworkSetup> {
        let (private_key, peers) = match &interface.private_key {
            Some(key) => {
                let peers = interface.peers().iter();
                (
                    key.clone(),
                    peers.map(|(key, peer)| (key.to_string(), self.sealed(peer))).collect(),
                )
            }
            None => {
                let mut bytes = [0; 32];
                process::random(&mut bytes).context("the kernel gives no randomness")?;
                (PrivateKey::from_bytes(bytes), BTreeMap::new())
            }
        };
        Ok(NetworkSetup {
            name: self.name.clone(),
            private_key,
            mtu_bytes: self.mtu_bytes,
            key_rotation: self.key_rotation,
            device: None,
            peers,
            exits: Vec::new(),
            timestamp_floors: BTreeMap::new(),
            calls: BTreeSet::new(),
        })
    }

    fn shown(&self) -> String {
        let Ok(status) = self.tunnels.status() else { return uapi::answer(uapi::FAILED) };
        let (now, wall) = (monotonic_now(), wall_now());
        let states = status.peers.into_iter().map(|((_, key), peer)| {
            let since = |time| Duration::from_nanos(wall.0).saturating_sub(now - time);
            let state = PeerState {
                endpoint: peer.endpoint,
                last_handshake: peer.last_handshake.map(since),
                rx_bytes: peer.rx_bytes,
                tx_bytes: peer.tx_bytes,
            };
            (key, state)
        });
        uapi::shown(&self.interface, &states.collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}
