//! Every name that is used is declared, and no two things share one.

use super::unknown;
use crate::decode::policy::{GroupRule, Peer};
use crate::decode::{At, Decoder, is_label};
use crate::diagnostic::{Diagnostic, code};
use crate::load::{Declared, Named};
use std::net::IpAddr;

/// Reports references that lead nowhere.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut checker = Checker { declared, decoder };
    for network in declared.networks.values() {
        checker.optional(network.value.region.as_ref(), "region");
        if let Some(domain) = &network.value.domain {
            checker.domain(domain);
        }
    }
    for subnet in declared.subnets.values() {
        checker.reference(&subnet.value.network, "network");
        if let Some(zone) = &subnet.value.zone {
            checker.subnet_zone(&subnet.value.network, zone);
        }
    }
    for node in declared.nodes.values() {
        checker.reference(&node.value.region, "region");
        if let (Some(zone), Some(region)) =
            (&node.value.zone, declared.regions.get(&node.value.region.value))
        {
            checker.zone(zone, &region.value.zones, &node.value.region.value);
        }
        checker.each(&node.value.security_groups, "security group");
        if let Some(endpoint) = &node.value.endpoint {
            checker.endpoint(endpoint);
        }
    }
    for (name, workload) in &declared.workloads {
        checker.reference(&workload.value.node, "node");
        checker.reference(&workload.value.subnet, "subnet");
        checker.each(&workload.value.security_groups, "security group");
        checker.distinct(name, workload);
    }
    for group in declared.security_groups.values() {
        let rules = group.value.ingress.iter().chain(&group.value.egress);
        rules.for_each(|rule| checker.rule(rule));
    }
    for (region, link) in &declared.lab_links {
        checker.reference(&At { value: region.clone(), span: link.span.clone() }, "region");
    }
    for test in &declared.tests {
        checker.party(&test.from);
        checker.party(&test.to);
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
            _ => self.among(name, what, "security_groups", &declared.security_groups),
        }
    }

    fn among<T>(&mut self, name: &At<String>, what: &str, section: &'static str, all: &Named<T>) {
        // A name that could not be read may be the very one that is meant here.
        let hidden = self.declared.broken.contains(section) && !self.near(name, all);
        if !all.contains_key(&name.value) && !hidden {
            unknown(self.decoder, name, what, section, all.keys().map(String::as_str));
        }
    }

    fn near<T>(&self, name: &At<String>, all: &Named<T>) -> bool {
        crate::diagnostic::nearest(&name.value, all.keys().map(String::as_str)).is_some()
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
        if let Peer::SecurityGroup(name) = &rule.peer {
            self.reference(name, "security group");
        }
    }

    fn subnet_zone(&mut self, network: &At<String>, zone: &At<String>) {
        let region = self
            .declared
            .networks
            .get(&network.value)
            .and_then(|network| network.value.region.as_ref());
        match region.and_then(|region| self.declared.regions.get_key_value(&region.value)) {
            Some((name, region)) => self.zone(zone, &region.value.zones, name),
            None => {
                let zones: Vec<At<String>> = self
                    .declared
                    .regions
                    .values()
                    .flat_map(|region| region.value.zones.iter().cloned())
                    .collect();
                if region.is_none() {
                    self.zone(zone, &zones, "any region");
                }
            }
        }
    }

    fn zone(&mut self, zone: &At<String>, zones: &[At<String>], region: &str) {
        if zones.iter().any(|known| known.value == zone.value) {
            return;
        }
        let names = zones.iter().map(|known| known.value.as_str());
        let found = Diagnostic::error(
            code::UNKNOWN_REFERENCE,
            &zone.span,
            format!("there is no zone `{}` in {region}", zone.value),
            "zones are declared with their region",
            format!("add it to the region's `zones`, or name one of them: {}", {
                names.clone().collect::<Vec<_>>().join(", ")
            }),
        );
        self.decoder.diagnostics.push(found.guess(&zone.value, names));
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

    fn endpoint(&mut self, endpoint: &At<String>) {
        let sound = endpoint.value.rsplit_once(':').is_some_and(|(host, port)| {
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let host_is_sound = match bare {
                Some(v6) => v6.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()),
                None => !host.is_empty() && !host.contains(':'),
            };
            host_is_sound && port.parse::<u16>().is_ok_and(|port| port != 0)
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
    fn distinct<T>(&mut self, name: &str, workload: &At<T>) {
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
        if name == "internet" {
            self.decoder.error(
                code::BAD_NAME,
                &workload.span,
                "a workload cannot be called `internet`",
                "in tests this word means any host outside the fabric",
                "choose another name",
            );
        }
    }

    fn party(&mut self, name: &At<String>) {
        let known = self.declared.workloads.contains_key(&name.value)
            || self.declared.nodes.contains_key(&name.value)
            || name.value == "internet"
            || name.value.parse::<IpAddr>().is_ok();
        let names = self.declared.workloads.keys().chain(self.declared.nodes.keys());
        let names = names.map(String::as_str).chain(["internet"]);
        let broken = &self.declared.broken;
        let hidden = (broken.contains("workloads") || broken.contains("nodes"))
            && crate::diagnostic::nearest(&name.value, names.clone()).is_none();
        if !known && !hidden {
            unknown(self.decoder, name, "workload or node", "workloads", names);
        }
    }
}
