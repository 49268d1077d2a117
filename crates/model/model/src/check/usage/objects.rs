//! Route tables, network ACLs, prefix lists, gateways, peerings and service ports that nothing uses.

use super::warn;
use crate::decode::Decoder;
use crate::decode::network_acl::Transport;
use crate::decode::policy::Peer;
use crate::decode::routing::{Destination, Via};
use crate::diagnostic::code;
use crate::fabric::{Attach, PeeringStatus, PortRange, Protocol, ServeKind};
use crate::load::{Declared, Named};
use std::collections::BTreeSet;

/// Names that something uses.
type Used<'a> = BTreeSet<&'a str>;

/// Warns of each. Where something could not be read, it may be what uses them, and nothing is said.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    if !declared.broken.is_empty() || decoder.errors() > 0 {
        return;
    }
    let mut rules = Rules::of(declared);
    let (tables, acls) = associated(declared);
    report(&declared.route_tables, &tables, "subnet", "route table", decoder);
    report(&declared.network_acls, &acls, "subnet", "network ACL", decoder);
    report(&declared.prefix_lists, &rules.lists, "rule or route", "prefix list", decoder);
    let (nat, internet) = gateways(declared);
    report(&declared.nat_gateways, &nat, "subnet or route", "NAT gateway", decoder);
    report(&declared.internet_gateways, &internet, "subnet or route", "internet gateway", decoder);
    peerings(declared, decoder);
    service_ports(declared, &mut rules, decoder);
}

fn report<T>(all: &Named<T>, used: &Used<'_>, by: &str, what: &str, decoder: &mut Decoder) {
    for (name, entry) in all.iter().filter(|(name, _)| !used.contains(name.as_str())) {
        warn(
            decoder,
            (code::UNUSED, &entry.span),
            format!("no {by} uses the {what} `{name}`"),
            "what nothing uses changes nothing",
            "remove it, or name it where it is meant to be used",
        );
    }
}

/// Peerings in force that bring no routes of their own, and that no route leads to.
fn peerings(declared: &Declared, decoder: &mut Decoder) {
    let routes = declared.route_tables.values().flat_map(|table| &table.value.routes);
    let led_to: Used<'_> = routes
        .filter_map(|route| match &route.via {
            Via::Peering(name) => Some(name.value.as_str()),
            _ => None,
        })
        .collect();
    for (name, entry) in &declared.peerings {
        let peering = &entry.value;
        let waits = peering.is_manual && peering.status == PeeringStatus::Active;
        if waits && !led_to.contains(name.as_str()) {
            warn(
                decoder,
                (code::UNUSED, &entry.span),
                format!("no route leads to the peering `{name}`, which has `routes: manual`"),
                "without routes no packet passes it, in either direction",
                "leave `routes` out, or add a route `via: { peering: … }` to a table of each of its networks",
            );
        }
    }
}

/// Entries of the port table that no rule names and nothing serves.
fn service_ports<'a>(declared: &'a Declared, rules: &mut Rules<'a>, decoder: &mut Decoder) {
    let mut served: BTreeSet<(Protocol, u16)> = BTreeSet::new();
    for service in declared.services.values().map(|entry| &entry.value) {
        served.extend(service.protocol.zip(service.port));
    }
    for workload in declared.workloads.values().map(|entry| &entry.value) {
        served.extend(workload.publish.iter().map(|at| (at.value.protocol, at.value.to)));
        let Some(Attach::Serve(servers)) = &workload.attach else { continue };
        served.extend(servers.iter().map(|one| match one.kind {
            ServeKind::Udp => (Protocol::Udp, one.port),
            ServeKind::Http | ServeKind::Tcp => (Protocol::Tcp, one.port),
        }));
    }
    for (name, entry) in &declared.ports {
        let Some(of) = entry.value.protocol.zip(entry.value.port) else { continue };
        let is_numbered = rules.numbers.iter().any(|(protocol, range)| {
            *protocol == of.0 && (range.first..=range.last).contains(&of.1)
        });
        if is_numbered || served.contains(&of) {
            rules.ports.insert(name);
        }
    }
    report(&declared.ports, &rules.ports, "rule or server", "service port", decoder);
}

/// The route tables and network ACLs of subnets, of their own or of their network.
fn associated(declared: &Declared) -> (Used<'_>, Used<'_>) {
    let (mut tables, mut acls) = (Used::new(), Used::new());
    for subnet in declared.subnets.values() {
        let network = subnet.value.network.as_ref();
        let network = network.and_then(|network| declared.networks.get(&network.value));
        let of = network.map(|network| &network.value);
        let table = subnet.value.route_table.as_ref();
        let table = table.or_else(|| of.and_then(|network| network.route_table.as_ref()));
        tables.extend(table.map(|at| at.value.as_str()));
        let acl = subnet.value.network_acl.as_ref();
        let acl = acl.or_else(|| of.and_then(|network| network.network_acl.as_ref()));
        acls.extend(acl.map(|at| at.value.as_str()));
    }
    (tables, acls)
}

/// NAT gateways and internet gateways that a subnet or a route leads to.
fn gateways(declared: &Declared) -> (Used<'_>, Used<'_>) {
    let (mut nat, mut internet) = (Used::new(), Used::new());
    let routes = declared.route_tables.values().flat_map(|table| &table.value.routes);
    for route in routes {
        match &route.via {
            Via::NatGateway(name) => drop(nat.insert(&name.value)),
            Via::InternetGateway(name) => drop(internet.insert(&name.value)),
            Via::Peering(_) | Via::Node(_) | Via::Workload(_) | Via::Blackhole => {}
        }
    }
    let subnets = declared.subnets.values();
    nat.extend(subnets.filter_map(|one| Some(one.value.nat_gateway.as_ref()?.value.as_str())));
    let public = declared.subnets.values().filter(|one| one.value.public);
    let public: BTreeSet<&str> =
        public.filter_map(|one| Some(one.value.network.as_ref()?.value.as_str())).collect();
    for (name, gateway) in &declared.internet_gateways {
        let network = gateway.value.network.as_ref().map(|at| at.value.as_str());
        // Public subnets take the one that is not for egress alone.
        if !gateway.value.egress_only && network.is_some_and(|name| public.contains(name)) {
            internet.insert(name);
        }
    }
    (nat, internet)
}

/// What rules and routes name.
struct Rules<'a> {
    lists: Used<'a>,
    ports: Used<'a>,
    /// Ports that are named by number.
    numbers: BTreeSet<(Protocol, PortRange)>,
}

impl<'a> Rules<'a> {
    fn of(declared: &'a Declared) -> Self {
        let mut all = Self { lists: Used::new(), ports: Used::new(), numbers: BTreeSet::new() };
        for group in declared.security_groups.values() {
            for rule in group.value.ingress.iter().chain(&group.value.egress) {
                all.add(&rule.transport, std::slice::from_ref(&rule.peer));
            }
        }
        for acl in declared.network_acls.values() {
            for rule in acl.value.ingress.iter().chain(&acl.value.egress) {
                all.add(&rule.transport, &rule.peers);
            }
        }
        let routes = declared.route_tables.values().flat_map(|table| &table.value.routes);
        for route in routes {
            if let Destination::List(name) = &route.to {
                all.lists.insert(&name.value);
            }
        }
        all
    }

    fn add(&mut self, transport: &'a Transport, peers: &'a [Peer]) {
        self.ports.extend(transport.named.iter().map(|name| name.value.as_str()));
        if let Some(protocol) = transport.protocol {
            self.numbers.extend(transport.ports.iter().map(|range| (protocol, *range)));
        }
        for peer in peers {
            if let Peer::PrefixList(name) = peer {
                self.lists.insert(&name.value);
            }
        }
    }
}
