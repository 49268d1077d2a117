//! One namespace of a node as the kernel shows it, in lines that can be compared.

use anyhow::Context as _;
use ipnet::IpNet;
use netloom_state::{ALIAS_PREFIX, Route, RouteKind};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::route::{self, LinkIndex};
use netloom_sys::{nft, route::ObservedLink};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Settings that a node plans for a network's namespace.
const SETTINGS: [&str; 3] =
    ["ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/all/rp_filter"];
/// One of a network's tunnel of which the kernel tells nobody.
pub const SILENT: &str = "ipv6/conf/mesh0/addr_gen_mode";

/// A namespace with one socket of each kind: a process's first in a namespace has the process id
/// as its port, so that the kernel tells who strikes.
#[derive(Debug)]
pub struct Space {
    /// Its file.
    pub path: PathBuf,
    /// The namespace.
    pub handle: NamespaceHandle,
    /// rtnetlink.
    pub route: NetlinkSocket,
    netfilter: NetlinkSocket,
    fabric: String,
}

impl Space {
    /// Opens the namespace of a file.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(path: &Path, fabric: &str) -> anyhow::Result<Self> {
        let handle = NamespaceHandle::open(path)?;
        let route = handle.run(|| NetlinkSocket::open(Protocol::Route))??;
        let netfilter = handle.run(|| NetlinkSocket::open(Protocol::Netfilter))??;
        Ok(Self { path: path.to_owned(), handle, route, netfilter, fabric: fabric.to_owned() })
    }

    /// What the namespace is called.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Links with the mark of the fabric; in a lab's node are others, of the ground.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn links(&mut self) -> anyhow::Result<Vec<ObservedLink>> {
        let mut links = route::dump_links(&mut self.route)?;
        let mark = format!("{ALIAS_PREFIX}{}", self.fabric);
        links.retain(|link| link.alias.as_ref().is_some_and(|alias| alias.starts_with(&mark)));
        Ok(links)
    }

    /// Names of these links, and of `lo` where that is the fabric's.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn names(&mut self) -> anyhow::Result<BTreeMap<LinkIndex, String>> {
        let mut links = self.links()?;
        if !self.name().starts_with("node-") {
            links.extend(route::find_link(&mut self.route, "lo")?);
        }
        Ok(links.into_iter().map(|link| (link.index, link.name)).collect())
    }

    /// The fabric's routes, with their links.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn routes(&mut self) -> anyhow::Result<Vec<(Route, Option<LinkIndex>)>> {
        let names = self.names()?;
        let mut routes = Vec::new();
        for ipv6 in [false, true] {
            for found in route::dump_routes(&mut self.route, ipv6)? {
                let known = found.to_route(|index| names.get(&index).cloned());
                let stop = netloom_state::stop_metric(&self.fabric);
                let ours = known.filter(|route| match route.kind {
                    RouteKind::Unreachable => route.metric == stop,
                    RouteKind::Unicast { .. } | RouteKind::Blackhole => true,
                });
                routes.extend(ours.map(|route| (route, found.link)));
            }
        }
        Ok(routes)
    }

    /// The fabric's addresses.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn addresses(&mut self) -> anyhow::Result<Vec<(LinkIndex, IpNet)>> {
        let names = self.names()?;
        let mut found = route::dump_addresses(&mut self.route)?;
        found.retain(|one| one.is_ours() && names.contains_key(&one.index));
        Ok(found.into_iter().map(|one| (one.index, one.address)).collect())
    }

    /// The fabric's neighbours.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn neighbours(&mut self) -> anyhow::Result<Vec<(LinkIndex, IpAddr)>> {
        let names = self.names()?;
        let mut found = route::dump_neighbours(&mut self.route)?;
        found.retain(|one| one.ours && names.contains_key(&one.index));
        Ok(found.into_iter().map(|one| (one.index, one.address)).collect())
    }

    /// All that is the fabric's here.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn lines(&mut self) -> anyhow::Result<BTreeSet<String>> {
        let mut lines = BTreeSet::new();
        let names = self.names()?;
        // A link that came back between two questions has no name here yet; ask again.
        let name = |index: &LinkIndex| names.get(index).context("a link is being made");
        for link in self.links()? {
            lines.insert(format!("link {} {} {}", link.name, link.mtu_bytes, link.up));
        }
        for (route, _) in self.routes()? {
            lines.insert(format!("route {route}"));
        }
        for (index, address) in self.addresses()? {
            lines.insert(format!("address {} {address}", name(&index)?));
        }
        for (index, address) in self.neighbours()? {
            lines.insert(format!("neighbour {} {address}", name(&index)?));
        }
        for ipv6 in [false, true] {
            let rules = route::dump_rules(&mut self.route, ipv6)?;
            lines.extend(rules.iter().map(|rule| format!("rule {rule}")));
        }
        let ours = |table: &nft::TableOwnership| {
            table.mark.as_ref().is_some_and(|mark| mark.starts_with(ALIAS_PREFIX))
                || table.table == TABLE
        };
        for found in nft::read_tables(&mut self.netfilter, ours)? {
            lines.insert(format!("table {} {:?}", found.ownership.table, found.table));
        }
        for (key, value) in self.settings()? {
            lines.insert(format!("sysctl {key} {value}"));
        }
        Ok(lines)
    }

    fn settings(&self) -> anyhow::Result<Vec<(String, String)>> {
        let of_tunnel = self.name().starts_with("network-");
        let keys = SETTINGS.iter().copied().chain(of_tunnel.then_some(SILENT));
        keys.map(|key| Ok((key.to_owned(), self.get(key)?))).collect()
    }

    /// Reads a sysctl.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn get(&self, key: &str) -> anyhow::Result<String> {
        let path = Path::new("/proc/sys/net").join(key);
        Ok(self.handle.run(|| std::fs::read_to_string(path))??.trim().to_owned())
    }

    /// Writes a sysctl.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set(&self, key: &str, value: &str) -> anyhow::Result<()> {
        let path = Path::new("/proc/sys/net").join(key);
        Ok(self.handle.run(|| std::fs::write(path, value))??)
    }

    /// Whether the table of the network's policy may be changed by anybody.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn has_plain_table(&mut self) -> anyhow::Result<bool> {
        let found = nft::find_table(&mut self.netfilter, TABLE)?;
        Ok(found.is_some_and(|table| table.owner.is_none() && !table.persist))
    }

    /// Puts an empty plain table, as on kernels that know no owners, in the place of an orphan.
    ///
    /// # Errors
    /// The table has an owner.
    pub fn remove_orphan(&mut self) -> anyhow::Result<()> {
        if nft::adopt_table(&mut self.netfilter, TABLE)? {
            let gone = [netloom_state::nft::Change::DeleteTable];
            let observed = nft::read_tables(&mut self.netfilter, |table| table.table == TABLE)?;
            let chains = observed.iter().flat_map(|found| found.table.chains.keys());
            let flush =
                chains.map(|chain| netloom_state::nft::Change::FlushChain { chain: chain.clone() });
            let changes: Vec<_> = flush.chain(gone).collect();
            nft::commit(&mut self.netfilter, TABLE, "", &changes)?;
        }
        Ok(())
    }
}

/// The table of a network's policy.
pub const TABLE: &str = "netloom";
