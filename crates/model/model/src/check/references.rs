//! Every name that is used is declared, and no two things share one.

mod ways;

use super::unknown;
use crate::decode::party::Parties;
use crate::decode::policy::{GroupRule, Peer};
use crate::decode::{At, Decoder, is_label};
use crate::diagnostic::code;
use crate::load::{Declared, Entry, Named};
use crate::span::Span;
use crate::tree::Key;
use std::net::{IpAddr, Ipv4Addr};

/// Where the names of nodes are.
const NODES: &str = "nodes";

/// Reports references that lead nowhere, and names that mean two things.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut checker = Checker { declared, decoder };
    for network in declared.networks.values() {
        checker.optional(network.value.region.as_ref(), "region");
        checker.optional(network.value.route_table.as_ref(), "route table");
        checker.optional(network.value.network_acl.as_ref(), "network ACL");
        for (node, _) in &network.value.private_key_files {
            checker.reference(node, "node");
        }
        if let Some(domain) = &network.value.domain {
            checker.domain(domain);
        }
    }
    for subnet in declared.subnets.values() {
        checker.optional(subnet.value.network.as_ref(), "network");
        checker.optional(subnet.value.route_table.as_ref(), "route table");
        checker.optional(subnet.value.nat_gateway.as_ref(), "NAT gateway");
        checker.optional(subnet.value.network_acl.as_ref(), "network ACL");
    }
    ways::check(&mut checker);
    for (name, node) in &declared.nodes {
        checker.optional(node.value.region.as_ref(), "region");
        checker.each(&node.value.security_groups, "security group");
        let advertised = node.value.advertise.iter().flat_map(|one| &one.networks);
        advertised.for_each(|network| checker.reference(network, "network"));
        if let Some(endpoint) = &node.value.endpoint {
            checker.endpoint(endpoint);
        }
        checker.not_internet(name, &node.span, "node");
    }
    for (name, workload) in &declared.workloads {
        checker.optional(workload.value.node.as_ref(), "node");
        checker.optional(workload.value.subnet.as_ref(), "subnet");
        checker.each(&workload.value.security_groups, "security group");
        if let Some(endpoint) = &workload.value.endpoint {
            checker.endpoint(endpoint);
        }
        checker.distinct(name, workload);
        checker.not_internet(name, &workload.span, "workload");
    }
    for group in declared.security_groups.values() {
        let rules = group.value.ingress.iter().chain(&group.value.egress);
        rules.for_each(|rule| checker.rule(rule));
    }
    for service in declared.services.values() {
        if let Some(At { value, span }) = &service.value.namespace {
            let key = Key { span: span.clone(), name: value.clone(), broken: false };
            checker.decoder.name(&key, "a namespace");
            checker.namespace_is_free(value, span);
        }
    }
    for (region, link) in &declared.lab_links {
        checker.reference(&At { value: region.clone(), span: link.span.clone() }, "region");
    }
    for test in &declared.tests {
        test.from.iter().chain(&test.to).for_each(|party| checker.parties(party));
    }
}

struct Checker<'a> {
    declared: &'a Declared,
    decoder: &'a mut Decoder,
}

impl Checker<'_> {
    fn reference(&mut self, name: &At<String>, what: &str) {
        let declared = self.declared;
        match what {
            "region" => self.among(name, what, "regions", &declared.regions),
            "network" => self.among(name, what, "networks", &declared.networks),
            "subnet" => self.among(name, what, "subnets", &declared.subnets),
            "node" => self.among(name, what, "nodes", &declared.nodes),
            "workload" => self.among(name, what, "workloads", &declared.workloads),
            "route table" => self.among(name, what, "route_tables", &declared.route_tables),
            "NAT gateway" => self.among(name, what, "nat_gateways", &declared.nat_gateways),
            "internet gateway" => {
                self.among(name, what, "internet_gateways", &declared.internet_gateways);
            }
            "peering" => self.among(name, what, "peerings", &declared.peerings),
            "prefix list" => self.among(name, what, "prefix_lists", &declared.prefix_lists),
            "network ACL" => self.among(name, what, "network_acls", &declared.network_acls),
            "service port" => self.among(name, what, "ports", &declared.ports),
            _ => self.among(name, what, "security_groups", &declared.security_groups),
        }
    }

    fn among<T>(&mut self, name: &At<String>, what: &str, section: &'static str, all: &Named<T>) {
        if all.contains_key(&name.value) {
            return;
        }
        let names = all.keys().map(String::as_str);
        // A name that could not be read may be the very one that is meant here.
        let hidden = self.declared.broken.contains(section)
            && self.decoder.guess(&name.value, names.clone()).is_none();
        if !hidden {
            unknown(self.decoder, name, what, section, names);
        }
    }

    fn optional(&mut self, name: Option<&At<String>>, what: &str) {
        if let Some(name) = name {
            self.reference(name, what);
        }
    }

    fn each(&mut self, names: &[At<String>], what: &str) {
        names.iter().for_each(|name| self.reference(name, what));
    }

    fn rule(&mut self, rule: &GroupRule) {
        self.peer(&rule.peer);
        self.each(&rule.transport.named, "service port");
    }

    fn peer(&mut self, peer: &Peer) {
        match peer {
            Peer::SecurityGroup(name) => self.reference(name, "security group"),
            Peer::PrefixList(name) => self.reference(name, "prefix list"),
            Peer::All | Peer::Cidr(_) => {}
        }
    }

    fn domain(&mut self, domain: &At<String>) {
        if domain.value.len() > 253 || !domain.value.split('.').all(is_label) {
            self.decoder.error(
                code::BAD_NAME,
                &domain.span,
                format!("`{}` is not a DNS domain", domain.value),
                "a domain is labels of a-z, 0-9 and - with dots between, 253 characters at most",
                "write it like app.internal, without a dot at the end",
            );
        }
    }

    /// The names of nodes are below `nodes`; a service there could take one of them over.
    fn namespace_is_free(&mut self, namespace: &str, span: &Span) {
        if namespace == NODES {
            self.decoder.error(
                code::BAD_NAME,
                span,
                "a service's namespace cannot be called `nodes`",
                "the names of nodes are there: NODE.nodes.DOMAIN",
                "choose another namespace",
            );
        }
    }

    fn endpoint(&mut self, endpoint: &At<String>) {
        let sound = endpoint.value.rsplit_once(':').is_some_and(|(host, port)| {
            is_host(host) && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
        if !sound {
            self.decoder.error(
                code::BAD_ADDRESS,
                &endpoint.span,
                format!("`{}` is not an endpoint", endpoint.value),
                "an endpoint is where other nodes send their packets: a host and a UDP port",
                "write it like vpn.example.org:51820, 203.0.113.5:51820 or [2001:db8::5]:51820",
            );
        }
    }

    /// Workloads and nodes share the names that tests and commands use.
    fn distinct<T>(&mut self, name: &str, workload: &Entry<T>) {
        if let Some(node) = self.declared.nodes.get(name) {
            self.decoder.error(
                code::DUPLICATE,
                &workload.span,
                format!("`{name}` is a workload and a node"),
                format!(
                    "commands and tests name both kinds, and the node is declared at {}",
                    node.span
                ),
                "rename one of the two",
            );
        }
    }

    fn not_internet(&mut self, name: &str, span: &Span, what: &str) {
        if name == INTERNET {
            self.decoder.error(
                code::BAD_NAME,
                span,
                format!("a {what} cannot be called `{name}`"),
                "in tests this word means any host outside the fabric",
                "choose another name",
            );
        }
    }

    fn parties(&mut self, parties: &Parties) {
        match parties {
            Parties::One(name) => self.party(name),
            Parties::Set(set) => {
                self.optional(set.network.as_ref(), "network");
                self.optional(set.subnet.as_ref(), "subnet");
                self.optional(set.security_group.as_ref(), "security group");
            }
        }
    }

    fn party(&mut self, name: &At<String>) {
        let declared = self.declared;
        let known = declared.workloads.contains_key(&name.value)
            || declared.nodes.contains_key(&name.value)
            || name.value == INTERNET
            || name.value.parse::<IpAddr>().is_ok();
        if known {
            return;
        }
        let names = declared.workloads.keys().chain(declared.nodes.keys());
        let names = names.map(String::as_str).chain([INTERNET]);
        let broken = declared.broken.contains("workloads") || declared.broken.contains("nodes");
        let hidden = broken && self.decoder.guess(&name.value, names.clone()).is_none();
        if !hidden {
            unknown(self.decoder, name, "workload or node", "workloads", names);
        }
    }
}

/// In tests: any host outside the fabric.
const INTERNET: &str = "internet";

/// Whether `host` is an address or a DNS name; numbers and dots alone are an address or nothing.
fn is_host(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return v6.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
    }
    let name = host.to_ascii_lowercase();
    let numeric = name.split('.').all(|part| part.chars().all(|c| c.is_ascii_digit()));
    host.parse::<Ipv4Addr>().is_ok()
        || !numeric && name.len() <= 253 && name.trim_end_matches('.').split('.').all(is_label)
}
