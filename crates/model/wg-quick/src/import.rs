//! A file as a part of a fabric's file: one network, its policy, the host and the peers in it.

use crate::file::{File, Finding, Key, Peer, Severity};
use crate::policy::{Allowance, Policy, Scope, policy};
use crate::yaml::{named_by, quoted};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// The MTU of Netloom's networks where none is declared, and of wg-quick's on an ordinary link.
const MTU_BYTES: u16 = 1420;
/// What a network's MTU can be.
const MTU_RANGE: std::ops::RangeInclusive<u16> = 1280..=9216;
/// Longest IPv4 prefix of a subnet, and its shortest.
const SUBNET_V4_LENGTHS: (u8, u8) = (8, 29);
/// How many addresses at one end of a subnet are its own.
const RESERVED_COUNT: u128 = 4;

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
            IpNet::V6(v6) => Some(Ipv6Net::new(v6.addr(), 64).ok()?.trunc().into()),
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
                    let message = format!("the network of {address} is taken to be {cidr}");
                    self.find(Severity::Note, 0, message, "");
                }
                Some(cidr)
            }
        }
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
            if single && inside && first {
                addresses.push(address);
            } else if prefix.prefix_len() == 0 {
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
        if let Some(port) = interface.listen_port {
            let message = format!(
                "peers call UDP port {port}; the node's tunnels listen on the port that it joined with"
            );
            self.find(
                Severity::Note,
                0,
                message,
                "`netloom status` shows it; redirect the other if they differ",
            );
        }
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
                self.find(Severity::Warning, 0, message, "the node makes a key of its own");
            }
        }
    }

    // === the text ===

    fn write(&mut self, cidrs: &[IpNet], peers: &[Placed<'_>], policy: &Policy) {
        let Import { network, node, interface, .. } = *self.import;
        let list = |cidrs: &[IpNet]| {
            let quoted: Vec<String> = cidrs.iter().map(|cidr| format!("\"{cidr}\"")).collect();
            format!("[{}]", quoted.join(", "))
        };
        let (reserved, both) = reserved(cidrs, &self.all_addresses(peers));
        if let Some(address) = both {
            let message = format!("{address} and others leave the network no addresses of its own");
            let solution = "the network needs three for gateway, resolver and future use at one \
                            of its ends; move a peer";
            self.find(Severity::Error, 0, message, solution);
        }
        let mut text =
            format!("# Imported from {interface}.conf, a file of wg-quick.\nnetworks:\n");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {network}:\n    cidr: {}", list(cidrs));
        if let Some(Key::Known(key)) = &self.file.interface.private_key {
            let path = self.key_file("private.key", key);
            let _ = writeln!(text, "    private_key_files: {{ {node}: {} }}", quoted(&path));
        }
        if !self.file.interface.dns.is_empty() {
            let servers: Vec<String> =
                self.file.interface.dns.iter().map(|dns| format!("\"{dns}\"")).collect();
            let _ = writeln!(text, "    dns: {{ resolvers: [{}] }}", servers.join(", "));
        }
        if let Some(mtu) = self.mtu_bytes() {
            let _ = writeln!(text, "    mtu: {mtu}");
        }
        let _ = writeln!(text, "subnets:\n  {network}:\n    network: {network}");
        let _ = writeln!(text, "    cidr: {}{reserved}", list(cidrs));
        groups(&mut text, network, policy);
        let own: Vec<String> =
            self.own_addresses(cidrs).iter().map(|ip| format!("\"{ip}\"")).collect();
        let _ = writeln!(text, "workloads:\n  {}:", self.host_name());
        let _ = writeln!(text, "    node: {node}\n    subnet: {network}");
        let _ = writeln!(text, "    address: [{}]", own.join(", "));
        let _ = writeln!(text, "    security_groups: [{network}-host]\n    attach: host");
        for peer in peers {
            self.write_peer(&mut text, peer);
        }
        self.out.yaml = text;
    }

    fn write_peer(&mut self, text: &mut String, placed: &Placed<'_>) {
        let Import { network, node, .. } = *self.import;
        let Placed { peer, name, addresses, advertise } = placed;
        let quote = |all: &[String]| all.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>();
        let strings = |all: &[IpNet]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name}:\n    node: {node}\n    subnet: {network}");
        if !addresses.is_empty() {
            let own: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "    address: [{}]", quote(&own).join(", "));
        }
        if !advertise.is_empty() {
            let _ = writeln!(text, "    advertise: [{}]", quote(&strings(advertise)).join(", "));
        }
        let _ =
            writeln!(text, "    security_groups: [{network}-peers]\n    attach:\n      wireguard:");
        match &peer.public_key {
            Some(Key::Known(key)) => {
                let _ = writeln!(text, "        public_key: \"{key}\"");
            }
            Some(Key::Placeholder { line, text: found }) => {
                let _ = writeln!(text, "        # public_key: to be filled in");
                let message = format!("the key of `{name}` is still to be filled in ({found})");
                let solution = format!(
                    "add `public_key` at `{name}`; `netloom vpn export {name}` makes a key pair for it"
                );
                self.find(Severity::Warning, *line, message, &solution);
            }
            None => {}
        }
        if let Some(endpoint) = &peer.endpoint {
            let _ = writeln!(text, "        endpoint: {}", quoted(endpoint));
        }
        if let Some(seconds) = peer.keepalive_s {
            let _ = writeln!(text, "        keepalive: {seconds}s");
        }
        match &peer.preshared_key {
            Some(Key::Known(key)) => {
                let path = self.key_file(&format!("{name}.psk"), key);
                let _ = writeln!(text, "        preshared_key_file: {}", quoted(&path));
            }
            Some(Key::Placeholder { line, text: found }) => {
                let message =
                    format!("the preshared key of `{name}` is still to be filled in ({found})");
                let solution =
                    "put it into a file on the node, and name that as `preshared_key_file`";
                self.find(Severity::Warning, *line, message, solution);
            }
            None => {}
        }
        if peer.public_key.as_ref().and_then(Key::known).is_none()
            && peer.endpoint.is_none()
            && peer.keepalive_s.is_none()
            && peer.preshared_key.is_none()
        {
            // A key without a value is an empty map, which says the same with fewer surprises.
            let open = text.trim_end().rfind("wireguard:").unwrap_or(text.len());
            text.truncate(open);
            text.push_str("wireguard: {} # public_key: to be filled in\n");
        }
    }

    fn key_file(&mut self, name: &str, key: &str) -> String {
        let path = format!("{}/{name}", self.import.key_folder);
        self.out.key_files.push(KeyFile { path: path.clone(), key: key.to_owned() });
        path
    }

    /// The network's MTU, where it is not the usual one.
    fn mtu_bytes(&self) -> Option<u16> {
        let given = self.file.interface.mtu_bytes;
        given.filter(|mtu| *mtu != MTU_BYTES && MTU_RANGE.contains(mtu))
    }

    /// The interface's addresses, one in each prefix.
    fn own_addresses(&self, cidrs: &[IpNet]) -> Vec<IpAddr> {
        let own = |cidr: &IpNet| {
            let addresses = self.file.interface.addresses.iter().map(IpNet::addr);
            addresses.into_iter().find(|address| cidr.contains(address))
        };
        cidrs.iter().filter_map(own).collect()
    }

    fn all_addresses(&self, peers: &[Placed<'_>]) -> Vec<IpAddr> {
        let own = self.file.interface.addresses.iter().map(IpNet::addr);
        own.chain(peers.iter().flat_map(|peer| peer.addresses.iter().copied())).collect()
    }
}

fn groups(text: &mut String, network: &str, policy: &Policy) {
    let list = |key: &str, word: &str, allowances: &[Allowance]| {
        let mut lines = String::new();
        for allowance in allowances {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "      - {}", allowance.yaml(word, network));
        }
        if lines.is_empty() { String::new() } else { format!("    {key}:\n{lines}") }
    };
    let peers = list("ingress", "from", &policy.peers_ingress)
        + &list("egress", "to", &policy.peers_egress);
    let host = list("ingress", "from", &policy.host_ingress);
    // Writing to a String cannot fail.
    let _ = write!(text, "security_groups:\n  {network}-peers:\n{peers}");
    let _ = write!(text, "  {network}-host:\n{host}    egress:\n      - {{ to: all }}\n");
}

/// The line that makes room for addresses at the beginning, where it is needed; and an address at
/// the end, if there is one at both ends.
fn reserved(cidrs: &[IpNet], addresses: &[IpAddr]) -> (&'static str, Option<IpAddr>) {
    let place = |address: &IpAddr| {
        let cidr = cidrs.iter().find(|cidr| cidr.contains(address))?;
        let from_start = number(*address) - number(cidr.network());
        Some((from_start, number(cidr.broadcast()) - number(*address)))
    };
    let at_start =
        addresses.iter().find(|one| place(one).is_some_and(|(start, _)| start < RESERVED_COUNT));
    let at_end =
        addresses.iter().find(|one| place(one).is_some_and(|(_, end)| end < RESERVED_COUNT));
    match (at_start, at_end) {
        (None, _) => ("", None),
        (Some(_), None) => ("\n    reserved: last", None),
        (Some(_), Some(end)) => ("\n    reserved: last", Some(*end)),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// How many bits two addresses share at their beginning.
fn common_length(a: u32, b: u32) -> u8 {
    u8::try_from((a ^ b).leading_zeros()).unwrap_or(32)
}
