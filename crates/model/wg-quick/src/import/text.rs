//! The text of an import: sections of a fabric's file.

use super::{Desk, Import, KeyFile, MTU_BYTES, MTU_RANGE, Placed};
use crate::file::{Key, Severity};
use crate::policy::{Allowance, Policy};
use crate::yaml::quoted;
use ipnet::IpNet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// How many addresses at one end of a subnet are its own.
const RESERVED_COUNT: u128 = 4;

impl Desk<'_> {
    pub(super) fn write(&mut self, cidrs: &[IpNet], peers: &[Placed<'_>], policy: &Policy) {
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
