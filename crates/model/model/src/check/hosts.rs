//! The nodes' own stacks: one stack cannot take part in two networks whose prefixes overlap.

use crate::decode::workload::Workload;
use crate::decode::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::Attach;
use crate::load::{Declared, Entry};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

type NamedWorkload<'a> = (&'a String, &'a Entry<Workload>);

/// Refuses workloads on a stack that their network cannot join, and warns where a stack stays out.
///
/// The planner lets a node's stack join the networks of its workloads in the order of their names,
/// and leaves out each one that overlaps with one before; this says so to the user.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut by_node: BTreeMap<&str, BTreeMap<&str, Vec<NamedWorkload<'_>>>> = BTreeMap::new();
    for (name, workload) in &declared.workloads {
        let (Some(node), Some(subnet)) = (&workload.value.node, &workload.value.subnet) else {
            continue;
        };
        let subnet = declared.subnets.get(&subnet.value);
        if let Some(At { value, .. }) = subnet.and_then(|subnet| subnet.value.network.as_ref()) {
            let networks = by_node.entry(&node.value).or_default();
            networks.entry(value).or_default().push((name, workload));
        }
    }
    for (node, networks) in by_node {
        let mut joined = Joined::default();
        for (network, workloads) in networks {
            let Some(entry) = declared.networks.get(network) else { continue };
            let cidrs = entry.value.cidrs.iter().map(|prefix| prefix.value);
            if let Some(other) = joined.join(network, cidrs) {
                report(declared, node, [network, other], &workloads, decoder);
            }
        }
    }
}

/// The prefixes that a stack has joined, each with its network: none contains another.
#[derive(Default)]
struct Joined<'a> {
    prefixes: BTreeSet<(IpNet, &'a str)>,
}

impl<'a> Joined<'a> {
    /// Joins `network`, or gives the network that it overlaps with.
    fn join(
        &mut self,
        network: &'a str,
        cidrs: impl Iterator<Item = IpNet> + Clone,
    ) -> Option<&'a str> {
        for cidr in cidrs.clone() {
            let overlapping =
                |(prefix, _): &&(IpNet, &str)| prefix.contains(&cidr) || cidr.contains(prefix);
            // Prefixes sort by address, so one that overlaps is the next before or after.
            let before = self.prefixes.range(..=(cidr, "\u{10ffff}")).next_back();
            let after = self.prefixes.range((cidr, "")..).next();
            if let Some((_, other)) = before.into_iter().chain(after).find(overlapping) {
                return Some(other);
            }
        }
        self.prefixes.extend(cidrs.map(|cidr| (cidr, network)));
        None
    }
}

fn report(
    declared: &Declared,
    node: &str,
    [network, other]: [&str; 2],
    workloads: &[NamedWorkload<'_>],
    decoder: &mut Decoder,
) {
    let cause = format!(
        "`{network}` overlaps with `{other}`, which the stack of `{node}` is in already; \
         one stack cannot tell their addresses apart"
    );
    let on_host = |(_, workload): &&NamedWorkload<'_>| workload.value.attach == Some(Attach::Host);
    let mut refused = false;
    for (name, workload) in workloads.iter().filter(on_host) {
        refused = true;
        decoder.error(
            code::HOST_OVERLAP,
            &workload.span,
            format!("`{name}` is on the stack of `{node}`, which cannot join `{network}`"),
            cause.clone(),
            "run it in a namespace of its own (process, container, netns), or on another node",
        );
    }
    if let Some(entry) = declared.nodes.get(node).filter(|_| !refused) {
        let found = Diagnostic::error(
            code::HOST_LEFT_OUT,
            &entry.span,
            format!("`{node}` itself takes no part in `{network}`; its workloads do"),
            cause,
            "if the node itself is to reach this network, give it prefixes of its own",
        );
        decoder.push(found.into_warning());
    }
}
