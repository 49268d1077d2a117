//! Route tables, gateways, peerings and prefixes behind nodes: checked, and made the fabric's.

mod conflicts;
mod edges;
mod routes;

use super::build::values;
use super::rules::Lists;
use crate::decode::routing::{self, Destination, Via};
use crate::decode::{At, Decoder};
use crate::fabric::{self, GatewayKind, Role};
use crate::load::{Declared, Entry, Named};
use crate::span::Span;
use std::collections::BTreeMap;

/// Reports ways that cannot be gone.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    conflicts::peerings(declared, decoder);
    conflicts::gateways(declared, decoder);
    edges::check(declared, decoder);
    conflicts::associations(declared, decoder);
    routes::check(declared, decoder);
}

/// Both kinds of gateway, each on the nodes that it names or those with the role.
pub(super) fn gateways(declared: &Declared) -> Option<BTreeMap<String, fabric::Gateway>> {
    let kind = |gateway: &routing::Gateway| match gateway.egress_only {
        true => GatewayKind::EgressOnly,
        false => GatewayKind::Internet,
    };
    let nat = declared.nat_gateways.iter().map(|(name, one)| (name, one, GatewayKind::Nat));
    let internet = declared.internet_gateways.iter();
    let internet = internet.map(|(name, one)| (name, one, kind(&one.value)));
    nat.chain(internet)
        .map(|(name, entry, kind)| {
            let gateway = fabric::Gateway {
                span: entry.span.clone(),
                network: entry.value.network.as_ref()?.value.clone(),
                kind,
                nodes: gateway_nodes(declared, &entry.value),
                tags: entry.value.tags.clone(),
            };
            Some((name.clone(), gateway))
        })
        .collect()
}

/// The nodes of a gateway: those that it names, or all with the role, its network's region first.
fn gateway_nodes(declared: &Declared, gateway: &routing::Gateway) -> Vec<String> {
    if let Some(nodes) = &gateway.nodes {
        return nodes.iter().map(|node| node.value.clone()).collect();
    }
    let network = gateway.network.as_ref().and_then(|name| declared.networks.get(&name.value));
    let region = network.and_then(|network| network.value.region.as_ref()).map(|at| &at.value);
    let has_role = |(_, node): &(&String, &Entry<crate::decode::objects::Node>)| {
        node.value.roles.contains(&Role::Gateway)
    };
    let (near, far): (Vec<_>, Vec<_>) = declared
        .nodes
        .iter()
        .filter(has_role)
        .partition(|(_, node)| node.value.region.as_ref().map(|at| &at.value) == region);
    near.into_iter().chain(far).map(|(name, _)| name.clone()).collect()
}

pub(super) fn route_table(
    span: Span,
    table: routing::RouteTable,
    lists: &Lists,
) -> Option<fabric::RouteTable> {
    let routes = table.routes.into_iter().flat_map(|route| {
        let prefixes = match &route.to {
            Destination::Prefix(prefix) => vec![prefix.value],
            Destination::List(name) => lists.prefixes(&name.value).to_vec(),
        };
        let via = next_hop(&route.via);
        let of = move |to| fabric::Route { span: route.span.clone(), to, via: via.clone() };
        prefixes.into_iter().map(of)
    });
    let routes = routes.collect();
    Some(fabric::RouteTable { span, network: table.network?.value, routes, tags: table.tags })
}

fn next_hop(via: &Via) -> fabric::NextHop {
    match via {
        Via::NatGateway(name) | Via::InternetGateway(name) => {
            fabric::NextHop::Gateway(name.value.clone())
        }
        Via::Peering(name) => fabric::NextHop::Peering(name.value.clone()),
        Via::Node(name) => fabric::NextHop::Node(name.value.clone()),
        Via::Workload(name) => fabric::NextHop::Workload(name.value.clone()),
        Via::Blackhole => fabric::NextHop::Blackhole,
    }
}

pub(super) fn peering(span: Span, peering: routing::Peering) -> Option<fabric::Peering> {
    let networks: [String; 2] = values(peering.networks).try_into().ok()?;
    Some(fabric::Peering {
        span,
        networks,
        status: peering.status,
        has_own_routes: !peering.is_manual,
        tags: peering.tags,
    })
}

pub(super) fn advertised(declared: routing::Advertised) -> fabric::Advertised {
    fabric::Advertised {
        prefix: declared.prefix.value,
        seen_as: declared.seen_as.map(|prefix| prefix.value),
        networks: declared.networks.into_iter().map(|network| network.value).collect(),
    }
}

/// The network that an object of a section belongs to.
fn network_of<'a, T>(
    section: &'a Named<T>,
    name: &At<String>,
    network: impl Fn(&'a T) -> &'a Option<At<String>>,
) -> Option<&'a str> {
    Some(&network(&section.get(&name.value)?.value).as_ref()?.value)
}
