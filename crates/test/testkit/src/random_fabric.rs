//! Fabrics made from a seed: small enough for a lab, varied enough to find what is wrong.

use netloom_base::Seed;
use rand_core::RngCore;
use std::fmt::Write as _;

/// How large a random fabric may be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Most nodes.
    pub nodes_max: u64,
    /// Most workloads.
    pub workloads_max: u64,
    /// Most security groups.
    pub groups_max: u64,
    /// Most networks.
    pub networks_max: u64,
    /// Most stock peers, which a lab cannot have.
    pub peers_max: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self { nodes_max: 3, workloads_max: 7, groups_max: 4, networks_max: 2, peers_max: 0 }
    }
}

/// The text of a random fabric. The same seed gives the same text.
pub fn yaml(seed: u64, size: Size) -> String {
    let mut dice = Dice { rng: Box::new(Seed::from_number(seed).rng()) };
    let nodes = dice.between(1, size.nodes_max);
    let networks = dice.between(1, size.networks_max);
    let overlap = dice.one_in(5);
    let groups = dice.between(1, size.groups_max);
    let workloads = dice.between(2, size.workloads_max);
    let mut text = String::from("version: 1\nfabric: random\nregions:\n  here: { zones: [a] }\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "networks:");
    for n in 0..networks {
        let p = if overlap { 0 } else { n };
        let _ = writeln!(text, "  net{n}: {{ cidr: [10.{p}.0.0/16, \"fd00:{p}::/48\"] }}");
    }
    let _ = writeln!(text, "subnets:");
    for n in 0..networks {
        let p = if overlap { 0 } else { n };
        for s in 0..2 {
            let v6 =
                if dice.one_in(5) { String::new() } else { format!(", \"fd00:{p}:0:{s}::/64\"") };
            let reserved =
                if size.peers_max > 0 && dice.one_in(3) { ", reserved: last" } else { "" };
            let _ = writeln!(
                text,
                "  s{n}{s}: {{ network: net{n}, cidr: [10.{p}.{s}.0/24{v6}]{reserved} }}"
            );
        }
    }
    let _ = writeln!(text, "nodes:");
    for n in 0..nodes {
        let _ = writeln!(text, "  node{n}: {{ region: here }}");
    }
    let _ = writeln!(text, "security_groups:");
    for g in 0..groups {
        let _ = writeln!(text, "  g{g}:");
        for (list, key) in [("ingress", "from"), ("egress", "to")] {
            let _ = writeln!(text, "    {list}:");
            for _ in 0..dice.between(1, 3) {
                let _ = writeln!(text, "      - {}", dice.rule(key, groups, networks));
            }
        }
    }
    let _ = writeln!(text, "workloads:");
    for w in 0..workloads {
        let (node, net, s) = (dice.below(nodes), dice.below(networks), dice.below(2));
        let of = dice.groups(groups);
        // One stack cannot be in networks that overlap, so the host has no workloads there.
        let host = !overlap && dice.one_in(6);
        let attach = if host { "host" } else { "{ serve: { tcp: 80, udp: 53 } }" };
        let _ = writeln!(
            text,
            "  w{w}: {{ node: node{node}, subnet: s{net}{s}, security_groups: [{of}], \
             attach: {attach} }}"
        );
    }
    if size.peers_max > 0 {
        for n in 0..dice.between(0, size.peers_max) {
            let net = dice.below(networks);
            let p = if overlap { 0 } else { net };
            let line = dice.peer(n, [nodes, net, p], groups);
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// Random choices from a seed.
pub struct Dice {
    rng: Box<dyn RngCore>,
}

impl std::fmt::Debug for Dice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dice")
    }
}

impl Dice {
    /// Choices that depend on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self { rng: Box::new(Seed::from_number(seed).rng()) }
    }

    /// A number below `end`, which is not 0. The bias is far below what tests could see.
    pub fn below(&mut self, end: u64) -> u64 {
        self.rng.next_u64() % end
    }

    /// A number from `first` to `last`.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `items`.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(items.len() as u64);
        &items[usize::try_from(index).unwrap_or(0)]
    }

    fn groups(&mut self, groups: u64) -> String {
        let mut of: Vec<String> = Vec::new();
        for g in 0..groups {
            if !self.one_in(3) {
                of.push(format!("g{g}"));
            }
        }
        of.join(", ")
    }

    fn rule(&mut self, key: &str, groups: u64, networks: u64) -> String {
        // Generous rules too, or hardly a random flow would be allowed on both sides.
        let flow = match self.below(8) {
            0 | 5..8 => String::new(),
            1 => "protocol: icmp, ".to_owned(),
            2 => "protocol: tcp, ".to_owned(),
            3 => format!("protocol: tcp, ports: {}, ", self.ports()),
            _ => format!("protocol: udp, ports: [{}, {}], ", self.ports(), self.ports()),
        };
        let peer = match self.below(8) {
            0 | 5..8 => "all".to_owned(),
            1 => format!("10.{}.{}.0/24", self.below(networks), self.below(2)),
            2 if self.one_in(3) => "\"::/0\"".to_owned(),
            2 => format!("\"fd00:{}::/{}\"", self.below(networks), self.pick(&[48, 64])),
            _ => format!("{{ security_group: g{} }}", self.below(groups)),
        };
        format!("{{ {flow}{key}: {peer} }}")
    }

    /// A stock peer: with a key or without, with nothing behind it or with prefixes that lie in
    /// others', in the network or beside it.
    fn peer(&mut self, number: u64, [nodes, net, prefix]: [u64; 3], groups: u64) -> String {
        let behind = [
            format!("192.168.{number}.0/24"),
            format!("172.16.0.0/{}", 12 + number),
            format!("10.{prefix}.{}.0/24", 128 + number),
            format!("10.0.0.0/{}", 15 - number.min(6)),
            format!("\"fd00:{prefix}:0:{}::/64\"", 8 + number),
        ];
        let mut advertise: Vec<String> = Vec::new();
        for prefix in behind {
            if self.one_in(3) {
                advertise.push(prefix);
            }
        }
        let key = format!("{}{}=", "A".repeat(42), ["E", "I", "M", "Q"][(number % 4) as usize]);
        let attach = if self.one_in(4) { String::new() } else { format!("public_key: \"{key}\"") };
        let (node, s, of) = (self.below(nodes), self.below(2), self.groups(groups));
        format!(
            "p{number}: {{ node: node{node}, subnet: s{net}{s}, security_groups: [{of}], \
             advertise: [{}], attach: {{ wireguard: {{ {attach} }} }} }}",
            advertise.join(", ")
        )
    }

    fn ports(&mut self) -> String {
        const EDGES: [u64; 6] = [1, 53, 80, 443, 8080, 65535];
        let (a, b) = (*self.pick(&EDGES), *self.pick(&EDGES));
        if a == b { a.to_string() } else { format!("{}-{}", a.min(b), a.max(b)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_gives_a_sound_fabric_and_the_same_one() {
        for seed in 0..200 {
            for peers_max in [0, 4] {
                let size = Size { peers_max, ..Size::default() };
                let text = yaml(seed, size);
                crate::fabric(&text);
                assert_eq!(text, yaml(seed, size));
            }
        }
    }
}
