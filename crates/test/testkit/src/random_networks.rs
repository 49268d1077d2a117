//! Fabrics with everything in them that leads from one network to another and out: made from a seed.

use crate::random_fabric::Dice;
use std::fmt::Write as _;

/// Networks of a fabric; the last one has the prefixes of the first, now and then.
const NETWORKS: u64 = 3;
const SUBNETS: u64 = 2;
/// Nodes; the last one is at home, with a local network behind it.
const NODES: u64 = 3;

/// The text of a random fabric with peerings, route tables, gateways, network ACLs, edge sites and
/// workloads of several interfaces. The same seed gives the same text.
pub fn yaml(seed: u64) -> String {
    let mut maker = Maker { dice: Dice::new(seed ^ 0x7e7), text: String::new(), overlap: false };
    maker.overlap = maker.dice.one_in(3);
    maker.head();
    maker.networks();
    maker.gateways();
    maker.tables();
    maker.acls();
    maker.nodes();
    maker.groups();
    maker.workloads();
    maker.static_ways(seed);
    maker.text
}

struct Maker {
    dice: Dice,
    text: String,
    /// Whether the last network has the prefixes of the first.
    overlap: bool,
}

impl Maker {
    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// The number in a network's prefixes.
    fn number(&self, network: u64) -> u64 {
        if self.overlap && network == NETWORKS - 1 { 0 } else { network }
    }

    fn head(&mut self) {
        self.line("version: 1\nfabric: random\nregions:\n  here: { zones: [a] }");
        self.line("  home: { zones: [a], nat: true, networks: [192.168.4.0/24] }");
        self.line("prefix_lists:\n  some: { entries: [10.0.0.0/15, \"fd00:1::/48\"] }");
        self.line("ports:\n  web: { port: 80, protocol: tcp }");
    }

    fn networks(&mut self) {
        self.line("networks:");
        for n in 0..NETWORKS {
            let p = self.number(n);
            self.line(&format!("  net{n}: {{ cidr: [10.{p}.0.0/16, \"fd00:{p}::/48\"] }}"));
        }
        self.line("subnets:");
        for n in 0..NETWORKS {
            for s in 0..SUBNETS {
                let p = self.number(n);
                let second =
                    if self.dice.one_in(3) { format!("10.{p}.1{s}.0/29, ") } else { String::new() };
                let mut more = String::new();
                if self.dice.one_in(2) {
                    let _ = write!(more, ", network_acl: acl{n}{}", self.dice.below(2));
                }
                match self.dice.below(4) {
                    0 => more.push_str(", public: true"),
                    1 => {
                        let _ = write!(more, ", nat_gateway: nat{n}");
                    }
                    _ => {}
                }
                if self.dice.one_in(2) {
                    let _ = write!(more, ", route_table: rt{n}");
                }
                self.line(&format!(
                    "  s{n}{s}: {{ network: net{n}, cidr: [{second}10.{p}.{s}.0/24, \
                     \"fd00:{p}:0:{s}::/64\"]{more} }}"
                ));
            }
        }
        self.line("peerings:");
        let last = if self.overlap { 1 } else { 2 };
        for (a, b) in [(0, 1), (1, 2), (0, 2)].into_iter().take(1 + last) {
            if self.dice.one_in(4) {
                continue;
            }
            let status = if self.dice.one_in(6) { "pending" } else { "active" };
            let routes = if self.dice.one_in(3) { "manual" } else { "auto" };
            self.line(&format!(
                "  p{a}{b}: {{ networks: [net{a}, net{b}], status: {status}, routes: {routes} }}"
            ));
        }
        if self.text.ends_with("peerings:\n") {
            self.line("  p01: { networks: [net0, net1] }");
        }
    }

    fn gateways(&mut self) {
        self.line("nat_gateways:");
        for n in 0..NETWORKS {
            let nodes = *self.dice.pick(&["node0", "node1", "node0, node1", "node2"]);
            self.line(&format!("  nat{n}: {{ network: net{n}, nodes: [{nodes}] }}"));
        }
        self.line("internet_gateways:");
        for n in 0..NETWORKS {
            let node = self.dice.below(2);
            self.line(&format!("  igw{n}: {{ network: net{n}, nodes: [node{node}] }}"));
            let node = self.dice.below(NODES);
            self.line(&format!(
                "  out{n}: {{ network: net{n}, nodes: [node{node}], egress_only: true }}"
            ));
        }
    }

    fn tables(&mut self) {
        self.line("route_tables:");
        for n in 0..NETWORKS {
            self.line(&format!("  rt{n}:\n    network: net{n}\n    routes:"));
            let peer = (n + 1) % NETWORKS;
            let is_peered = |text: &str, a: u64, b: u64| {
                text.contains(&format!("  p{}{}:", a.min(b), a.max(b)))
            };
            self.line("      - { to: 203.0.113.128/25, via: blackhole }");
            if is_peered(&self.text, n, peer) {
                let name = format!("p{}{}", n.min(peer), n.max(peer));
                let p = self.number(peer);
                let to = *self.dice.pick(&["0.0/16", "0.0/24", "1.0/24"]);
                self.line(&format!("      - {{ to: 10.{p}.{to}, via: {{ peering: {name} }} }}"));
                if self.dice.one_in(3) && to != "1.0/24" {
                    self.line(&format!("      - {{ to: 10.{p}.1.0/24, via: blackhole }}"));
                }
            }
            match self.dice.below(4) {
                0 => self
                    .line(&format!("      - {{ to: 0.0.0.0/0, via: {{ nat_gateway: nat{n} }} }}")),
                1 => self.line(&format!(
                    "      - {{ to: 203.0.113.0/24, via: {{ internet_gateway: igw{n} }} }}"
                )),
                2 => self.line("      - { to: 0.0.0.0/0, via: blackhole }"),
                _ => {}
            }
            if self.dice.one_in(2) {
                let gateway = *self.dice.pick(&["igw", "out"]);
                self.line(&format!(
                    "      - {{ to: \"::/0\", via: {{ internet_gateway: {gateway}{n} }} }}"
                ));
            }
        }
    }

    fn acls(&mut self) {
        self.line("network_acls:");
        for n in 0..NETWORKS {
            for a in 0..2 {
                self.line(&format!("  acl{n}{a}:\n    network: net{n}"));
                for (list, key) in [("ingress", "from"), ("egress", "to")] {
                    self.line(&format!("    {list}:"));
                    for rule in 1..=self.dice.between(1, 4) {
                        let line = self.acl_rule(rule * 10, key);
                        self.line(&line);
                    }
                    // Generous at the end more often than not, or hardly anything passes both ways.
                    if !self.dice.one_in(3) {
                        self.line(&format!(
                            "      - {{ rule: 900, action: allow, protocol: all, {key}: all }}"
                        ));
                    }
                }
            }
        }
    }

    fn acl_rule(&mut self, number: u64, key: &str) -> String {
        let action = if self.dice.one_in(2) { "allow" } else { "deny" };
        let packets = match self.dice.below(7) {
            0 => "protocol: all".to_owned(),
            1 => "protocol: tcp, ports: [80, 443]".to_owned(),
            2 => "protocol: tcp, ports: 32768-65535".to_owned(),
            3 => "protocol: udp".to_owned(),
            4 => "protocol: icmp, types: [echo-request]".to_owned(),
            5 => "ports: web".to_owned(),
            _ => "protocol: tcp, ports: 1-1023".to_owned(),
        };
        let other = match self.dice.below(6) {
            0 | 1 => "all".to_owned(),
            2 => format!("10.{}.{}.0/24", self.dice.below(NETWORKS), self.dice.below(SUBNETS)),
            3 => format!("10.{}.0.0/16", self.dice.below(NETWORKS)),
            4 => "{ prefix_list: some }".to_owned(),
            _ => format!("\"fd00:{}::/48\"", self.dice.below(NETWORKS)),
        };
        format!("      - {{ rule: {number}, action: {action}, {packets}, {key}: {other} }}")
    }

    fn nodes(&mut self) {
        self.line("nodes:");
        for n in 0..NODES - 1 {
            self.line(&format!("  node{n}: {{ region: here }}"));
        }
        let seen_as = if self.dice.one_in(2) { ", as: 10.204.4.0/24" } else { "" };
        let networks = *self.dice.pick(&["net0", "net1", "net0, net1"]);
        self.line(&format!(
            "  node2: {{ region: home, advertise: [{{ cidr: 192.168.4.0/24{seen_as}, \
             networks: [{networks}] }}] }}"
        ));
    }

    fn groups(&mut self) {
        self.line("security_groups:");
        self.line("  open: { ingress: [{ from: all }], egress: [{ to: all }] }");
        self.line("  web:\n    ingress:");
        self.line("      - { ports: web, from: { security_group: open } }");
        self.line("      - { protocol: icmp, types: [echo-request], from: { prefix_list: some } }");
        self.line("      - { protocol: udp, from: { security_group: web } }");
        self.line("    egress:");
        let to =
            *self.dice.pick(&["all", "10.0.0.0/8", "{ security_group: web }", "203.0.113.0/24"]);
        self.line(&format!("      - {{ to: {to} }}"));
    }

    fn workloads(&mut self) {
        self.line("workloads:");
        for w in 0..self.dice.between(5, 8) {
            let node = self.dice.below(NODES);
            let (net, s) = (self.dice.below(NETWORKS), self.dice.below(SUBNETS));
            let groups = *self.dice.pick(&["open", "open", "open", "web", "web, open"]);
            let other = (net + 1) % (NETWORKS - 1);
            let interfaces = if self.dice.one_in(4) && !(self.overlap && net == NETWORKS - 1) {
                format!(
                    "interfaces: {{ more: {{ subnet: s{other}{}, security_groups: [open] }} }}, ",
                    self.dice.below(SUBNETS)
                )
            } else {
                String::new()
            };
            self.line(&format!(
                "  w{w}: {{ node: node{node}, subnet: s{net}{s}, security_groups: [{groups}], \
                 {interfaces}attach: {{ serve: {{ tcp: 80, udp: 53 }} }} }}"
            ));
        }
    }
}

/// Routes of tables to what is behind nodes and workloads.
impl Maker {
    /// Puts them into the tables, from dice of their own, so that all else of a seed stays as it is.
    fn static_ways(&mut self, seed: u64) {
        let mut dice = Dice::new(seed ^ 0x57a);
        let site = if self.text.contains("as: 10.204") { "10.204.4" } else { "192.168.4" };
        for n in 0..NETWORKS {
            let mut routes = String::new();
            if dice.one_in(2) {
                // Shorter and longer than the propagated one.
                for (bits, via) in [(25, "blackhole"), (28, "{ node: node2 }")] {
                    let _ = writeln!(routes, "      - {{ to: {site}.0/{bits}, via: {via} }}");
                }
            }
            // The first subnet of a line is the workload's own, behind it are those of further interfaces.
            let own = |line: &&str| {
                let subnet = line.starts_with("  w").then(|| line.split("subnet: s").nth(1));
                subnet.flatten().is_some_and(|rest| rest.starts_with(&n.to_string()))
            };
            let members: Vec<&str> = self.text.lines().filter(own).collect();
            if !members.is_empty() && dice.one_in(2) {
                let name = dice.pick(&members).trim().split(':').next().unwrap_or_default();
                let via = format!("{{ workload: {name} }}");
                let _ = writeln!(routes, "      - {{ to: 10.99.{n}.0/24, via: {via} }}");
            }
            let head = format!("  rt{n}:\n    network: net{n}\n    routes:\n");
            self.text = self.text.replacen(&head, &format!("{head}{routes}"), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_seed_gives_a_sound_fabric_and_the_same_one() {
        for seed in 0..200 {
            let text = super::yaml(seed);
            crate::fabric(&text);
            assert_eq!(text, super::yaml(seed));
        }
    }
}
