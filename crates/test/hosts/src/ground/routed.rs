//! Two hosts with a router between them, whose links can be narrowed.

use super::{Ground, Host, ip};
use anyhow::Context as _;
use netloom_sys::namespace::NamespaceHandle;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The router tells nobody that packets are too big, as many firewalls on the internet do not.
const SILENT: &str = "table inet silent { chain out { type filter hook output priority 0; \
                      icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }\n";

impl Ground {
    /// Makes two hosts, each with an address of one IP version, and a router that says nothing of MTUs.
    pub(crate) fn routed(netloom: &Path, is_v6: bool) -> anyhow::Result<Self> {
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("netloom-paths-{id}"));
        std::fs::create_dir_all(&folder)?;
        let router = format!("nlp{id}-r");
        let mut ground = Self { folder: folder.clone(), bridge: router.clone(), hosts: Vec::new() };
        ip(&["netns", "add", &router])?;
        ip(&["-n", &router, "link", "set", "lo", "up"])?;
        for number in 1..=2 {
            let namespace = format!("nlp{id}-{number}");
            let (address, gateway, length) = if is_v6 {
                (format!("2001:db8:{number}::1"), format!("2001:db8:{number}::ff"), "64")
            } else {
                (format!("198.18.{number}.1"), format!("198.18.{number}.254"), "24")
            };
            let host = Host {
                namespace: namespace.clone(),
                folder: folder.join(format!("host-{number}")),
                address: address.clone(),
                netloom: netloom.to_owned(),
                environment: Vec::new(),
            };
            std::fs::create_dir_all(&host.folder)?;
            ip(&["netns", "add", &namespace])?;
            let port = format!("p{number}");
            let pair = ["type", "veth", "peer", "name", "eth0", "netns", &namespace];
            ip(&[&["-n", &router, "link", "add", &port][..], &pair].concat())?;
            let nodad: &[&str] = if is_v6 { &["nodad"] } else { &[] };
            for (place, link, address) in
                [(&router, port.as_str(), &gateway), (&namespace, "eth0", &address)]
            {
                let address = format!("{address}/{length}");
                ip(&[&["-n", place, "addr", "add", &address, "dev", link][..], nodad].concat())?;
                ip(&["-n", place, "link", "set", link, "mtu", "9000", "up"])?;
            }
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", &namespace, "route", "add", "default", "via", &gateway])?;
            ground.hosts.push(host);
        }
        ground.forward()?;
        Ok(ground)
    }

    /// The narrowest link on the way between the hosts takes packets of `mtu_bytes`; hosts do not see it.
    pub(crate) fn narrow(&self, mtu_bytes: u32) -> anyhow::Result<()> {
        for port in ["p1", "p2"] {
            ip(&["-n", &self.bridge, "link", "set", port, "mtu", &mtu_bytes.to_string()])?;
        }
        Ok(())
    }

    /// How many fragments were made or put together on the ground, by all kernels.
    pub(crate) fn fragments(&self) -> anyhow::Result<u64> {
        let places = self.hosts.iter().map(|host| &host.namespace).chain([&self.bridge]);
        let mut fragments = 0;
        for place in places {
            let namespace = NamespaceHandle::open(&Path::new("/run/netns").join(place))?;
            let (v4, v6) = namespace.run(|| {
                let read = |file| std::fs::read_to_string(format!("/proc/thread-self/net/{file}"));
                (read("snmp").unwrap_or_default(), read("snmp6").unwrap_or_default())
            })?;
            fragments += fragments_v4(&v4) + fragments_v6(&v6);
        }
        Ok(fragments)
    }

    fn forward(&self) -> anyhow::Result<()> {
        let namespace = NamespaceHandle::open(&Path::new("/run/netns").join(&self.bridge))?;
        namespace.run(|| {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
        })??;
        let mut nft = Command::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.bridge))
            .args(["nft", "--file", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot run nft")?;
        nft.stdin.take().context("no input")?.write_all(SILENT.as_bytes())?;
        anyhow::ensure!(nft.wait()?.success(), "nft does not take the router's table");
        Ok(())
    }
}

/// Two lines for each protocol: names, numbers (proc(5)).
fn fragments_v4(text: &str) -> u64 {
    let mut lines = text.lines().filter(|line| line.starts_with("Ip:"));
    let (Some(names), Some(numbers)) = (lines.next(), lines.next()) else { return 0 };
    let pairs = names.split_whitespace().zip(numbers.split_whitespace());
    let counted = pairs.filter(|(name, _)| matches!(*name, "ReasmReqds" | "FragCreates"));
    counted.filter_map(|(_, number)| number.parse::<u64>().ok()).sum()
}

fn fragments_v6(text: &str) -> u64 {
    let counted = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let counted = counted.filter(|(name, _)| matches!(*name, "Ip6ReasmReqds" | "Ip6FragCreates"));
    counted.filter_map(|(_, number)| number.trim().parse::<u64>().ok()).sum()
}
