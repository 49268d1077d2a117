//! The stock side: wg-quick, and wireguard-go below it.

use crate::ground::{Host, ip};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An interface that wg-quick has brought up, taken down when dropped.
#[derive(Debug)]
pub(super) struct Interface<'a> {
    host: &'a Host,
    name: String,
    file: PathBuf,
    peer: String,
}

impl<'a> Interface<'a> {
    /// Brings up what a file says, as its user does. Without a resolvconf on this machine, the line
    /// that needs one is left out.
    pub(super) fn up(
        host: &'a Host,
        folder: &Path,
        name: &str,
        text: &str,
    ) -> Result<Self, String> {
        // Sockets of wireguard-go are not in the namespace, so names must differ on the machine.
        let name = format!("nl{}{}", &name[..2], std::process::id() % 100_000);
        let file = folder.join(format!("{name}.conf"));
        let has_resolvconf = Path::new("/usr/sbin/resolvconf").exists();
        let kept = text.lines().filter(|line| has_resolvconf || !line.starts_with("DNS"));
        let kept: Vec<&str> = kept.collect();
        std::fs::write(&file, kept.join("\n") + "\n").map_err(|error| error.to_string())?;
        let peer = kept.iter().find_map(|line| line.strip_prefix("PublicKey = "));
        let peer = peer.ok_or("the file names no peer")?.to_owned();
        let interface = Self { host, name, file, peer };
        interface.wg_quick("up")?;
        Ok(interface)
    }

    fn wg_quick(&self, verb: &str) -> Result<(), String> {
        let mut command = self.host.command("wg-quick");
        command.arg(verb).arg(&self.file);
        command.env("WG_QUICK_USERSPACE_IMPLEMENTATION", "wireguard-go");
        command.env("WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD", "1");
        // wireguard-go stays, and would hold a pipe open.
        let log = self.file.with_extension("log");
        let output = std::fs::File::create(&log).map_err(|error| error.to_string())?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        command.stdout(output).stderr(errors);
        let status = command.status().map_err(|error| format!("cannot run wg-quick: {error}"))?;
        if status.success() {
            return Ok(());
        }
        Err(format!("wg-quick {verb}: {}", std::fs::read_to_string(&log).unwrap_or_default()))
    }

    /// Sets the key as `wg set` does.
    pub(super) fn set_preshared_key(&self, key: &str) -> Result<(), String> {
        let file = self.file.with_extension("psk");
        std::fs::write(&file, format!("{key}\n")).map_err(|error| error.to_string())?;
        let mut command = self.host.command("wg");
        command.args(["set", &self.name, "peer", &self.peer, "preshared-key"]).arg(&file);
        let output = command.output().map_err(|error| error.to_string())?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(errors) }
    }
}

impl Drop for Interface<'_> {
    fn drop(&mut self) {
        // It goes with its namespace otherwise.
        let _ = self.wg_quick("down");
    }
}

/// Runs `wg` with a text as its input; gives what it prints.
pub(super) fn wg(words: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new("wg");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run wg: {error}"))?;
    if let Some(stdin) = &mut child.stdin {
        stdin.write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(errors);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The files of a server and its client, as they were before Netloom.
pub(super) fn old_pair() -> Result<(String, String), String> {
    let pair = || -> Result<(String, String), String> {
        let private = wg(&["genkey"], "")?;
        let public = wg(&["pubkey"], &private)?;
        Ok((private, public))
    };
    let ((server, server_public), (client, client_public)) = (pair()?, pair()?);
    let server_file = format!(
        "[Interface]\nPrivateKey = {server}\nAddress = 10.200.0.1/24\nListenPort = 51820\n\
         PostUp = iptables -A FORWARD -i %i -j ACCEPT\nPostDown = iptables -D FORWARD -i %i -j ACCEPT\n\n\
         # Edge device: attic\n[Peer]\nPublicKey = {client_public}\nAllowedIPs = 10.200.0.2/32\n"
    );
    let client_file = format!(
        "[Interface]\nPrivateKey = {client}\nAddress = 10.200.0.2/24\n\n[Peer]\n\
         PublicKey = {server_public}\nEndpoint = 192.0.2.1:51820\nAllowedIPs = 10.200.0.0/24\n\
         PersistentKeepalive = 25\n"
    );
    Ok((server_file, client_file))
}

/// Gives the host an address, as of a network behind it.
pub(super) fn add_address(host: &Host, address: &str) -> Result<(), String> {
    let address = format!("{address}/32");
    ip(&["-n", &host.namespace, "addr", "add", &address, "dev", "lo"])
        .map(drop)
        .map_err(|error| error.to_string())
}
