//! The steps of a flow that leaves the fabric, or comes from outside: routes, gateways, what is behind nodes.

use super::StepKind;
use super::beyond::origin;
use super::steps::{Place, Walk};
use crate::ways::{self, Way};
use crate::{outer_v6, peers};
use netloom_model::fabric::{Gateway, GatewayKind, Name, NextHop};
use netloom_policy::Direction;
use std::net::IpAddr;

impl<'a> Walk<'a> {
    pub(super) fn outwards(&mut self, from: &Place<'a>) {
        let Some(network) = from.network else { return self.no_way_out(from) };
        self.acl(from, Direction::Egress);
        self.unless_stopped(|walk| walk.policy(from, network, Direction::Egress));
        self.unless_stopped(|walk| walk.leaves(from, network));
        self.unless_stopped(|walk| walk.enter_forwarder(from, network));
        self.unless_stopped(|walk| walk.acl_of_answer(from, Direction::Ingress));
    }

    /// The way out alone, whatever policy says.
    pub(super) fn way_out(&mut self, from: &Place<'a>) {
        match from.network {
            Some(network) => self.leaves(from, network),
            None => self.no_way_out(from),
        }
    }

    fn no_way_out(&mut self, from: &Place<'a>) {
        let (address, is_fabrics) = (self.to.address, self.is_fabrics(self.to.address));
        let finding = match (is_fabrics, from.on_stack) {
            (true, _) => format!("{address} is in the fabric, and nobody's"),
            (false, true) => format!(
                "the fabric leads nothing of `{}`'s own stack to {address}: it calls that by the host's own links, if at all",
                from.node
            ),
            (false, false) => {
                format!("{address} is in no network of the fabric, and no way leads out")
            }
        };
        let remedy = match is_fabrics {
            true => "correct the address, or give it to a workload",
            false => "call from a workload in a namespace of its own, by a gateway",
        };
        let change = self.open_outwards(from);
        self.stop_unless((StepKind::Route, finding), Some(from.span), change, remedy);
    }

    /// The way of a flow to what is not in the fabric.
    fn leaves(&mut self, from: &Place<'a>, network: &'a Name) {
        if from.on_stack {
            // A process there reaches it without the fabric, or not.
            return self.no_way_out(from);
        }
        let own = &self.input.fabric.networks[network];
        if own.cidrs.iter().any(|cidr| cidr.contains(&self.to.address)) {
            let finding = format!("{} is in `{network}`, and nobody's", self.to.address);
            let remedy = "correct the address, or give it to a workload";
            return self.stop(StepKind::Route, finding, Some(&own.span), remedy);
        }
        let ways = self.ways_of(from);
        let Some(way) = ways::longest(&ways, self.to.address) else {
            return self.no_way_out(from);
        };
        let fabric = self.input.fabric;
        match &way.via {
            NextHop::Gateway(name) => match fabric.gateways.get_key_value(name) {
                Some((name, gateway)) => self.by_gateway(from, way, name, gateway),
                None => self.no_way_out(from),
            },
            NextHop::Node(node) if !ways::leads_to(fabric, node, network, way.to) => {
                let finding = format!("`{node}` does not lead to {} for `{network}`", way.to);
                let remedy =
                    format!("add `{network}` to the `networks` of what `{node}` advertises");
                self.stop(StepKind::Route, finding, Some(&way.span), &remedy);
            }
            NextHop::Node(node) => {
                let finding = format!("{} is behind node `{node}`{}", way.to, origin(way));
                self.pass(StepKind::Route, finding, Some(&way.span));
                if let Some((node, _)) = fabric.nodes.get_key_value(node) {
                    self.tunnel_to(from, node, network);
                    self.unless_stopped(|walk| walk.comes_back(node, network, StepKind::Answer));
                }
            }
            NextHop::Workload(name) => {
                let finding = format!("{} is behind `{name}`{}", way.to, origin(way));
                self.pass(StepKind::Route, finding, Some(&way.span));
                if let Some(workload) = fabric.workloads.get(name) {
                    self.tunnel_to(from, &workload.node, network);
                }
            }
            NextHop::Peering(name) => {
                let finding =
                    format!("{} leads to the peering `{name}`, where nobody has it", way.to);
                self.stop(
                    StepKind::Route,
                    finding,
                    Some(&way.span),
                    "correct the address or the route",
                );
            }
            NextHop::Blackhole => {
                let finding = format!("{} is a blackhole{}", way.to, origin(way));
                let change = self.open_outwards(from);
                let stop = (StepKind::Route, finding);
                self.stop_unless(stop, Some(&way.span), change, "remove the route");
            }
        }
    }

    fn by_gateway(&mut self, from: &Place<'a>, way: &Way, name: &'a Name, gateway: &'a Gateway) {
        let address = self.to.address;
        if !ways::serves(gateway, address.is_ipv6()) {
            let finding = format!("the gateway `{name}` takes no packets of this family");
            let remedy = "route this family to another gateway";
            let (stop, change) = ((StepKind::Route, finding), self.open_outwards(from));
            return self.stop_unless(stop, Some(&gateway.span), change, remedy);
        }
        if self.is_fabrics(address) {
            let finding = format!("{address} is in the fabric, and never leaves by a gateway");
            let remedy = "peer the networks, or correct the address";
            return self.stop(StepKind::Route, finding, Some(&way.span), remedy);
        }
        let finding =
            format!("{} leads to the {} `{name}`{}", way.to, kind_word(gateway.kind), origin(way));
        self.pass(StepKind::Route, finding, Some(&way.span));
        let node = match gateway.nodes.iter().find(|node| *node == from.node) {
            Some(node) => node,
            None => match gateway.nodes.first() {
                Some(node) => node,
                None => {
                    let finding = format!("the gateway `{name}` is on no node");
                    let remedy = "name nodes for it";
                    return self.stop(StepKind::Gateway, finding, Some(&gateway.span), remedy);
                }
            },
        };
        self.tunnel_to(from, node, &gateway.network);
        self.unless_stopped(|walk| {
            let how = if address.is_ipv6() { "as it is" } else { "by the node's own address" };
            let finding = format!("it leaves at node `{node}`{}, {how}", others(from, gateway));
            walk.pass(StepKind::Gateway, finding, Some(&gateway.span));
        });
        self.unless_stopped(|walk| walk.comes_back(node, &gateway.network, StepKind::Answer));
    }

    /// Whether what is for the fabric's end comes to its network, where a node has it from outside: IPv6 is not
    /// translated, and of equal prefixes only one can have it.
    fn comes_back(&mut self, node: &Name, network: &Name, kind: StepKind) {
        let address = if kind == StepKind::Answer { self.source } else { self.to }.address;
        if address.is_ipv4() {
            return;
        }
        let owner = outer_v6::owner(self.input, node, address);
        if let Some(other) = owner.filter(|other| *other != network) {
            let finding = format!(
                "from outside, {address} is in `{other}`, which has the prefix at `{node}` too"
            );
            let remedy =
                "give one of the networks another IPv6 prefix, or a gateway on another node";
            let span = self.input.fabric.networks[network].span.clone();
            self.stop(kind, finding, Some(&span), remedy);
        }
    }

    /// Whether an address is in a network's prefixes or is a node's.
    pub(super) fn is_fabrics(&self, address: IpAddr) -> bool {
        let fabric = self.input.fabric;
        let mut cidrs = fabric.networks.values().flat_map(|network| &network.cidrs);
        cidrs.any(|cidr| cidr.contains(&address))
            || fabric
                .nodes
                .keys()
                .any(|node| IpAddr::from(self.input.node_address(node)) == address)
    }

    // === from outside ===

    pub(super) fn inwards(&mut self, to: &Place<'a>) {
        let Some((network, gateway)) = self.entry(to) else { return self.no_way_in(to) };
        if self.to.address.is_ipv4() && !self.is_published() {
            let finding = format!("{} does not publish {}", to.what, self.flow_words());
            let remedy = "publish a port of TCP or UDP: nothing else can be called from outside";
            let (stop, change) = ((StepKind::Gateway, finding), self.publishing(network));
            return self.stop_unless(stop, Some(to.span), change, remedy);
        }
        self.comes_in(to, network, gateway);
        self.unless_stopped(|walk| walk.acl(to, Direction::Ingress));
        self.unless_stopped(|walk| walk.policy(to, network, Direction::Ingress));
        self.unless_stopped(|walk| walk.acl_of_answer(to, Direction::Egress));
    }

    /// The way in alone, whatever policy says and whatever is published.
    pub(super) fn way_in(&mut self, to: &Place<'a>) {
        match self.entry(to) {
            Some((network, gateway)) => self.comes_in(to, network, gateway),
            None => self.no_way_in(to),
        }
    }

    /// The network of a place, and the internet gateway by which calls come to it: where its answers leave.
    fn entry(&self, to: &Place<'a>) -> Option<(&'a Name, (&'a Name, &'a Gateway))> {
        let network = to.network.filter(|_| !to.on_stack)?;
        let ways = self.ways_of(to);
        let NextHop::Gateway(name) = &ways::longest(&ways, self.source.address)?.via else {
            return None;
        };
        let gateway = self.input.fabric.gateways.get_key_value(name)?;
        (gateway.1.kind == GatewayKind::Internet).then_some((network, gateway))
    }

    fn comes_in(
        &mut self,
        to: &Place<'a>,
        network: &'a Name,
        (name, gateway): (&'a Name, &'a Gateway),
    ) {
        let outer = self.outer_port().unwrap_or_default();
        let finding = format!("it comes in by the internet gateway `{name}`{outer}");
        self.pass(StepKind::Gateway, finding, Some(&gateway.span));
        if let Some(node) = gateway.nodes.first() {
            self.comes_back(node, network, StepKind::Gateway);
            self.unless_stopped(|walk| walk.tunnel_from(node, to, network));
        }
    }

    // === tunnels ===

    fn tunnel_to(&mut self, from: &Place<'a>, node: &'a Name, network: &Name) {
        if from.node == node {
            return;
        }
        self.node_tunnel(from.node, node, network);
    }

    fn tunnel_from(&mut self, node: &'a Name, to: &Place<'a>, network: &Name) {
        if to.node == node {
            return;
        }
        self.node_tunnel(node, to.node, network);
    }

    fn node_tunnel(&mut self, from: &'a Name, to: &'a Name, network: &Name) {
        let forth = peers::endpoint(self.input, from, to);
        let back = peers::endpoint(self.input, to, from);
        match (forth, back) {
            (Some(endpoint), _) => {
                let at = crate::assumed::at(endpoint);
                let finding = format!("WireGuard of `{network}` from `{from}` to `{to}`{at}");
                self.pass(StepKind::Tunnel, finding, None);
            }
            (None, Some(_)) => {
                let finding = format!("WireGuard of `{network}`, kept open by `{to}`");
                self.pass(StepKind::Tunnel, finding, None);
            }
            (None, None) => {
                let finding = format!("neither `{from}` nor `{to}` can call the other");
                let remedy = "put one of the nodes where it can be called (a region without nat)";
                let span = self.input.fabric.nodes[to].span.clone();
                self.stop(StepKind::Tunnel, finding, Some(&span), remedy);
            }
        }
    }
}

fn kind_word(kind: GatewayKind) -> &'static str {
    match kind {
        GatewayKind::Nat => "NAT gateway",
        GatewayKind::Internet => "internet gateway",
        GatewayKind::EgressOnly => "egress-only gateway",
    }
}

/// Nodes that packets of a place may leave at too: who has taken over keeps them.
fn others(from: &Place<'_>, gateway: &Gateway) -> String {
    let others: Vec<_> = gateway.nodes.iter().skip(1).map(|node| format!("`{node}`")).collect();
    if others.is_empty() || gateway.nodes.contains(from.node) {
        return String::new();
    }
    format!(" (or {}, where it has not answered since)", others.join(" or "))
}
