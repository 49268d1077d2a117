//! A change in words: what to write, and where.

use super::Change;
use netloom_model::fabric::{
    AclRule, GatewayKind, GroupRule, NextHop, Party, Peer, PortRange, Protocol, Route,
};
use netloom_policy::Direction;
use std::fmt;

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddGroupRule { group, direction, rule } => {
                let list = list(*direction).0;
                write!(f, "add to {list} of `{group}`: {}", group_rule(rule, *direction))
            }
            Self::RemoveGroupRule { group, direction, span, .. } => {
                write!(f, "remove the rule at {span} from {} of `{group}`", list(*direction).0)
            }
            Self::AddAclRule { acl, direction, rule } => {
                let list = list(*direction).0;
                write!(f, "add to {list} of `{acl}`: {}", acl_rule(rule, *direction))
            }
            Self::AddGroup { group, to, ingress, egress, .. } => {
                let rules = |rules: &[GroupRule], direction| {
                    let rules = rules.iter().map(|rule| group_rule(rule, direction));
                    rules.collect::<Vec<_>>().join(", ")
                };
                let (enters, leaves) =
                    (rules(ingress, Direction::Ingress), rules(egress, Direction::Egress));
                let lists = [("ingress", enters), ("egress", leaves)];
                let lists = lists.iter().filter(|(_, rules)| !rules.is_empty());
                let lists = lists.map(|(list, rules)| format!("{list}: [{rules}]"));
                let lists = lists.collect::<Vec<_>>().join(", ");
                let name = match to {
                    Party::Workload(name) | Party::Node(name) => name.as_str(),
                    Party::Internet | Party::Address(_) => "",
                };
                write!(
                    f,
                    "add to `security_groups`: {group}: {{ {lists} }}, and give `{name}` \
                     `security_groups: [{group}]`"
                )
            }
            Self::AddRoute { .. }
            | Self::AddRouteTable { .. }
            | Self::ActivatePeering { .. }
            | Self::AddPeering { .. }
            | Self::AddGateway { .. }
            | Self::Publish { .. } => f.write_str(&self.way_words()),
        }
    }
}

impl Change {
    /// What a change of routes, peerings, gateways and published ports says.
    fn way_words(&self) -> String {
        match self {
            Self::AddRoute { table, route, gateway, replaces } => {
                let route = route_words(route, *gateway);
                match replaces {
                    None => format!("add to routes of `{table}`: {route}"),
                    Some(span) => format!("put into `{table}`, for the route at {span}: {route}"),
                }
            }
            Self::AddRouteTable { table, subnet, network, route, gateway } => format!(
                "add to `route_tables`: {table}: {{ network: {network}, routes: [{}] }}, and give \
                 the subnet `{subnet}` `route_table: {table}`",
                route_words(route, *gateway)
            ),
            Self::ActivatePeering { peering } => {
                format!("give the peering `{peering}` the status `active`")
            }
            Self::AddPeering { peering, networks: [one, other], has_own_routes, .. } => {
                let routes = if *has_own_routes { "" } else { ", routes: manual" };
                format!("add to `peerings`: {peering}: {{ networks: [{one}, {other}]{routes} }}")
            }
            Self::AddGateway { gateway, network, kind, node, .. } => {
                let (section, more) = match kind {
                    GatewayKind::Nat => ("nat_gateways", ""),
                    GatewayKind::Internet => ("internet_gateways", ""),
                    GatewayKind::EgressOnly => ("internet_gateways", ", egress_only: true"),
                };
                format!(
                    "add to `{section}`: {gateway}: {{ network: {network}, nodes: [{node}]{more} }}"
                )
            }
            Self::Publish { workload, protocol, port, to } => {
                let word = protocol_word(*protocol);
                format!(
                    "add to `publish` of `{workload}`: {{ port: {port}, protocol: {word}, to: {to} }}"
                )
            }
            _ => String::new(),
        }
    }
}

/// A list of rules, and the key of their other side.
fn list(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::Ingress => ("ingress", "from"),
        Direction::Egress => ("egress", "to"),
    }
}

fn group_rule(rule: &GroupRule, direction: Direction) -> String {
    let other = match &rule.peer {
        Peer::All => "all".to_owned(),
        Peer::Cidr(prefix) => quoted(prefix),
        Peer::SecurityGroup(name) => format!("{{ security_group: {name} }}"),
    };
    let packets = packets(rule.protocol, &rule.ports);
    format!("{{ {packets}, {}: {other} }}", list(direction).1)
}

fn acl_rule(rule: &AclRule, direction: Direction) -> String {
    let action = if rule.allows { "allow" } else { "deny" };
    let other = rule.prefixes.first().map_or_else(|| "all".to_owned(), quoted);
    let packets = packets(rule.protocol, &rule.ports);
    let types = if rule.icmp_types.is_empty() { "" } else { ", types: [echo-reply]" };
    let number = rule.number;
    let key = list(direction).1;
    format!("{{ rule: {number}, action: {action}, {packets}{types}, {key}: {other} }}")
}

fn route_words(route: &Route, gateway: Option<GatewayKind>) -> String {
    let via = match &route.via {
        NextHop::Gateway(name) => match gateway {
            Some(GatewayKind::Internet | GatewayKind::EgressOnly) => {
                format!("{{ internet_gateway: {name} }}")
            }
            Some(GatewayKind::Nat) | None => format!("{{ nat_gateway: {name} }}"),
        },
        NextHop::Peering(name) => format!("{{ peering: {name} }}"),
        NextHop::Node(name) => format!("{{ node: {name} }}"),
        NextHop::Workload(name) => format!("{{ workload: {name} }}"),
        NextHop::Blackhole => "blackhole".to_owned(),
    };
    format!("{{ to: {}, via: {via} }}", quoted(&route.to))
}

/// A prefix as a file has it: IPv6 in quotes, since its colons mean something in braces.
fn quoted(prefix: &ipnet::IpNet) -> String {
    match prefix.addr().is_ipv6() {
        true => format!("\"{prefix}\""),
        false => prefix.to_string(),
    }
}

fn packets(protocol: Protocol, ports: &[PortRange]) -> String {
    let word = protocol_word(protocol);
    let ranges = ports.iter().map(|range| match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{}-{}", range.first, range.last),
    });
    match ranges.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => format!("protocol: {word}"),
        ports => format!("protocol: {word}, ports: {ports}"),
    }
}

fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::All => "all",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
    }
}
