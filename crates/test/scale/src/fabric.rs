//! A large fabric as text: networks of many nodes, workloads spread over them, groups that refer to each other.

use std::fmt::Write as _;

/// How large a fabric is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    pub(crate) workloads: usize,
    pub(crate) groups: usize,
}

impl Size {
    /// Networks: one for each 50 workloads.
    pub(crate) fn networks(self) -> usize {
        (self.workloads / 50).max(1)
    }
}

/// The name of the fabric.
pub(crate) const FABRIC: &str = "scale";

/// The text; `edition` changes the ports of one group, and with them what one workload admits.
pub(crate) fn text(size: Size, edition: u16) -> String {
    let networks = size.networks();
    let mut text = format!("version: 1\nfabric: {FABRIC}\nregions: {{ here: {{}} }}\nnetworks:\n");
    for network in 0..networks {
        let (a, b) = (network / 200, network % 200);
        let _ = writeln!(text, "  n{network}: {{ cidr: [10.{b}.{}.0/20] }}", a * 16);
    }
    text.push_str("subnets:\n");
    for network in 0..networks {
        let (a, b) = (network / 200, network % 200);
        let _ =
            writeln!(text, "  s{network}: {{ network: n{network}, cidr: 10.{b}.{}.0/21 }}", a * 16);
    }
    text.push_str("nodes:\n");
    for node in 0..size.nodes {
        let _ = writeln!(text, "  node-{node}: {{ region: here }}");
    }
    text.push_str("security_groups:\n");
    for group in 0..size.groups {
        let port = if group == 0 { 10_000 + edition } else { 8080 };
        let other = (group + 1) % size.groups;
        let _ = writeln!(
            text,
            "  g{group}: {{ ingress: [{{ protocol: tcp, ports: {port}, from: {{ security_group: g{other} }} }}], \
             egress: [{{ to: all }}] }}"
        );
    }
    text.push_str("workloads:\n");
    for workload in 0..size.workloads {
        // Neighbours in a network are on different nodes.
        let (node, network) = (workload % size.nodes, workload / 50 % networks);
        let group = workload % size.groups;
        let _ = writeln!(
            text,
            "  w{workload}: {{ node: node-{node}, subnet: s{network}, security_groups: [g{group}], \
             attach: {{ serve: {{ tcp: 8080 }} }} }}"
        );
    }
    text
}
