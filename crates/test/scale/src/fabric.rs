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

/// What is declared beside a fabric of a size: one number for each kind of change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edition {
    /// The port of one group, and with it what a handful of workloads admit.
    pub(crate) port: u16,
    /// Which extra workload there is on the first node.
    pub(crate) workload: u16,
    /// Which prefix an extra network has, that every node stops on its own stack.
    pub(crate) network: u16,
}

/// The text of an edition.
pub(crate) fn text(size: Size, edition: Edition) -> String {
    let networks = size.networks();
    let mut text = format!("version: 1\nfabric: {FABRIC}\nregions: {{ here: {{}} }}\nnetworks:\n");
    for network in 0..networks {
        let (a, b) = (network / 200, network % 200);
        let _ = writeln!(text, "  n{network}: {{ cidr: [10.{b}.{}.0/20] }}", a * 16);
    }
    let _ = writeln!(text, "  extra: {{ cidr: [192.168.{}.0/24] }}", edition.network);
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
        let port = if group == 0 { 10_000 + edition.port } else { 8080 };
        let other = (group + 1) % size.groups;
        let _ = writeln!(
            text,
            "  g{group}: {{ ingress: [{{ protocol: tcp, ports: {port}, from: {{ security_group: g{other} }} }}], \
             egress: [{{ to: all }}] }}"
        );
    }
    text.push_str("workloads:\n");
    let _ = writeln!(
        text,
        "  extra-{}: {{ node: node-0, subnet: s0, security_groups: [g0], attach: {{ serve: {{ tcp: 8080 }} }} }}",
        edition.workload
    );
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
