//! `netloom wireguard INTERFACE`: a WireGuard interface that `wg` configures, and nothing else.

mod clients;
mod link;
mod served;
mod server;

use crate::output;
use anyhow::Context as _;
use netloom_sys::signal::{Signal, SignalFd};
use netloom_sys::tunnel::TunnelOffloads;
use netloom_tunnel::Offloads;
use netloom_wireguard::Suite;
use server::Server;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// Where `wg` looks for the sockets of interfaces.
const SOCKETS: &str = "/var/run/wireguard";
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
    #[arg(long, default_value_t = 1420, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1280..=65535))]
    mtu: u32,
    /// Folder of the socket that `wg` speaks to.
    #[arg(long, default_value = SOCKETS, value_name = "FOLDER")]
    sockets: PathBuf,
    /// Replace sessions when they are so old, instead of two minutes.
    #[arg(long, hide = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    rekey_after_s: Option<u64>,
    /// Do without an offload of the kernel, if it misbehaves on this host.
    #[arg(
        long,
        value_enum,
        value_name = "OFFLOAD",
        value_delimiter = ',',
        env = "NETLOOM_WITHOUT_OFFLOADS"
    )]
    without: Vec<Offload>,
    /// What sessions are sealed with. Anything but WireGuard's own cipher is for an interface all of whose peers are
    /// Netloom's.
    #[arg(long, value_enum, default_value_t = Cipher::Chacha20Poly1305)]
    cipher: Cipher,
    /// Tell the process that waits for it.
    #[arg(long, hide = true)]
    tell: bool,
}

/// What of the kernel a tunnel uses to carry many packets in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Offload {
    /// TCP at the interface, both ways (TSO, GRO); without it UDP goes one by one, too.
    TunTcp,
    /// UDP at the interface, both ways (USO, GRO).
    TunUdp,
    /// Datagrams that are sent (UDP_SEGMENT).
    UdpSend,
    /// Datagrams that are received (UDP_GRO).
    UdpReceive,
}

/// A cipher for handshakes and sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Cipher {
    /// WireGuard's own, which every peer speaks.
    Chacha20Poly1305,
    /// Faster where both processors have instructions for it.
    Aes256Gcm,
}

impl From<Cipher> for Suite {
    fn from(cipher: Cipher) -> Self {
        match cipher {
            Cipher::Chacha20Poly1305 => Self::ChaCha20Poly1305,
            Cipher::Aes256Gcm => Self::Aes256Gcm,
        }
    }
}

impl Wireguard {
    fn offloads(&self) -> Offloads {
        let has = |offload| !self.without.contains(&offload);
        let tcp = has(Offload::TunTcp);
        let device = TunnelOffloads { tcp, udp: tcp && has(Offload::TunUdp) };
        Offloads { device, send: has(Offload::UdpSend), receive: has(Offload::UdpReceive) }
    }
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
    for offload in arguments.without.iter().filter_map(clap::ValueEnum::to_possible_value) {
        command.args(["--without", offload.get_name()]);
    }
    if let Some(cipher) = clap::ValueEnum::to_possible_value(&arguments.cipher) {
        command.args(["--cipher", cipher.get_name()]);
    }
    if let Some(seconds) = arguments.rekey_after_s {
        command.args(["--rekey-after-s", &seconds.to_string()]);
    }
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
