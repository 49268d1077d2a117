//! An interface configured by `wg`, as its users do it.

use crate::end::Peer;
use anyhow::{Context as _, bail, ensure};
use ipnet::IpNet;
use netloom_wireguard::{PresharedKey, PrivateKey, PublicKey};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Command;

/// The program's name.
pub const WG: &str = "wg";

/// One interface, as `wg` sees it.
#[derive(Clone, Debug)]
pub struct Tool {
    device: String,
    /// Where a secret is put for `wg` to read, which takes none on its command line.
    secrets: PathBuf,
}

impl Tool {
    /// For interface `device`; secrets are handed over in the file `secrets`.
    pub fn of(device: &str, secrets: PathBuf) -> Self {
        Self { device: device.to_owned(), secrets }
    }

    /// Gives the interface its key and its port.
    ///
    /// # Errors
    /// `wg` refuses.
    pub fn begin(&self, key: &PrivateKey, port: u16) -> anyhow::Result<()> {
        let file = self.secret(key.to_base64().as_str())?;
        self.set(&["private-key", &file, "listen-port", &port.to_string()])
    }

    /// Adds the peer, or changes what differs.
    ///
    /// # Errors
    /// `wg` refuses.
    pub fn set_peer(&self, peer: &Peer) -> anyhow::Result<()> {
        let key = peer.public_key.to_string();
        let seconds = peer.keepalive.map_or(0, |interval| interval.as_secs()).to_string();
        let allowed: Vec<String> = peer.allowed.iter().map(IpNet::to_string).collect();
        let allowed = allowed.join(",");
        let endpoint = peer.endpoint.map(|endpoint| endpoint.to_string());
        let psk = peer.psk.map(|psk| PresharedKey::from_bytes(psk).to_base64());
        let psk = psk.map(|psk| self.secret(psk.as_str())).transpose()?;
        let mut words = vec!["peer", &key, "persistent-keepalive", &seconds];
        words.extend(["allowed-ips", &allowed]);
        if let Some(endpoint) = &endpoint {
            words.extend(["endpoint", endpoint]);
        }
        if let Some(file) = &psk {
            words.extend(["preshared-key", file]);
        }
        self.set(&words)
    }

    /// Forgets the peer with its session.
    ///
    /// # Errors
    /// `wg` refuses.
    pub fn forget_peer(&self, key: &PublicKey) -> anyhow::Result<()> {
        self.set(&["peer", &key.to_string(), "remove"])
    }

    /// Moves the interface to another port.
    ///
    /// # Errors
    /// `wg` refuses.
    pub fn move_to_port(&self, port: u16) -> anyhow::Result<()> {
        self.set(&["listen-port", &port.to_string()])
    }

    /// Where the peer is by what `wg show` tells.
    ///
    /// # Errors
    /// It tells nothing of it.
    pub fn endpoint(&self, key: &PublicKey) -> anyhow::Result<Option<SocketAddr>> {
        let printed = run(&["show", &self.device, "dump"])?;
        let key = key.to_string();
        // After a line about the interface, one for each peer: key, preshared key, endpoint, … (wg(8)).
        for line in printed.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [public, _, endpoint, ..] = fields[..] else { bail!("wg shows {line:?}") };
            if public == key {
                return Ok(endpoint.parse().ok());
            }
        }
        bail!("the other end does not know us")
    }

    fn set(&self, words: &[&str]) -> anyhow::Result<()> {
        let set = run(&[&["set", &self.device], words].concat()).map(drop);
        let _ = std::fs::remove_file(&self.secrets);
        set
    }

    /// Writes a secret where only we can read it.
    fn secret(&self, text: &str) -> anyhow::Result<String> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&self.secrets)?.write_all(text.as_bytes())?;
        self.secrets.to_str().map(str::to_owned).context("a path that is no text")
    }
}

fn run(words: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(WG).args(words).output().context("cannot run wg")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "wg {}: {}", words.join(" "), errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
