//! Stock WireGuard peers, with what their own configuration needs to say.

use super::answer::Body;
use super::change::Terms;
use super::networks::edit;
use super::{Desk, Failure};
use crate::api_part;
use crate::observed::Observed;
use crate::world::World;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use ipnet::{IpNet, Ipv6Net};
use netloom_api::{Applied, Peer, SetPeerKey};
use netloom_model::fabric::{StockPeer, Workload};
use netloom_model::lease::node_address;
use std::collections::BTreeMap;

pub(super) async fn list(State(desk): State<Desk>) -> Json<Vec<Peer>> {
    let (world, observed) = (desk.office.world(), desk.office.observed());
    let workloads = world.accepted.fabric.workloads.iter();
    let peers = workloads.filter_map(|(name, one)| Some((name, one, one.stock_peer()?)));
    Json(peers.map(|(name, one, stock)| peer(&world, &observed, name, (one, stock))).collect())
}

pub(super) async fn one(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Result<Json<Peer>, Failure> {
    let (world, observed) = (desk.office.world(), desk.office.observed());
    let found = world.accepted.fabric.workloads.get(&name);
    let Some((one, stock)) = found.and_then(|one| Some((one, one.stock_peer()?))) else {
        let message = format!("there is no WireGuard peer `{name}`");
        let solution = "`netloom vpn list` names those that there are";
        return Err(Failure::new(StatusCode::NOT_FOUND, message, solution));
    };
    Ok(Json(peer(&world, &observed, &name, (one, stock))))
}

pub(super) async fn set_key(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Body(wanted): Body<SetPeerKey>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(desk, terms, format!("key of the peer {name}"), move |world, api| {
        api_part::set_peer_key(&world.accepted, api, &name, &wanted.public_key)
    })
    .await
}

fn peer(
    world: &World,
    observed: &BTreeMap<String, Observed>,
    name: &str,
    (one, stock): (&Workload, &StockPeer),
) -> Peer {
    let fabric = &world.accepted.fabric;
    let (network, subnet) = (fabric.network_of(one), &fabric.subnets[&one.subnet]);
    let texts = |prefixes: &[IpNet]| prefixes.iter().map(ToString::to_string).collect();
    let addresses = world.leases.workloads.get(name).cloned().unwrap_or_default();
    let has_family = |ipv6: bool| addresses.iter().any(|address| address.is_ipv6() == ipv6);
    let resolvers = subnet.cidrs.iter().filter(|cidr| has_family(cidr.addr().is_ipv6()));
    let entry = world.directory.nodes.get(&one.node);
    let declared = fabric.nodes.get(&one.node).and_then(|node| node.endpoint.clone());
    let known = entry.and_then(|entry| entry.endpoint).map(|endpoint| endpoint.to_string());
    let key = entry.and_then(|entry| entry.public_keys.get(network));
    let seen = observed.get(&one.node).filter(|node| node.connected);
    let report = seen.and_then(|node| node.status.as_ref());
    let report = report.map(|report| report["networks"][network]["stock_peers"][name].clone());
    Peer {
        name: name.to_owned(),
        network: network.clone(),
        domain: fabric.networks[network].domain.clone(),
        node: one.node.clone(),
        advertise: texts(&one.advertise),
        security_groups: one.security_groups.iter().cloned().collect(),
        public_key: stock.public_key.map(|key| BASE64.encode(key)),
        preshared_key_file: stock.preshared_key_file.clone(),
        resolvers: resolvers.map(|cidr| subnet.reserved.resolver(*cidr).to_string()).collect(),
        mtu_bytes: fabric.networks[network].mtu_bytes,
        node_key: key.map(|key| BASE64.encode(key)),
        // What the file says was written for those who are not in the fabric.
        endpoint: declared.or(known),
        own_endpoint: stock.endpoint.clone(),
        allowed: texts(&allowed(world, network, name, has_family(true))),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        report: report.filter(|report| !report.is_null()),
    }
}

/// What a peer reaches through its node: the network, the nodes, and what is behind other peers.
fn allowed(world: &World, network: &str, name: &str, has_ipv6: bool) -> Vec<IpNet> {
    let fabric = &world.accepted.fabric;
    let others = fabric.workloads.iter().filter(|(other, _)| *other != name);
    let inside = others.filter(|(_, other)| fabric.network_of(other) == network);
    let behind = inside.flat_map(|(_, other)| other.advertise.iter().copied());
    let mut allowed: Vec<IpNet> = fabric.networks[network].cidrs.clone();
    // A length of 64 is valid for every IPv6 address, and all nodes' addresses share it.
    let nodes = Ipv6Net::new_assert(node_address(world.fabric_id(), ""), 64).trunc();
    allowed.push(nodes.into());
    allowed.extend(behind);
    allowed.retain(|prefix| prefix.addr().is_ipv4() || has_ipv6);
    allowed.sort_unstable();
    allowed.dedup();
    let all = allowed.clone();
    allowed.retain(|one| !all.iter().any(|other| other != one && other.contains(one)));
    allowed
}
