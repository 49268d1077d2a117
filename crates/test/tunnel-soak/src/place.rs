//! The ground: two hosts with a router between that loses datagrams.

use anyhow::{Context as _, ensure};
use netloom_state::{HostState, Operation, diff};
use netloom_sys::Executor;
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_in};
use netloom_wireguard_interop::ground::{self, UNDERLAY};
use netloom_wireguard_interop::world::furnish;
use netloom_wireguard_interop::{Family, Side};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Addresses that a host has one after the other.
const PLACES: u8 = 4;

/// Namespaces and links; they go with the sandbox.
pub(crate) struct Place {
    executor: Executor,
    hosts: [NamespaceHandle; 2],
    router: NamespaceHandle,
    /// Where each host is.
    at: [u8; 2],
}

impl Place {
    pub(crate) fn make(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut executor = Executor::new("soak", folder)?;
        executor.execute(&diff(&ground::state(), &HostState::default()))?;
        let router = executor.namespace(&ground::router())?.try_clone()?;
        let mut handle = |side| -> anyhow::Result<NamespaceHandle> {
            Ok(executor.namespace(&ground::host(side))?.try_clone()?)
        };
        let hosts = [handle(Side::Ours)?, handle(Side::Theirs)?];
        for host in &hosts {
            // A piece of 64 KiB would be lost as a whole; loss is to hit datagrams one by one.
            inside(host, "ip", &["link", "set", UNDERLAY, "gso_max_segs", "1"])?;
        }
        Ok(Self { executor, hosts, router, at: [1; 2] })
    }

    pub(crate) fn host(&self, side: Side) -> &NamespaceHandle {
        &self.hosts[side as usize]
    }

    /// Gives a tunnel device its addresses, and brings it up.
    pub(crate) fn furnish(&mut self, side: Side, device: &str) -> anyhow::Result<()> {
        furnish(&mut self.executor, side, device)
    }

    /// From now on the router loses datagrams, each by itself.
    pub(crate) fn lose(&self, per_mille: u32) -> anyhow::Result<()> {
        let rule = format!(
            "add table inet soak; add chain inet soak way {{ type filter hook forward priority 0; }}; \
             add rule inet soak way meta l4proto udp numgen random mod 1000 < {per_mille} counter drop; \
             add rule inet soak way meta l4proto udp counter"
        );
        inside(&self.router, "nft", &[&rule]).map(drop)
    }

    /// Datagrams that the router has lost, and that it has passed on.
    pub(crate) fn lost(&self) -> anyhow::Result<[u64; 2]> {
        let printed = inside(&self.router, "nft", &["list", "chain", "inet", "soak", "way"])?;
        let mut counts = printed.split("counter packets ").skip(1).map(|rest| {
            let number = rest.split(' ').next().unwrap_or_default();
            number.parse().with_context(|| format!("nft prints {printed:?}"))
        });
        let mut next = || counts.next().context("nft prints no counter")?;
        Ok([next()?, next()?])
    }

    /// A host's outer address.
    pub(crate) fn outer(&self, side: Side) -> IpAddr {
        ground::outer(side, Family::Ipv4, self.at[side as usize])
    }

    /// Gives a host another address in place of the one it has.
    pub(crate) fn move_host(&mut self, side: Side) -> anyhow::Result<()> {
        let (namespace, here) = (ground::host(side), self.at[side as usize]);
        let next = here % PLACES + 1;
        let at =
            |family, place| ground::address(UNDERLAY, ground::outer(side, family, place), false);
        for family in Family::BOTH {
            // The other way round, the kernel would drop the host's routes with its last address.
            let (before, after) = (at(family, here), at(family, next));
            let host = namespace.clone();
            self.executor.execute(&[
                Operation::AddAddress { namespace: host.clone(), address: after },
                Operation::DeleteAddress { namespace: host, address: before },
            ])?;
        }
        self.at[side as usize] = next;
        Ok(())
    }
}

/// Runs a program in a namespace; gives what it prints.
fn inside(place: &NamespaceHandle, program: &str, words: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawn_in(place, command, &SpawnOptions::default())?;
    let output = child.wait_with_output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {}", words.join(" "), errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
