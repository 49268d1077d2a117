//! A file as a part of a fabric's file: one network, its policy, the host and the peers in it.

mod text;

use crate::file::{File, Finding, Key, Peer, Severity};
use crate::policy::{Scope, policy};
use crate::yaml::named_by;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// The MTU of Netloom's networks where none is declared, and of wg-quick's on an ordinary link.
const MTU_BYTES: u16 = 1420;
/// What a network's MTU can be.
const MTU_RANGE: std::ops::RangeInclusive<u16> = 1280..=9216;
/// Longest IPv4 prefix of a subnet, and its shortest.
const SUBNET_V4_LENGTHS: (u8, u8) = (8, 29);
/// The length of every IPv6 subnet.
const SUBNET_V6_LENGTH: u8 = 64;
/// First address of the part of IPv6 that is handed out (RFC 4291 §2.4), 2000::/3.
const GLOBAL_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0));

/// How a file is imported.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Name of the interface, which `%i` stands for.
    pub interface: &'a str,
    /// Name of the network, a DNS label.
    pub network: &'a str,
    /// The node that takes the interface's place.
    pub node: &'a str,
    /// Folder of key files on the node.
    pub key_folder: &'a str,
}

/// What an import gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Sections of a fabric's file.
    pub yaml: String,
    /// Files with keys, to be made on the node, for root to read alone.
    pub key_files: Vec<KeyFile>,
    /// What was left out, and what is to be known.
    pub findings: Vec<Finding>,
    /// Names of the peers, in order.
    pub peers: Vec<String>,
}

/// A file with a key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its path.
    pub path: String,
    /// The key in base64.
    pub key: String,
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({})", self.path)
    }
}

impl Import<'_> {
    /// The file as a network. Its findings come after those of the parser; with an error among them
    /// the text is not to be used.
    pub fn run(&self, file: &File) -> Imported {
        let mut desk =
            Desk { import: self, file, out: Imported::default(), names: BTreeSet::new() };
        let cidrs = desk.cidrs();
        let peers: Vec<Placed<'_>> =
            file.peers.iter().map(|peer| desk.place(peer, &cidrs)).collect();
        desk.out.peers = peers.iter().map(|peer| peer.name.clone()).collect();
        let scope = Scope {
            interface: self.interface,
            listen_port: file.interface.listen_port,
            cidrs: &cidrs,
            network: self.network,
            node: self.node,
        };
        let policy = policy(&file.interface.hooks, &scope, &mut desk.out.findings);
        desk.settings();
        desk.write(&cidrs, &peers, &policy);
        desk.out
    }
}

/// A peer with its place in the network.
struct Placed<'a> {
    peer: &'a Peer,
    name: String,
    addresses: Vec<IpAddr>,
    advertise: Vec<IpNet>,
}

struct Desk<'a> {
    import: &'a Import<'a>,
    file: &'a File,
    out: Imported,
    names: BTreeSet<String>,
}

impl<'a> Desk<'a> {
    fn find(&mut self, severity: Severity, line: u32, message: impl Into<String>, solution: &str) {
        self.out.findings.push(Finding::new(severity, line, message, solution));
    }

    /// The network's prefixes: those of the interface's addresses, one of each family, of lengths
    /// that a subnet can have.
    fn cidrs(&mut self) -> Vec<IpNet> {
        let mut cidrs: Vec<IpNet> = Vec::new();
        for address in &self.file.interface.addresses {
            let Some(cidr) = self.widened(*address) else { continue };
            let same_family = |other: &&IpNet| other.addr().is_ipv4() == cidr.addr().is_ipv4();
            match cidrs.iter().find(same_family) {
                None => cidrs.push(cidr),
                Some(first) if first.contains(&address.addr()) => {}
                Some(first) => {
                    let message = format!("left out: the address {address}, outside of {first}");
                    let solution = "a subnet has one prefix of each family; make a second network";
                    self.find(Severity::Warning, 0, message, solution);
                }
            }
        }
        if cidrs.is_empty() {
            let message = "the interface has no Address, so its network is not known";
            self.find(Severity::Error, 0, message, "add it, such as Address = 10.200.0.1/24");
        }
        cidrs
    }

    /// The network around an address of the interface.
    fn widened(&mut self, address: IpNet) -> Option<IpNet> {
        match address {
            IpNet::V6(v6) => {
                let cidr = Ipv6Net::new(v6.addr(), SUBNET_V6_LENGTH).ok()?.trunc();
                if v6.prefix_len() != SUBNET_V6_LENGTH {
                    self.taken_to_be(address, cidr.into());
                }
                Some(cidr.into())
            }
            IpNet::V4(v4) => {
                let (shortest, longest) = SUBNET_V4_LENGTHS;
                let mut length = v4.prefix_len().clamp(shortest, longest);
                if v4.prefix_len() == 32 {
                    // The file does not say how large the network is; its peers show it.
                    let peers = self.file.peers.iter().flat_map(|peer| &peer.allowed);
                    let near = peers.filter_map(|prefix| match prefix {
                        IpNet::V4(peer) if peer.prefix_len() == 32 => Some(peer.addr()),
                        IpNet::V4(_) | IpNet::V6(_) => None,
                    });
                    let common = near.map(|peer| common_length(v4.addr().into(), peer.into()));
                    length = common.filter(|common| *common >= 16).min().unwrap_or(24).min(length);
                }
                let cidr = IpNet::from(Ipv4Net::new(v4.addr(), length).ok()?.trunc());
                if v4.prefix_len() != length {
                    self.taken_to_be(address, cidr);
                }
                Some(cidr)
            }
        }
    }

    fn taken_to_be(&mut self, address: IpNet, cidr: IpNet) {
        let message = format!("the network of {address} is taken to be {cidr}");
        self.find(Severity::Note, 0, message, "");
    }

    fn place(&mut self, peer: &'a Peer, cidrs: &[IpNet]) -> Placed<'a> {
        let named = peer.name.as_deref().and_then(named_by);
        let number = self.names.len() + 1;
        let base = named.unwrap_or_else(|| format!("{}-peer-{number}", self.import.network));
        let mut name = base.clone();
        let taken = [self.import.node.to_owned(), self.host_name()];
        for further in 2.. {
            if !taken.contains(&name) && self.names.insert(name.clone()) {
                break;
            }
            name = format!("{base}-{further}");
        }
        let (mut addresses, mut advertise): (Vec<IpAddr>, Vec<IpNet>) = (Vec::new(), Vec::new());
        for prefix in &peer.allowed {
            let address = prefix.addr();
            let single = prefix.prefix_len() == prefix.max_prefix_len();
            let inside = cidrs.iter().any(|cidr| cidr.contains(prefix));
            let first = !addresses.iter().any(|other| other.is_ipv4() == address.is_ipv4());
            let is_own = self.file.interface.addresses.iter().any(|own| own.addr() == address);
            if single && is_own {
                let message = format!("`{name}` has the interface's own address {address}");
                let solution = "write the peer's address, which is the one in its own file";
                self.find(Severity::Error, peer.line, message, solution);
            } else if single && inside && first {
                addresses.push(address);
            } else if is_everywhere(*prefix) {
                let message = format!("left out: `{name}` as the way to everywhere ({prefix})");
                let solution = "ways to the internet through a peer are not part of this version";
                self.find(Severity::Warning, peer.line, message, solution);
            } else if !advertise.contains(prefix) {
                advertise.push(*prefix);
            }
        }
        Placed { peer, name, addresses, advertise }
    }

    /// The workload that has the interface's addresses.
    fn host_name(&self) -> String {
        format!("{}-host", self.import.network)
    }

    /// What of the interface's settings means less here, or nothing.
    fn settings(&mut self) {
        let interface = &self.file.interface;
        if let Some((line, table)) = &interface.table {
            let message = format!("left out: Table = {table}; the host's own routes are planned");
            self.find(Severity::Warning, *line, message, "see `netloom plan` for what they are");
        }
        if let Some((line, mark)) = &interface.mark {
            let message = format!("left out: FwMark = {mark}");
            self.find(Severity::Warning, *line, message, "packets of the tunnels carry no mark");
        }
        if let Some(line) = interface.save_config {
            let message = "SaveConfig: what is declared stays in the fabric's file";
            self.find(Severity::Note, line, message, "");
        }
        if let Some(mtu) = interface.mtu_bytes.filter(|mtu| !MTU_RANGE.contains(mtu)) {
            let message = format!("left out: MTU = {mtu}");
            self.find(Severity::Warning, 0, message, "a network's is from 1280 to 9216 bytes");
        }
        if !interface.search.is_empty() {
            let message = format!("left out: search domains {}", interface.search.join(", "));
            self.find(Severity::Warning, 0, message, "names of the network end in its own domain");
        }
        match &interface.private_key {
            Some(Key::Known(_)) => {}
            Some(Key::Placeholder { line, text }) => {
                let message = format!("PrivateKey is still to be filled in ({text})");
                let solution = "the node makes a key of its own; `netloom vpn export PEER` prints \
                                files with its public key, or fill the key in and import again";
                self.find(Severity::Warning, *line, message, solution);
            }
            None => {
                let message = "there is no PrivateKey";
                let solution = "the node makes a key of its own, which peers that have a file do not know; \
                                `netloom vpn export PEER` prints files with it, or add the key and import again";
                self.find(Severity::Warning, 0, message, solution);
            }
        }
    }
}

/// Whether a prefix is the internet, or one of the parts by which files name it without touching the default route.
fn is_everywhere(prefix: IpNet) -> bool {
    let is_all_that_is_global = prefix.prefix_len() <= 3 && prefix.contains(&GLOBAL_V6);
    prefix.prefix_len() <= 1 || is_all_that_is_global
}

/// How many bits two addresses share at their beginning.
fn common_length(a: u32, b: u32) -> u8 {
    u8::try_from((a ^ b).leading_zeros()).unwrap_or(32)
}
