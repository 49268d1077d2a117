//! One end: `netloom wireguard` as a user runs it, and what can be seen of it from outside.

use crate::memory::Resident;
use anyhow::{Context as _, bail};
use netloom_base::Seed;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_in};
use netloom_wireguard::{PrivateKey, PublicKey};
use netloom_wireguard_interop::uapi::{Uapi, hex};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for the interface.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running end, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Node {
    process: Child,
    uapi: Uapi,
    key: PrivateKey,
}

/// What it tells of its peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) last_handshake: Duration,
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
}

impl Node {
    /// Starts it in a namespace, where it makes its device.
    pub(crate) fn start(
        netloom: &Path,
        namespace: &NamespaceHandle,
        device: &str,
        port: u16,
        rekey_after: Duration,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(netloom);
        command.args(["wireguard", "--foreground", device]).stdin(Stdio::null());
        rekey_every(&mut command, rekey_after);
        let options = SpawnOptions { die_with_parent: true, ..SpawnOptions::default() };
        let process = spawn_in(namespace, command, &options)?;
        let key = PrivateKey::from_seed(Seed::from_number(monotonic_now().0 ^ u64::from(port)));
        let mut node = Self { process, uapi: Uapi::of(device), key };
        let secret = hex(&*node.key.to_bytes());
        let first = format!("private_key={secret}\nlisten_port={port}");
        let start = Instant::now();
        while let Err(error) = node.uapi.set(&first) {
            if let Some(status) = node.process.try_wait()? {
                bail!("netloom wireguard ended with {status}");
            }
            if start.elapsed() > PATIENCE {
                return Err(error.context("netloom wireguard does not come up"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(node)
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// Tells it of its only peer.
    pub(crate) fn set_peer(
        &self,
        key: &PublicKey,
        endpoint: SocketAddr,
        allowed: &[IpAddr],
    ) -> anyhow::Result<()> {
        let mut lines = format!("public_key={}\nendpoint={endpoint}\n", hex(key.as_bytes()));
        for address in allowed {
            writeln!(lines, "allowed_ip={address}")?;
        }
        self.uapi.set(&lines)
    }

    pub(crate) fn move_to_port(&self, port: u16) -> anyhow::Result<()> {
        self.uapi.set(&format!("listen_port={port}"))
    }

    /// What it tells of its peer.
    pub(crate) fn told(&self) -> anyhow::Result<Told> {
        let mut told = Told::default();
        for (key, value) in self.uapi.get()? {
            match key.as_str() {
                "endpoint" => told.endpoint = Some(value.parse()?),
                "last_handshake_time_sec" => {
                    told.last_handshake += Duration::from_secs(value.parse()?);
                }
                "last_handshake_time_nsec" => {
                    told.last_handshake += Duration::from_nanos(value.parse()?);
                }
                "rx_bytes" => told.rx_bytes = value.parse()?,
                "tx_bytes" => told.tx_bytes = value.parse()?,
                _ => {}
            }
        }
        Ok(told)
    }

    /// Its memory now.
    pub(crate) fn resident(&self) -> anyhow::Result<Resident> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .context("an end is gone")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        let kib = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(Resident { kib })
    }

    /// Its processor time so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut total_ns = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            total_ns += text.split(' ').next().context("no time")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(total_ns))
    }
}

/// How its sessions are made to be replaced often; all that a test knows of it.
fn rekey_every(command: &mut Command, interval: Duration) {
    command.args(["--rekey-after-s", &interval.as_secs().to_string()]);
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
