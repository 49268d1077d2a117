//! The other implementations: finding their programs, running and configuring them.

use crate::end::{End, Peer, Status};
use crate::tool::{self, Tool};
use crate::uapi::{Uapi, hex};
use anyhow::{Context as _, bail};
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_in};
use netloom_wireguard::{PrivateKey, PublicKey};
use std::fmt::{self, Write as _};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Folders of programs that are not on every user's path.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/// Longest wait for a program that starts.
const PATIENCE: Duration = Duration::from_secs(10);

/// Implementations that are not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Implementation {
    /// By the authors of WireGuard, in Go.
    WireguardGo,
    /// A descendant of boringtun, in Rust.
    Gotatun,
    /// By Cloudflare, in Rust.
    Boringtun,
    /// Our own executable as its users run it: `netloom wireguard`, configured by `wg`.
    NetloomByWg,
}

impl Implementation {
    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::WireguardGo => "wireguard-go",
            Self::Gotatun => "gotatun",
            Self::Boringtun => "boringtun",
            Self::NetloomByWg => "netloom-by-wg",
        }
    }

    /// What else there is to say of how it is run.
    pub fn remark(self) -> Option<&'static str> {
        match self {
            Self::Boringtun => Some(
                "where its host is readdressed, it runs with --disable-connected-udp: a connected socket keeps \
                 the address that it had",
            ),
            Self::WireguardGo | Self::Gotatun | Self::NetloomByWg => None,
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::WireguardGo => "wireguard-go",
            Self::Gotatun => "gotatun",
            Self::Boringtun => "boringtun-cli",
            Self::NetloomByWg => "netloom",
        }
    }

    fn command(self, path: &Path, device: &str, is_to_move: bool) -> Command {
        let mut command = Command::new(path);
        match self {
            Self::WireguardGo => command.args(["-f", device]).env("LOG_LEVEL", "verbose"),
            // Dropping privileges takes a login session, which a sandbox has none of.
            Self::Gotatun => command
                .args(["--foreground", "--disable-drop-privileges", device])
                .env("WG_LOG_LEVEL", "info"),
            Self::Boringtun => command
                .args(["--foreground", "--disable-drop-privileges"])
                .args(is_to_move.then_some("--disable-connected-udp"))
                .arg(device)
                .env("WG_LOG_LEVEL", "info"),
            Self::NetloomByWg => command.args(["wireguard", "--foreground", device]),
        };
        command
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A program that was found.
#[derive(Clone, Debug)]
pub struct Program {
    /// Of which implementation.
    pub implementation: Implementation,
    /// Where.
    pub path: PathBuf,
    /// What it calls itself.
    pub version: String,
    /// Whether its host will get another address. A socket that boringtun has connected to its peer
    /// keeps the address that it had.
    pub is_to_move: bool,
}

impl Program {
    /// Finds the program at `path`, or where programs are.
    ///
    /// # Errors
    /// It is not there, or does not run.
    pub fn find(implementation: Implementation, path: Option<&Path>) -> anyhow::Result<Self> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => search(implementation.program())
                .with_context(|| format!("{} is not installed", implementation.program()))?,
        };
        let mut version = told_version(&path)?;
        if implementation == Implementation::NetloomByWg {
            let wg = search(tool::WG).context("wg is not installed (Debian: wireguard-tools)")?;
            version = format!("{version}, {}", told_version(&wg)?);
        }
        Ok(Self { implementation, path, version, is_to_move: false })
    }
}

fn told_version(path: &Path) -> anyhow::Result<String> {
    let output = Command::new(path)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot run {}", path.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(printed.lines().next().unwrap_or("of unknown version").trim().to_owned())
}

fn search(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A running program, ended when dropped.
#[derive(Debug)]
pub struct StockEnd {
    child: Child,
    uapi: Uapi,
    /// What it is configured by, if not over its socket.
    tool: Option<Tool>,
    log: PathBuf,
    key: PrivateKey,
}

impl StockEnd {
    /// Starts the program in a namespace, where it makes its device, with a key and a port.
    ///
    /// # Errors
    /// It does not start, or does not take its configuration.
    pub fn start(
        program: &Program,
        namespace: &NamespaceHandle,
        device: &str,
        key: PrivateKey,
        port: u16,
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let mut command = program.implementation.command(&program.path, device, program.is_to_move);
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let options = SpawnOptions { die_with_parent: true, ..SpawnOptions::default() };
        let child = spawn_in(namespace, command, &options)?;
        let is_by_wg = program.implementation == Implementation::NetloomByWg;
        let tool = is_by_wg.then(|| Tool::of(device, log.with_extension("secrets")));
        let mut end = Self { child, uapi: Uapi::of(device), tool, log, key };
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = end.uapi.get() {
            if let Some(status) = end.child.try_wait()? {
                bail!("{} ended with {status}: {}", program.implementation, end.last_words());
            }
            if Instant::now() > deadline {
                return Err(error.context(format!("{} does not come up", program.implementation)));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        if let Some(tool) = &end.tool {
            tool.begin(&end.key, port)?;
            return Ok(end);
        }
        let secret = hex(&*end.key.to_bytes());
        end.uapi.set(&format!("private_key={secret}\nlisten_port={port}"))?;
        Ok(end)
    }
}

impl End for StockEnd {
    fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    fn set_peer(&mut self, peer: &Peer) -> anyhow::Result<()> {
        if let Some(tool) = &self.tool {
            return tool.set_peer(peer);
        }
        let mut lines = format!("public_key={}\n", hex(peer.public_key.as_bytes()));
        if let Some(psk) = &peer.psk {
            writeln!(lines, "preshared_key={}", hex(psk))?;
        }
        if let Some(endpoint) = peer.endpoint {
            writeln!(lines, "endpoint={endpoint}")?;
        }
        let seconds = peer.keepalive.map_or(0, |interval| interval.as_secs());
        writeln!(lines, "persistent_keepalive_interval={seconds}")?;
        writeln!(lines, "replace_allowed_ips=true")?;
        for prefix in &peer.allowed {
            writeln!(lines, "allowed_ip={prefix}")?;
        }
        self.uapi.set(&lines)
    }

    fn forget_peer(&mut self, key: &PublicKey) -> anyhow::Result<()> {
        if let Some(tool) = &self.tool {
            return tool.forget_peer(key);
        }
        self.uapi.set(&format!("public_key={}\nremove=true", hex(key.as_bytes())))
    }

    fn status(&self, key: &PublicKey) -> anyhow::Result<Status> {
        let shown = self.tool.as_ref().map(|tool| tool.endpoint(key)).transpose()?;
        let wanted = hex(key.as_bytes());
        let (mut status, mut inside, mut found) = (Status::default(), false, false);
        for (key, value) in self.uapi.get()? {
            if key == "public_key" {
                inside = value == wanted;
                found |= inside;
            }
            if !inside {
                continue;
            }
            match key.as_str() {
                "endpoint" => status.endpoint = Some(value.parse()?),
                "last_handshake_time_sec" => {
                    status.last_handshake += Duration::from_secs(value.parse()?);
                }
                "last_handshake_time_nsec" => {
                    status.last_handshake += Duration::from_nanos(value.parse()?);
                }
                "rx_bytes" => status.rx_bytes = value.parse()?,
                _ => {}
            }
        }
        // `wg` tells of handshakes in whole seconds only, so the rest is read from the socket.
        status.endpoint = shown.unwrap_or(status.endpoint);
        if found { Ok(status) } else { bail!("the other end does not know us") }
    }

    fn move_to_port(&mut self, port: u16) -> anyhow::Result<()> {
        match &self.tool {
            Some(tool) => tool.move_to_port(port),
            None => self.uapi.set(&format!("listen_port={port}")),
        }
    }

    fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for StockEnd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
