//! `netloom wireguard INTERFACE`: a WireGuard interface that `wg` configures, and nothing else.

use crate::output;
use anyhow::{Context as _, bail, ensure};
use netloom_base::Seed;
use netloom_node::NetworkId;
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::route::configure_link;
use netloom_sys::signal::{Signal, SignalFd};
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use netloom_sys::udp::UdpSocket;
use netloom_sys::unix_socket;
use netloom_tunnel::{NetworkSetup, Tunnels};
use netloom_vpn::uapi::{self, Request};
use netloom_vpn::{Interface, PeerState};
use netloom_wireguard::PrivateKey;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Where `wg` looks for the sockets of interfaces.
const SOCKETS: &str = "/var/run/wireguard";
/// The only network of the driver.
const NETWORK: NetworkId = NetworkId(0);
/// How often it is looked whether the interface and its socket are still there.
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for a request that has begun.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// What the process that stays says to the one that was called.
const READY: &str = "ready";

/// Makes a WireGuard interface in this network namespace, to be configured by `wg`.
#[derive(Debug, clap::Args)]
pub(crate) struct Wireguard {
    /// The interface's name.
    interface: String,
    /// Stay in the foreground.
    #[arg(short, long, env = "WG_PROCESS_FOREGROUND", value_parser = clap::builder::FalseyValueParser::new())]
    foreground: bool,
    /// Largest packet inside the tunnel.
    #[arg(long, default_value_t = 1420, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(576..=65535))]
    mtu: u32,
    /// Folder of the socket that `wg` speaks to.
    #[arg(long, default_value = SOCKETS, value_name = "FOLDER")]
    sockets: PathBuf,
    /// Tell the process that waits for it.
    #[arg(long, hide = true)]
    tell: bool,
}

pub(crate) fn run(arguments: &Wireguard) -> anyhow::Result<ExitCode> {
    if !arguments.foreground {
        return detach(arguments);
    }
    let signals = SignalFd::new(&[Signal::Interrupt, Signal::Terminate, Signal::Hangup])
        .context("cannot take signals")?;
    let mut server = Server::start(arguments)?;
    if arguments.tell {
        output::print(&format!("{READY}\n"));
    }
    server.serve(&signals)
}

/// Starts the process that stays, and waits until it answers `wg`.
fn detach(arguments: &Wireguard) -> anyhow::Result<ExitCode> {
    let executable = std::env::current_exe().context("cannot find the netloom executable")?;
    let mut command = Command::new(executable);
    command.args(["wireguard", "--foreground", "--tell", "--mtu"]).arg(arguments.mtu.to_string());
    command.arg("--sockets").arg(&arguments.sockets).arg(&arguments.interface);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn().context("cannot start the interface")?;
    let mut line = String::new();
    if let Some(stdout) = &mut child.stdout {
        BufReader::new(stdout).read_line(&mut line).context("the interface does not answer")?;
    }
    if line.trim() == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let mut why = String::new();
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_string(&mut why).context("the interface does not say what is wrong")?;
    }
    output::error(&why);
    Ok(ExitCode::FAILURE)
}

struct Server {
    name: String,
    mtu_bytes: usize,
    socket: PathBuf,
    listener: UnixListener,
    tunnels: Tunnels,
    /// The driver's socket, to be marked.
    udp: UdpSocket,
    interface: Interface,
}

impl Server {
    fn start(arguments: &Wireguard) -> anyhow::Result<Self> {
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
        netloom_sys::process::random(&mut seed).context("the kernel gives no randomness")?;
        let udp = UdpSocket::bind_any(0)?;
        let listen_port = udp.local_address().context("the port")?.port();
        let tunnels = Tunnels::start_on(udp.try_clone().context("the port")?, Seed(seed))?;
        let interface = Interface { listen_port, ..Interface::default() };
        let mtu_bytes = arguments.mtu as usize;
        let server = Self { name, mtu_bytes, socket, listener, tunnels, udp, interface };
        let setup = NetworkSetup { device: Some(device), ..server.setup(&server.interface)? };
        server.tunnels.set_network(NETWORK, setup)?;
        Ok(server)
    }

    fn serve(&mut self, signals: &SignalFd) -> anyhow::Result<ExitCode> {
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
                let _ = self.answer(&stream);
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
        Ok(self.tunnels.status()?.devices.is_empty())
    }

    /// Answers requests until the other end has no more.
    fn answer(&mut self, stream: &UnixStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut text = String::new();
            loop {
                let limit = (uapi::REQUEST_BYTES_MAX - text.len()) as u64;
                let read = reader.by_ref().take(limit).read_line(&mut text)?;
                if read == 0 {
                    return Ok(());
                }
                if text.ends_with("\n\n") || text == "\n" {
                    break;
                }
            }
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
        let mut interface = self.interface.clone();
        interface.apply(change);
        match self.put_in_force(&mut interface) {
            Ok(()) => {
                self.interface = interface;
                0
            }
            Err((errno, error)) => {
                output::error(&format!("{}: {error:#}\n", self.name));
                errno
            }
        }
    }

    /// What can fail comes before anything is changed.
    fn put_in_force(&mut self, wanted: &mut Interface) -> Result<(), (i32, anyhow::Error)> {
        let failed = |error: anyhow::Error| (uapi::FAILED, error);
        let mut moved = None;
        if wanted.listen_port != self.interface.listen_port {
            let udp = UdpSocket::bind_any(wanted.listen_port)
                .map_err(|error| (uapi::PORT_TAKEN, error.into()))?;
            let address = udp.local_address().map_err(|error| failed(error.into()))?;
            wanted.listen_port = address.port();
            let handle = udp.try_clone().map_err(|error| failed(error.into()))?;
            moved = Some((udp, handle));
        }
        let marked = moved.as_ref().map_or(&self.udp, |(_, handle)| handle);
        marked.set_mark(wanted.mark).map_err(|error| failed(error.into()))?;
        let setup = self.setup(wanted).map_err(failed)?;
        if let Err(error) = self.tunnels.set_network(NETWORK, setup) {
            // That of a socket that stays goes back with the rest.
            let _ = self.udp.set_mark(self.interface.mark);
            return Err(failed(error.into()));
        }
        if let Some((udp, handle)) = moved {
            self.tunnels.set_socket(udp).map_err(|error| failed(error.into()))?;
            self.udp = handle;
        }
        Ok(())
    }

    /// The network of an interface. One without a key gets one that nobody knows, and no peers.
    fn setup(&self, interface: &Interface) -> anyhow::Result<NetworkSetup> {
        let (private_key, peers) = match &interface.private_key {
            Some(key) => {
                let peers = interface.peers.iter();
                (key.clone(), peers.map(|(key, peer)| (key.to_string(), peer.clone())).collect())
            }
            None => {
                let mut bytes = [0; 32];
                netloom_sys::process::random(&mut bytes)
                    .context("the kernel gives no randomness")?;
                (PrivateKey::from_bytes(bytes), BTreeMap::new())
            }
        };
        Ok(NetworkSetup {
            name: self.name.clone(),
            private_key,
            mtu_bytes: self.mtu_bytes,
            device: None,
            peers,
            timestamp_floors: BTreeMap::new(),
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
