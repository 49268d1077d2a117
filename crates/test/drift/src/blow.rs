//! The kinds of blow: what somebody else may do to what a node holds.

use crate::node::Node;
use crate::space::{SILENT, Space, TABLE};
use anyhow::{Context as _, ensure};
use netloom_state::RouteKind;
use netloom_sys::namespace::{SpawnOptions, spawn_in};
use netloom_sys::route;
use netloom_testkit::random_fabric::Dice;
use std::path::Path;
use std::process::{Command, Stdio};

/// A kind of blow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A route to somewhere is deleted.
    Route,
    /// A route that keeps packets from leaving in clear is deleted.
    StopRoute,
    /// An IPv4 address is deleted.
    Address4,
    /// An IPv6 address is deleted.
    Address6,
    /// A permanent neighbour is deleted.
    Neighbour,
    /// A link is taken down.
    LinkDown,
    /// A link gets another MTU.
    Mtu,
    /// A pair of links is deleted.
    Veth,
    /// A tunnel device is deleted.
    Tunnel,
    /// Forwarding is switched off.
    Forwarding,
    /// A sysctl is set of which the kernel tells nobody.
    SilentSysctl,
    /// All rules of a table are deleted by the program `nft`.
    TableFlush,
    /// A namespace loses its name.
    Namespace,
}

/// All kinds.
pub const KINDS: [Kind; 13] = [
    Kind::Route,
    Kind::StopRoute,
    Kind::Address4,
    Kind::Address6,
    Kind::Neighbour,
    Kind::LinkDown,
    Kind::Mtu,
    Kind::Veth,
    Kind::Tunnel,
    Kind::Forwarding,
    Kind::SilentSysctl,
    Kind::TableFlush,
    Kind::Namespace,
];

/// A blow that was dealt, and what the agent must say of it.
#[derive(Clone, Debug)]
pub struct Struck {
    /// Words that the event's findings must have.
    pub words: Vec<String>,
    /// The name of the program that the event must name; none where the kernel does not tell.
    pub author: Option<String>,
}

impl Kind {
    /// Deals a blow of this kind at something that `dice` choose; `None` if the node holds nothing
    /// of the kind.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn strike(self, node: &mut Node, dice: &mut Dice) -> anyhow::Result<Option<Struck>> {
        let registry = node.registry();
        let mut targets = Vec::new();
        for (name, space) in node.spaces()? {
            let found = self.targets(name, space)?;
            targets.extend(found.into_iter().map(|target| (name.clone(), target)));
        }
        if targets.is_empty() {
            return Ok(None);
        }
        let (name, target) = dice.pick(&targets).clone();
        if self == Self::Namespace {
            registry.delete(&name)?;
        } else {
            let space = node.spaces()?.get_mut(&name).context("a namespace has gone")?;
            self.strike_at(space, &target)?;
        }
        let own = std::fs::read_to_string("/proc/self/comm")?.trim().to_owned();
        let author = match self {
            Self::Route | Self::StopRoute | Self::Address4 | Self::Neighbour => Some(own),
            Self::TableFlush => Some("nft".to_owned()),
            _ => None,
        };
        // The agent calls the node's own namespace so.
        let place = if name.starts_with("node-") { "host".to_owned() } else { name };
        Ok(Some(Struck { words: vec![place, target], author }))
    }

    /// What of this kind a namespace has, in words that an event must have.
    fn targets(self, name: &str, space: &mut Space) -> anyhow::Result<Vec<String>> {
        let is_network = name.starts_with("network-");
        Ok(match self {
            Self::Route | Self::StopRoute => {
                let stops = self == Self::StopRoute;
                let routes = space.routes()?.into_iter().map(|(route, _)| route);
                let wanted = routes.filter(|route| (route.kind == RouteKind::Unreachable) == stops);
                wanted.map(|route| route.to_string()).collect()
            }
            Self::Address4 | Self::Address6 => {
                let all = space.addresses()?.into_iter().map(|(_, address)| address);
                let is_ipv6 = self == Self::Address6;
                let of_kind = all.filter(|address| address.addr().is_ipv6() == is_ipv6);
                of_kind.map(|address| format!("address {address} ")).collect()
            }
            Self::Neighbour => {
                let all = space.neighbours()?.into_iter();
                all.map(|(_, address)| format!("neighbour {address} ")).collect()
            }
            Self::LinkDown | Self::Mtu | Self::Veth => {
                let links = space.links()?.into_iter();
                links
                    .filter(|link| link.kind.as_deref() == Some("veth"))
                    .map(|link| format!("/{}", link.name))
                    .collect()
            }
            Self::Tunnel => {
                let links = space.links()?.into_iter();
                links.filter(|link| link.name == "mesh0").map(|_| "/mesh0".to_owned()).collect()
            }
            Self::SilentSysctl if is_network => vec![format!("net/{SILENT}")],
            Self::Forwarding if is_network => vec!["net/ipv4/ip_forward".to_owned()],
            Self::TableFlush if is_network && space.has_plain_table()? => {
                vec![format!("table {TABLE} ")]
            }
            Self::Namespace if !name.starts_with("node-") => vec![format!("{name} is gone")],
            Self::Forwarding | Self::SilentSysctl | Self::TableFlush | Self::Namespace => {
                Vec::new()
            }
        })
    }

    fn strike_at(self, space: &mut Space, target: &str) -> anyhow::Result<()> {
        let last = target.trim().rsplit([' ', '/']).next().unwrap_or_default().to_owned();
        match self {
            Self::Route | Self::StopRoute => {
                let routes = space.routes()?;
                let found = routes.into_iter().find(|(route, _)| route.to_string() == target);
                let (route, index) = found.context("a route has gone")?;
                route::delete_route(&mut space.route, &route, index)?;
            }
            Self::Address4 | Self::Address6 => {
                let address: ipnet::IpNet = target.trim().trim_start_matches("address ").parse()?;
                let all = space.addresses()?;
                let found = all.iter().find(|(_, one)| *one == address);
                let (index, _) = found.context("an address has gone")?;
                route::delete_address(&mut space.route, *index, address)?;
            }
            Self::Neighbour => {
                let address = last.parse()?;
                let all = space.neighbours()?;
                let found = all.iter().find(|(_, one)| *one == address);
                let (index, _) = found.context("a neighbour has gone")?;
                route::delete_neighbour(&mut space.route, *index, address)?;
            }
            Self::LinkDown => route::set_link_up(&mut space.route, &last, false)?,
            Self::Mtu => route::configure_link(&mut space.route, &last, 1_290, None)?,
            Self::Veth | Self::Tunnel => route::delete_link(&mut space.route, &last)?,
            Self::Forwarding => space.set("ipv4/ip_forward", "0")?,
            Self::SilentSysctl => space.set(SILENT, "0")?,
            Self::TableFlush => nft(space, &format!("flush table inet {TABLE}"))?,
            Self::Namespace => {}
        }
        Ok(())
    }
}

/// Runs the program `nft` in a namespace.
///
/// # Errors
/// It is not installed, or refuses.
pub fn nft(space: &Space, line: &str) -> anyhow::Result<()> {
    program(space, "nft", line)
}

/// Runs a program of others in a namespace.
///
/// # Errors
/// It is not installed, or fails.
pub fn program(space: &Space, name: &str, line: &str) -> anyhow::Result<()> {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let path = folders.into_iter().map(|folder| Path::new(folder).join(name));
    let path = path.into_iter().find(|path| path.is_file());
    let mut command = Command::new(path.with_context(|| format!("{name} is not installed"))?);
    command.args(line.split(' ')).stdin(Stdio::null());
    let status = spawn_in(&space.handle, command, &SpawnOptions::default())?.wait()?;
    ensure!(status.success(), "{name} {line}: {status}");
    Ok(())
}
