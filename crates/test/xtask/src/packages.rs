//! Programs of others that tests compare with: where they come from, and their installation.

use crate::output;
use anyhow::{Context as _, ensure};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A program that tests use as a peer or an oracle. Netloom itself needs none of them.
struct Peer {
    program: &'static str,
    /// The Debian package that holds it.
    package: &'static str,
    /// What tests ask of it.
    purpose: &'static str,
}

/// All of them.
const PEERS: [Peer; 6] = [
    Peer { program: "wg", package: "wireguard-tools", purpose: "configures wireguard-go" },
    Peer { program: "wireguard-go", package: "wireguard-go", purpose: "a WireGuard peer" },
    Peer { program: "ip", package: "iproute2", purpose: "reads back links and routes" },
    Peer { program: "nft", package: "nftables", purpose: "reads back tables" },
    Peer { program: "tcpdump", package: "tcpdump", purpose: "reads captures" },
    Peer { program: "etcd", package: "etcd-server", purpose: "holds a store" },
];

/// What only the show with a container engine needs.
const ENGINE: [Peer; 3] = [
    Peer { program: "dockerd", package: "docker.io", purpose: "runs a real container" },
    Peer { program: "docker", package: "docker.io", purpose: "asks for a container" },
    Peer { program: "busybox", package: "busybox-static", purpose: "is what the container runs" },
];

/// What only the show with a browser needs.
const BROWSER: [Peer; 1] =
    [Peer { program: "chromium", package: "chromium", purpose: "opens the dashboard" }];

/// What only benchmarks need.
const BENCHMARK: [Peer; 1] =
    [Peer { program: "iperf3", package: "iperf3", purpose: "sends as fast as it can" }];

/// What only shows of faults and of reboots need.
const FAULTS: [Peer; 2] = [
    Peer { program: "faketime", package: "faketime", purpose: "shows a host another time" },
    Peer { program: "systemctl", package: "systemd", purpose: "boots a host" },
];

/// Folders of programs that are not on every user's path.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Installs what is missing, if that is wanted and allowed; what stays missing is said.
pub(crate) fn provide(install: bool) {
    provide_all(&PEERS, install);
}

/// The same for a container engine.
pub(crate) fn provide_engine(install: bool) {
    provide_all(&ENGINE, install);
}

fn provide_all(peers: &'static [Peer], install: bool) {
    let missing = missing(peers);
    if missing.is_empty() {
        return;
    }
    if install && is_root() {
        if let Err(error) = install_packages(&missing) {
            output::error(&format!("warning: {error:#}\n"));
        }
    } else if install {
        output::progress("not root: peers for the tests cannot be installed");
    }
    for peer in self::missing(peers) {
        output::progress(&format!(
            "{} ({}) is missing: tests that need it are skipped; Debian package {}",
            peer.program, peer.purpose, peer.package
        ));
    }
}

/// Makes sure that a program is there, which a show cannot do without.
pub(crate) fn require(program: &str) -> anyhow::Result<()> {
    if is_installed(program) {
        return Ok(());
    }
    let mut known = PEERS.iter().chain(&BROWSER).chain(&BENCHMARK).chain(&FAULTS);
    let peer = known.find(|peer| peer.program == program).context("it is in no list")?;
    ensure!(
        is_root(),
        "{program} ({}) is missing; install the Debian package {}",
        peer.purpose,
        peer.package
    );
    install_packages(&[peer])?;
    ensure!(is_installed(program), "{program} is still missing; is it on the path?");
    Ok(())
}

fn missing(peers: &'static [Peer]) -> Vec<&'static Peer> {
    peers.iter().filter(|peer| !is_installed(peer.program)).collect()
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    on_path || SYSTEM_FOLDERS.iter().any(|folder| Path::new(folder).join(program).is_file())
}

/// The folder of this process belongs to the user it acts as.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|folder| folder.uid() == 0)
}

fn install_packages(peers: &[&Peer]) -> anyhow::Result<()> {
    let packages: Vec<&str> = peers.iter().map(|peer| peer.package).collect();
    output::progress(&format!("installing {}", packages.join(", ")));
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat())
}

/// Runs apt-get; what it prints is shown only if it fails.
fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    output::progress(&format!("apt-get {}", arguments.join(" ")));
    let result = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("cannot run apt-get: install the packages by hand, or use --no-install")?;
    let printed = String::from_utf8_lossy(&result.stderr);
    ensure!(result.status.success(), "apt-get {} failed: {}", arguments[0], printed.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_or_missed() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-anywhere"));
    }
}
