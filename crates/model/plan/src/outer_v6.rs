//! IPv6 between a network and what is outside: not translated, so that a node's own stack has to know the way
//! back, and has one way for each prefix.

use crate::input::PlanInput;
use crate::peers;
use ipnet::IpNet;
use netloom_model::fabric::{GatewayKind, Name};
use std::net::IpAddr;

/// Whether IPv6 of a network leaves the fabric at a node: by a gateway, or for what is behind the node.
pub fn passes(input: &PlanInput<'_>, node: &str, network: &str) -> bool {
    let leaves = has_gateway(input, node, network)
        || peers::leads(input, node, network).any(|one| one.prefix.addr().is_ipv6());
    leaves && cidrs(input, network).next().is_some()
}

fn has_gateway(input: &PlanInput<'_>, node: &str, network: &str) -> bool {
    let mut gateways = input.fabric.gateways_of(network);
    gateways.any(|(_, gateway)| {
        gateway.kind != GatewayKind::Nat && gateway.nodes.iter().any(|one| one == node)
    })
}

/// The IPv6 prefixes of a network that a node's own stack brings to it from outside, over the link that
/// is for leaving; those that the stack reaches as one of the network's are not among them.
pub fn prefixes(input: &PlanInput<'_>, node: &str, network: &str) -> Vec<IpNet> {
    let is_in = input.stack_networks_of(node).contains(network);
    if is_in || !passes(input, node, network) {
        return Vec::new();
    }
    let own = cidrs(input, network);
    own.filter(|cidr| owner(input, node, cidr.addr()).is_some_and(|one| one == network)).collect()
}

/// The network to which a node's own stack brings IPv6 from outside that is for an address: of several
/// with that address, the one that the stack is in, else the first by name, of those with a gateway there before
/// others.
pub fn owner<'a>(input: &PlanInput<'a>, node: &str, address: IpAddr) -> Option<&'a Name> {
    let holds = |network: &&Name| cidrs(input, network).any(|cidr| cidr.contains(&address));
    let stack = input.stack_networks_of(node).iter().find(holds);
    let leaving = || input.networks_of(node).iter().filter(|one| passes(input, node, one));
    let by_gateway = || leaving().filter(|one| has_gateway(input, node, one)).find(holds);
    stack.or_else(by_gateway).or_else(|| leaving().find(holds))
}

fn cidrs<'a>(input: &PlanInput<'a>, network: &str) -> impl Iterator<Item = IpNet> + use<'a> {
    let networks = input.fabric.networks.get(network).into_iter();
    networks.flat_map(|network| &network.cidrs).copied().filter(|cidr| cidr.addr().is_ipv6())
}
