//! Resolvers inside of the fabric that nodes do not reach: a node asks them from its own stack.

use super::{Words, warning};
use crate::assumed::Assumed;
use crate::input::PlanInput;
use crate::names;
use crate::reach::{self, Answer, Flow, StepKind};
use netloom_model::Diagnostic;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{Fabric, Name, Network, Party, Protocol};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The port of DNS.
const DNS: u16 = 53;

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let asked = |(name, network): (&Name, &Network)| {
        let foreign = names::foreign_resolvers(fabric, name);
        let inside = foreign.into_iter().filter(|one| network_of(fabric, *one).is_some());
        inside.map(|one| (name.clone(), network.span.clone(), one)).collect::<Vec<_>>()
    };
    let asked: Vec<_> = fabric.networks.iter().flat_map(asked).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let world = Assumed::of(fabric);
    let input = world.input(fabric);
    let one = |(network, span, resolver): (Name, _, IpAddr)| {
        let workloads = input.workloads_in(&network);
        let nodes: BTreeSet<&Name> = workloads.map(|(_, workload)| &workload.node).collect();
        let (node, (cause, solution)) =
            nodes.into_iter().find_map(|node| Some((node, why_not(&input, node, resolver)?)))?;
        let message = format!("`{node}` does not reach {resolver}, a resolver of `{network}`");
        Some(warning(code::RESOLVER_UNREACHED, &span, Words { message, cause, solution }))
    };
    asked.into_iter().filter_map(one).collect()
}

/// The network that has an address among its prefixes.
fn network_of(fabric: &Fabric, address: IpAddr) -> Option<&Name> {
    let mut networks = fabric.networks.iter();
    let has = |network: &Network| network.cidrs.iter().any(|cidr| cidr.contains(&address));
    networks.find(|(_, network)| has(network)).map(|(name, _)| name)
}

/// Why a node's own stack gets no answer of a resolver, and what to do; nothing if it does.
fn why_not(input: &PlanInput<'_>, node: &Name, resolver: IpAddr) -> Option<(String, String)> {
    let fabric = input.fabric;
    let stack = input.stack_networks_of(node);
    let has = |name: &&Name| fabric.networks[*name].cidrs.iter().any(|one| one.contains(&resolver));
    let Some(network) = stack.iter().find(has) else {
        let cause = format!("nodes ask from their own stack, and that of `{node}` is not in there");
        return Some((cause, REACHED.to_owned()));
    };
    let ipv6 = resolver.is_ipv6();
    // A workload of the host speaks for it, where there is one of the family.
    let mut own = input.workloads_of(network, node).filter(|(_, workload)| workload.is_host());
    let speaks =
        own.find(|(name, _)| input.addresses(name).iter().any(|address| address.is_ipv6() == ipv6));
    let from = match speaks {
        Some((name, _)) => Party::Workload(name.clone()),
        None if ipv6 => Party::Node(node.clone()),
        None => {
            let cause = format!(
                "nodes ask from their own stack, and that of `{node}` has no address of IPv4 in \
                 `{network}`"
            );
            return Some((cause, format!("name it by an IPv6 address, or {REACHED}")));
        }
    };
    let flow =
        Flow { from, to: Party::Address(resolver), protocol: Protocol::Udp, port: Some(DNS) };
    let answers = reach::reach(input, &flow).unwrap_or_default();
    if answers.iter().any(Answer::passes) {
        return None;
    }
    let obstacle = answers.iter().find_map(Answer::obstacle)?;
    let solution = match obstacle.kind {
        StepKind::Egress | StepKind::Ingress => format!(
            "give `{node}` a security group, and let it in there: {{ protocol: udp, ports: {DNS}, \
             from: {{ security_group: … }} }}"
        ),
        _ => obstacle.remedy.clone().unwrap_or_else(|| REACHED.to_owned()),
    };
    Some((obstacle.finding.clone(), solution))
}

const REACHED: &str = "name a resolver that the nodes reach without the fabric";
