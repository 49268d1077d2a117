//! Static routes: where they lead, and that each destination has one.

use super::conflicts::belongs;
use super::network_of;
use crate::decode::routing::{Destination, Route, Via};
use crate::decode::{At, Decoder};
use crate::diagnostic::code;
use crate::fabric::Attach;
use crate::load::Declared;
use crate::span::Span;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Reports routes that cannot be.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    for table in declared.route_tables.values() {
        let Some(network) = &table.value.network else { continue };
        let mut taken: BTreeMap<IpNet, Span> = BTreeMap::new();
        for route in &table.value.routes {
            let mut checker = Checker { declared, decoder, network: &network.value, route };
            checker.next_hop();
            for prefix in destinations(declared, route) {
                checker.destination(&prefix);
                let first = taken.entry(prefix.value).or_insert_with(|| route.span.clone());
                if *first != route.span {
                    decoder.error(
                        code::TWO_ROUTES,
                        &prefix.span,
                        format!("{} has a route already", prefix.value),
                        format!("packets could go one way only; the other route is at {first}"),
                        "remove one of the two, or make one a longer prefix",
                    );
                    break;
                }
                checker = Checker { declared, decoder, network: &network.value, route };
            }
        }
    }
}

/// The prefixes of a route. Those of a list stand where the list is named.
fn destinations(declared: &Declared, route: &Route) -> Vec<At<IpNet>> {
    match &route.to {
        Destination::Prefix(prefix) => vec![prefix.clone()],
        Destination::List(name) => {
            let list = declared.prefix_lists.get(&name.value);
            let entries = list.into_iter().flat_map(|list| &list.value.entries);
            entries.map(|at| At { value: at.value, span: name.span.clone() }).collect()
        }
    }
}

struct Checker<'a> {
    declared: &'a Declared,
    decoder: &'a mut Decoder,
    network: &'a str,
    route: &'a Route,
}

impl Checker<'_> {
    /// The next hop is of the network.
    fn next_hop(&mut self) {
        let declared = self.declared;
        let (name, of, what) = match &self.route.via {
            Via::NatGateway(name) => {
                (name, network_of(&declared.nat_gateways, name, |one| &one.network), "NAT gateway")
            }
            Via::InternetGateway(name) => {
                let of = network_of(&declared.internet_gateways, name, |one| &one.network);
                (name, of, "internet gateway")
            }
            Via::Peering(name) => return self.peering(name),
            Via::Workload(name) => (name, workload_network(declared, name), "workload"),
            Via::Node(_) | Via::Blackhole => return,
        };
        if let Via::Workload(name) = &self.route.via {
            self.forwards(name);
        }
        belongs(of, self.network, name, what, self.decoder);
    }

    fn peering(&mut self, name: &At<String>) {
        let Some(peering) = self.declared.peerings.get(&name.value) else { return };
        let networks = &peering.value.networks;
        if networks.len() != 2 || networks.iter().any(|one| one.value == self.network) {
            return;
        }
        self.decoder.error(
            code::OTHER_NETWORK,
            &name.span,
            format!("`{}` does not peer the network `{}`", name.value, self.network),
            "a peering leads from one of its two networks to the other, and is not transitive",
            format!("name a peering of `{}`", self.network),
        );
    }

    fn destination(&mut self, prefix: &At<IpNet>) {
        self.not_local(prefix);
        let is_default = prefix.value.prefix_len() == 0;
        let is_v6 = prefix.value.addr().is_ipv6();
        match &self.route.via {
            Via::NatGateway(_) if is_v6 => self.wrong_family(
                prefix,
                "a NAT gateway translates IPv4",
                "IPv6 needs no translation: use an internet gateway with `egress_only: true`",
            ),
            Via::InternetGateway(name) if !is_v6 && self.is_egress_only(name) => self.wrong_family(
                prefix,
                "an egress-only gateway is for IPv6",
                "use a NAT gateway for IPv4",
            ),
            Via::Peering(_) if is_default => self.decoder.error(
                code::CONFLICT,
                &prefix.span,
                "a default route cannot lead to a peering",
                "a peering leads to the other network's own addresses, and no further",
                "name the other network's prefixes",
            ),
            Via::Node(name) => self.behind_node(prefix, name),
            _ => {}
        }
    }

    fn not_local(&mut self, prefix: &At<IpNet>) {
        let Some(network) = self.declared.networks.get(self.network) else { return };
        let mut own = network.value.cidrs.iter();
        let Some(own) = own.find(|own| own.value.contains(&prefix.value)) else { return };
        self.decoder.error(
            code::LOCAL_ROUTE,
            &prefix.span,
            format!("{} is local in `{}`", prefix.value, self.network),
            format!("{} is the network's own, and its routes cannot be changed", own.value),
            "remove the route, or route a prefix outside of the network",
        );
    }

    fn wrong_family(&mut self, prefix: &At<IpNet>, cause: &str, solution: &str) {
        let message = format!("{} cannot be reached this way", prefix.value);
        self.decoder.error(code::CONFLICT, &prefix.span, message, cause, solution);
    }

    fn is_egress_only(&self, name: &At<String>) -> bool {
        let gateway = self.declared.internet_gateways.get(&name.value);
        gateway.is_some_and(|gateway| gateway.value.egress_only)
    }

    /// A workload that forwards has a link of its own on its node.
    fn forwards(&mut self, name: &At<String>) {
        let workload = self.declared.workloads.get(&name.value);
        let attach = workload.and_then(|workload| workload.value.attach.as_ref());
        let cure = match attach {
            Some(Attach::Host) => {
                "let the node lead there: `advertise` the prefix, `via: { node: … }`"
            }
            Some(Attach::Wireguard(_)) => "let the peer lead there: `advertise` the prefix at it",
            _ => return,
        };
        self.decoder.error(
            code::CONFLICT,
            &name.span,
            format!("`{}` cannot be the next hop of a route", name.value),
            "packets are handed to a workload in a namespace of its own, by its link",
            cure,
        );
    }

    fn behind_node(&mut self, prefix: &At<IpNet>, name: &At<String>) {
        let Some(node) = self.declared.nodes.get(&name.value).filter(|node| node.whole) else {
            return;
        };
        let reached = |one: &crate::decode::routing::Advertised| {
            one.seen_as.as_ref().unwrap_or(&one.prefix).value
        };
        if node.value.advertise.iter().any(|one| reached(one).contains(&prefix.value)) {
            return;
        }
        self.decoder.error(
            code::OUTSIDE,
            &prefix.span,
            format!("{} is not behind `{}`", prefix.value, name.value),
            "a node forwards to the prefixes that it advertises",
            format!("add it to `advertise` of `{}`", name.value),
        );
    }
}

fn workload_network<'a>(declared: &'a Declared, name: &At<String>) -> Option<&'a str> {
    let workload = declared.workloads.get(&name.value)?;
    network_of(&declared.subnets, workload.value.subnet.as_ref()?, |one| &one.network)
}
