//! Routes that lead nowhere, and peerings that only one side leads to.

use super::{Words, warning};
use crate::ways;
use ipnet::IpNet;
use netloom_model::Diagnostic;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{Fabric, Name, NextHop, Peering, Route, RouteTable};
use std::collections::BTreeSet;

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, table) in &fabric.route_tables {
        // One line may name a list, of which each prefix is a route.
        let mut told = BTreeSet::new();
        for route in &table.routes {
            if let Some(words) = nowhere(fabric, name, table, route)
                && told.insert(&route.span)
            {
                found.push(warning(code::NOWHERE, &route.span, words));
            }
        }
    }
    found.extend(fabric.peerings.iter().filter_map(|(name, one)| one_sided(fabric, name, one)));
    found
}

fn nowhere(fabric: &Fabric, name: &Name, table: &RouteTable, route: &Route) -> Option<Words> {
    let (cause, solution) = match &route.via {
        NextHop::Gateway(gateway) => by_gateway(fabric, gateway, route.to)?,
        NextHop::Peering(peering) => {
            let of = fabric.peerings.get(peering)?;
            by_peering(fabric, table, peering, of, route.to)?
        }
        NextHop::Node(node) => by_node(fabric, table, node, route.to)?,
        NextHop::Workload(workload) => by_workload(fabric, workload, route.to)?,
        NextHop::Blackhole => return None,
    };
    let message = format!("the route of `{name}` to {} leads nowhere", route.to);
    Some(Words { message, cause, solution })
}

/// A peering without routes of its own that the tables of one of its networks lead to.
fn one_sided(fabric: &Fabric, name: &Name, peering: &Peering) -> Option<Diagnostic> {
    if peering.has_own_routes || !peering.is_active() {
        return None;
    }
    let leads = |network: &&Name| {
        let tables = fabric.route_tables.values().filter(|table| table.network == **network);
        let mut routes = tables.flat_map(|table| &table.routes);
        routes.any(|route| route.via == NextHop::Peering(name.clone()))
    };
    // One that nobody leads to is told of as unused.
    let (one, other) = match peering.networks.iter().partition::<Vec<_>, _>(leads) {
        (with, without) if with.len() == 1 => (with[0], without[0]),
        _ => return None,
    };
    let words = Words {
        message: format!("`{one}` has routes to the peering `{name}`, and `{other}` has none"),
        cause: format!("what `{one}` sends arrives, and answers find no way back"),
        solution: format!(
            "add a route via {{ peering: {name} }} to a table of `{other}`, or leave `routes` out"
        ),
    };
    Some(warning(code::NOWHERE, &peering.span, words))
}

type Why = (String, String);

fn by_gateway(fabric: &Fabric, name: &Name, to: IpNet) -> Option<Why> {
    let gateway = fabric.gateways.get(name)?;
    let ipv6 = to.addr().is_ipv6();
    let why = || {
        let cause = format!("the gateway `{name}` takes no packets of this family");
        (cause, "route this family to another gateway".to_owned())
    };
    (!ways::serves(gateway, ipv6)).then(why)
}

fn by_peering(
    fabric: &Fabric,
    table: &RouteTable,
    name: &Name,
    peering: &Peering,
    to: IpNet,
) -> Option<Why> {
    if !peering.is_active() {
        let cause = format!("the peering `{name}` is {}", peering.status.word());
        return Some((cause, "give it `status: active`, or remove the route".to_owned()));
    }
    let other = peering.other_than(&table.network)?;
    let cidrs = &fabric.networks.get(other)?.cidrs;
    if cidrs.iter().any(|cidr| cidr.contains(&to) || to.contains(cidr)) {
        return None;
    }
    let listed: Vec<String> = cidrs.iter().map(ToString::to_string).collect();
    let cause = format!("nothing of it is in `{other}`, which has {}", listed.join(", "));
    Some((cause, "route a part of these; a peering leads to no further network".to_owned()))
}

fn by_node(fabric: &Fabric, table: &RouteTable, name: &Name, to: IpNet) -> Option<Why> {
    let node = fabric.nodes.get(name)?;
    let takes_part = || {
        let mut own = fabric.workloads.values().filter(|workload| workload.node == *name);
        own.any(|workload| *fabric.network_of(workload) == table.network)
            || fabric.gateways_of(&table.network).any(|(_, gateway)| gateway.nodes.contains(name))
    };
    let mut here = node.advertise.iter().filter(|one| one.reached_as().contains(&to));
    let serves = here.any(|one| one.networks.contains(&table.network) || one.networks.is_empty());
    if !serves {
        let cause = format!("`{name}` leads to it for other networks than `{}`", table.network);
        let solution = format!("add `{}` to the `networks` of what it advertises", table.network);
        return Some((cause, solution));
    }
    let named = node.advertise.iter().any(|one| one.networks.contains(&table.network));
    if named || takes_part() {
        return None;
    }
    let cause = format!("`{name}` takes no part in the network `{}`", table.network);
    let solution = format!("advertise it as {{ cidr: {to}, networks: [{}] }}", table.network);
    Some((cause, solution))
}

fn by_workload(fabric: &Fabric, name: &Name, to: IpNet) -> Option<Why> {
    let workload = fabric.workloads.get(name)?;
    let ipv6 = to.addr().is_ipv6();
    let cidrs = &fabric.subnets.get(&workload.subnet)?.cidrs;
    if cidrs.iter().any(|cidr| cidr.addr().is_ipv6() == ipv6) {
        return None;
    }
    let family = if ipv6 { "IPv6" } else { "IPv4" };
    let cause = format!("`{name}` has no address of {family}: its subnet has no such prefix");
    Some((cause, format!("give `{}` a prefix of {family}", workload.subnet)))
}
