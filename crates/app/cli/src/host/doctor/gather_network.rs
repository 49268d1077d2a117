//! Looks at the network: tunnels, resolvers, routes and chains of others, ways to peers.

use super::facts::{Facts, ForeignChain, ForeignRoute, NameAnswer, Peer, Way};
use crate::host::place::Place;
use crate::host::status::ask_agent;
use netloom_agent::protocol::{Answer, Examination, NetworkStatus, Request};
use netloom_probe::lookup;
use netloom_state::nft::Hook;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::{nft, route};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Settings of the host's own stack that are judged.
const SETTINGS: [&str; 3] =
    ["ipv4/ip_forward", "ipv4/conf/all/rp_filter", "ipv6/conf/all/disable_ipv6"];
/// Port of DNS.
const DNS_PORT: u16 = 53;
/// Peers whose ways are looked at; of a large fabric, a part says enough.
const WAYS_MAX: usize = 64;

pub(super) fn gather(place: &Place, facts: &mut Facts) {
    if let Ok(Answer::Examined(examined)) = ask_agent(place, &Request::Examine) {
        facts.differences = Some(examined.differences);
        facts.prefixes = examined.prefixes.iter().filter_map(|text| text.parse().ok()).collect();
        facts.clock.signed_ms = examined.signed_ms;
        facts.tunnel_mtu_bytes = examined.tunnel_mtu_bytes;
        for (network, examination) in &examined.resolvers {
            facts.names.extend(answers(network, examination));
        }
    }
    for key in SETTINGS {
        if let Ok(value) = std::fs::read_to_string(Path::new("/proc/sys/net").join(key)) {
            facts.sysctls.insert(key.to_owned(), value.trim().to_owned());
        }
    }
    if let Ok(mut socket) = NetlinkSocket::open(Protocol::Route) {
        // What the kernel does not show is left out.
        let _ = routes(&mut socket, facts);
    }
    facts.chains = chains().ok();
}

/// The peers of all networks.
pub(super) fn peers(networks: &BTreeMap<String, NetworkStatus>) -> Vec<Peer> {
    let of_network = |(network, status): (&String, &NetworkStatus)| {
        let network = network.clone();
        status
            .peers
            .iter()
            .map(|(name, peer)| Peer {
                network: network.clone(),
                name: name.clone(),
                endpoint: peer.endpoint,
                has_session: peer.has_session,
                keepalive: peer.keepalive,
                handshake_age_s: peer.handshake_age_s,
            })
            .collect::<Vec<Peer>>()
    };
    networks.iter().flat_map(of_network).collect()
}

/// Asks a network's resolvers, inside its namespace.
fn answers(network: &str, examination: &Examination) -> Vec<NameAnswer> {
    let Ok(namespace) = NamespaceHandle::open(Path::new(&examination.namespace)) else {
        return Vec::new();
    };
    let mut answers = Vec::new();
    for server in &examination.servers {
        for (name, expected) in &examination.names {
            let asked = namespace.run(|| ask(*server, name, expected));
            let wrong = asked.unwrap_or_else(|error| Some(error.to_string()));
            let (network, name) = (network.to_owned(), name.clone());
            answers.push(NameAnswer { network, server: *server, name, wrong });
            // One that does not answer would be waited for again.
            if answers.last().is_some_and(|answer| answer.wrong.is_some()) {
                break;
            }
        }
    }
    answers
}

/// Why a resolver does not say what it must, if so.
fn ask(server: IpAddr, name: &str, expected: &[IpAddr]) -> Option<String> {
    let whole = format!("{}.", name.trim_end_matches('.'));
    match lookup(&whole, None, Some(SocketAddr::new(server, DNS_PORT))) {
        Err(error) => Some(error.to_string()),
        Ok(report) => {
            let text = report.to_json().to_string();
            let missing = expected.iter().find(|address| !text.contains(&address.to_string()));
            missing.map(|address| format!("{address} is not among the answers"))
        }
    }
}

fn routes(socket: &mut NetlinkSocket, facts: &mut Facts) -> anyhow::Result<()> {
    let links = route::dump_links(socket)?;
    let find = |index: u32| links.iter().find(|link| link.index == index);
    for ipv6 in [false, true] {
        for found in route::dump_foreign_routes(socket, ipv6)? {
            let link = found.link.and_then(find).map_or_else(String::new, |link| link.name.clone());
            facts.foreign_routes.push(ForeignRoute { destination: found.destination, link });
        }
    }
    let mut endpoints: BTreeSet<(SocketAddr, String)> = BTreeSet::new();
    for peer in &facts.peers {
        endpoints.extend(peer.endpoint.map(|endpoint| (endpoint, peer.name.clone())));
    }
    for (endpoint, peer) in endpoints.into_iter().take(WAYS_MAX) {
        let link = route::link_towards(socket, endpoint.ip().to_canonical())?;
        let link = link.and_then(find).map(|link| (link.name.clone(), link.mtu_bytes));
        facts.ways.push(Way { peer, endpoint, link });
    }
    Ok(())
}

fn chains() -> anyhow::Result<Vec<ForeignChain>> {
    let mut socket = NetlinkSocket::open(Protocol::Netfilter)?;
    let found = nft::read_drop_chains(&mut socket)?.into_iter();
    let of_hook = |hook| match hook {
        Hook::Input => Some("input"),
        Hook::Forward => Some("forward"),
        _ => None,
    };
    let chains = found.filter(|chain| !chain.table.starts_with("netloom"));
    Ok(chains
        .filter_map(|chain| {
            let hook = of_hook(chain.hook)?.to_owned();
            let nft::DropChain { family, table, chain, .. } = chain;
            Some(ForeignChain { family, table, chain, hook })
        })
        .collect())
}
