//! A network with all that is in it, as the API shows it.

use crate::api_part::Part;
use crate::world::World;
use ipnet::IpNet;
use netloom_api::{Gateway, Member, Network, Peering, Route, RouteTable, Rule, RuleSet, Subnet};
use netloom_model::Fabric;
use netloom_model::fabric::{
    self, AclRule, GatewayKind, GroupRule, IcmpTypes, Name, NextHop, ObjectKind, Peer, PortRange,
    Protocol,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn network(world: &World, name: &str) -> Network {
    let api = Part::read(world.accepted.declared.api.as_deref());
    let view = View { world, fabric: &world.accepted.fabric, api: &api, name };
    let declared = &view.fabric.networks[name];
    let subnets: BTreeMap<String, Subnet> = view.subnets().collect();
    Network {
        name: name.to_owned(),
        uid: view.uid(ObjectKind::Network, name),
        cidrs: texts(&declared.cidrs),
        domain: declared.domain.clone(),
        owner: view.owner("networks", name),
        region: declared.region.clone(),
        zones: declared.zones.iter().cloned().collect(),
        resolvers: texts(&declared.resolvers),
        tags: declared.tags.clone(),
        subnets: subnets.iter().map(|(name, one)| (name.clone(), one.cidrs.clone())).collect(),
        subnet_details: subnets,
        route_tables: view.route_tables().collect(),
        gateways: view.gateways().collect(),
        peerings: view.peerings().collect(),
        network_acls: view.network_acls().collect(),
        security_groups: view.security_groups().collect(),
        nodes: world.accepted.memberships.of_network(name).into_iter().flatten().cloned().collect(),
        workloads: view.workloads().map(|(name, one)| view.member(name, one)).collect(),
    }
}

/// What is asked about.
#[derive(Clone, Copy)]
struct View<'a> {
    world: &'a World,
    fabric: &'a Fabric,
    /// What was declared over the API.
    api: &'a Part,
    name: &'a str,
}

impl<'a> View<'a> {
    fn owner(self, section: &str, name: &str) -> String {
        if self.api.owns(section, name) { "api".to_owned() } else { "file".to_owned() }
    }

    fn uid(self, kind: ObjectKind, name: &str) -> String {
        self.world.uid(kind, name).to_string()
    }

    fn workloads(self) -> impl Iterator<Item = (&'a Name, &'a fabric::Workload)> {
        let all = self.fabric.workloads.iter();
        all.filter(move |(_, one)| self.fabric.network_of(one) == self.name)
    }

    fn member(self, name: &str, one: &fabric::Workload) -> (String, Member) {
        let addresses = self.world.leases.workloads.get(name).into_iter().flatten();
        let member = Member {
            uid: self.uid(ObjectKind::Workload, name),
            node: one.node.clone(),
            addresses: addresses.map(ToString::to_string).collect(),
            security_groups: one.security_groups.iter().cloned().collect(),
            owner: self.owner("workloads", name),
        };
        (name.to_owned(), member)
    }

    fn subnets(self) -> impl Iterator<Item = (String, Subnet)> {
        let own = self.fabric.subnets.iter().filter(move |(_, one)| one.network == self.name);
        own.map(move |(name, one)| {
            let subnet = Subnet {
                uid: self.uid(ObjectKind::Subnet, name),
                cidrs: texts(&one.cidrs),
                zone: one.zone.clone(),
                public: one.public,
                route_table: one.route_table.clone(),
                nat_gateway: one.nat_gateway.clone(),
                network_acl: one.network_acl.clone(),
                tags: one.tags.clone(),
                owner: self.owner("subnets", name),
            };
            (name.clone(), subnet)
        })
    }

    fn route_tables(self) -> impl Iterator<Item = (String, RouteTable)> {
        let own = self.fabric.route_tables.iter().filter(move |(_, one)| one.network == self.name);
        own.map(move |(name, one)| {
            let table = RouteTable {
                uid: self.uid(ObjectKind::RouteTable, name),
                routes: one.routes.iter().map(route).collect(),
                tags: one.tags.clone(),
                owner: self.owner("route_tables", name),
            };
            (name.clone(), table)
        })
    }

    fn gateways(self) -> impl Iterator<Item = (String, Gateway)> {
        self.fabric.gateways_of(self.name).map(move |(name, one)| {
            let (section, kind) = match one.kind {
                GatewayKind::Nat => ("nat_gateways", "nat"),
                GatewayKind::Internet => ("internet_gateways", "internet"),
                GatewayKind::EgressOnly => ("internet_gateways", "egress only"),
            };
            let gateway = Gateway {
                uid: self.uid(ObjectKind::Gateway, name),
                kind: kind.to_owned(),
                nodes: one.nodes.clone(),
                tags: one.tags.clone(),
                owner: self.owner(section, name),
            };
            (name.clone(), gateway)
        })
    }

    /// Those that are not in force, too.
    fn peerings(self) -> impl Iterator<Item = (String, Peering)> {
        let all = self.fabric.peerings.iter();
        let own = all.filter(move |(_, one)| one.networks.iter().any(|name| name == self.name));
        own.map(move |(name, one)| {
            let routes = if one.has_own_routes { "auto" } else { "manual" };
            let peering = Peering {
                uid: self.uid(ObjectKind::Peering, name),
                networks: one.networks.clone(),
                status: one.status.word().to_owned(),
                routes: routes.to_owned(),
                tags: one.tags.clone(),
                owner: self.owner("peerings", name),
            };
            (name.clone(), peering)
        })
    }

    fn network_acls(self) -> impl Iterator<Item = (String, RuleSet)> {
        let own = self.fabric.network_acls.iter().filter(move |(_, one)| one.network == self.name);
        own.map(move |(name, one)| {
            let rules = RuleSet {
                uid: self.uid(ObjectKind::NetworkAcl, name),
                ingress: one.ingress.iter().map(acl_rule).collect(),
                egress: one.egress.iter().map(acl_rule).collect(),
                tags: one.tags.clone(),
                owner: self.owner("network_acls", name),
            };
            (name.clone(), rules)
        })
    }

    /// Groups are a fabric's: those that the network's workloads are members of.
    fn security_groups(self) -> impl Iterator<Item = (String, RuleSet)> {
        let used: BTreeSet<&Name> =
            self.workloads().flat_map(|(_, one)| &one.security_groups).collect();
        let found = used.into_iter().filter_map(move |name| {
            let one = self.fabric.security_groups.get(name)?;
            Some((name, one))
        });
        found.map(move |(name, one)| {
            let rules = RuleSet {
                uid: self.uid(ObjectKind::SecurityGroup, name),
                ingress: one.ingress.iter().map(group_rule).collect(),
                egress: one.egress.iter().map(group_rule).collect(),
                tags: one.tags.clone(),
                owner: self.owner("security_groups", name),
            };
            (name.clone(), rules)
        })
    }
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn route(route: &fabric::Route) -> Route {
    let (kind, via) = match &route.via {
        NextHop::Gateway(name) => ("gateway", name.as_str()),
        NextHop::Peering(name) => ("peering", name.as_str()),
        NextHop::Node(name) => ("node", name.as_str()),
        NextHop::Workload(name) => ("workload", name.as_str()),
        NextHop::Blackhole => ("blackhole", ""),
    };
    Route { to: route.to.to_string(), kind: kind.to_owned(), via: via.to_owned() }
}

fn acl_rule(rule: &AclRule) -> Rule {
    let prefixes = rule.prefixes.iter().map(IpNet::to_string);
    let all = rule.prefixes.is_empty().then(|| "all".to_owned());
    Rule {
        number: Some(rule.number),
        action: if rule.allows { "allow" } else { "deny" }.to_owned(),
        protocol: protocol(rule.protocol),
        ports: rule.ports.iter().copied().map(ports).collect(),
        types: rule.icmp_types.iter().copied().map(types).collect(),
        peers: prefixes.chain(all).collect(),
    }
}

fn group_rule(rule: &GroupRule) -> Rule {
    let peer = match &rule.peer {
        Peer::All => "all".to_owned(),
        Peer::Cidr(prefix) => prefix.to_string(),
        Peer::SecurityGroup(name) => format!("security group {name}"),
    };
    Rule {
        number: None,
        action: "allow".to_owned(),
        protocol: protocol(rule.protocol),
        ports: rule.ports.iter().copied().map(ports).collect(),
        types: rule.icmp_types.iter().copied().map(types).collect(),
        peers: vec![peer],
    }
}

fn protocol(protocol: Protocol) -> String {
    match protocol {
        Protocol::All => "all",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
    }
    .to_owned()
}

fn ports(range: PortRange) -> String {
    if range.first == range.last {
        return range.first.to_string();
    }
    format!("{}-{}", range.first, range.last)
}

/// As `icmp 8`, all codes of a type; as `icmp 3/4`, one of them; as `icmp 0-255`, several types.
fn types(range: IcmpTypes) -> String {
    let family = if range.ipv6 { "icmpv6" } else { "icmp" };
    format!("{family} {}", range.numbers())
}

#[cfg(test)]
mod tests;
