//! Looks at the network: tunnels, resolvers, routes and chains of others, ways to peers.

use super::facts::{Facts, ForeignChain, ForeignRoute, NameAnswer, Peer, Uplink, Way};
use super::forward;
use crate::host::place::Place;
use crate::host::status::ask_agent;
use netloom_agent::protocol::{Answer, Examination, NetworkStatus, Request};
use netloom_probe::lookup;
use netloom_state::ALIAS_PREFIX;
use netloom_state::nft::{ChainKind, Hook};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::nft::{self, ForeignTable};
use netloom_sys::route::{self, ObservedLink, ObservedRoute};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Settings of the host's own stack that are judged.
const SETTINGS: [&str; 3] =
    ["ipv4/ip_forward", "ipv4/conf/all/rp_filter", "ipv6/conf/all/disable_ipv6"];
/// `RTPROT_KERNEL` (`linux/rtnetlink.h`): a route that follows from an address.
const PROTOCOL_KERNEL: u8 = 2;
/// `RTPROT_RA` (`linux/rtnetlink.h`): a route that a router has advertised.
const PROTOCOL_ADVERTISED: u8 = 9;
/// Port of DNS.
const DNS_PORT: u16 = 53;
/// Peers whose ways are looked at; of a large fabric, a part says enough.
const WAYS_MAX: usize = 64;

pub(super) fn gather(place: &Place, facts: &mut Facts) {
    if let Ok(Answer::Examined(examined)) = ask_agent(place, &Request::Examine) {
        facts.differences = Some(examined.differences);
        facts.prefixes = examined.prefixes.iter().filter_map(|text| text.parse().ok()).collect();
        facts.clock.signed_ms = examined.signed_ms;
        facts.clock.ahead_ms = examined.clock_ahead_ms;
        facts.tunnel_mtu_bytes = examined.tunnel_mtu_bytes;
        let uplinks = examined.uplinks.into_iter();
        facts.uplinks = uplinks
            .map(|(network, uplink)| Uplink {
                network,
                link: uplink.link,
                has_ipv6: uplink.has_ipv6,
            })
            .collect();
        for (network, examination) in &examined.resolvers {
            facts.names.extend(answers(network, examination));
        }
    }
    let settings = SETTINGS.into_iter();
    facts.sysctls = settings.filter_map(|key| Some((key.to_owned(), setting(key)?))).collect();
    if let Ok(mut socket) = NetlinkSocket::open(Protocol::Route) {
        // What the kernel does not show is left out.
        let _ = routes(&mut socket, facts);
    }
    if let Ok(tables) = tables() {
        let is_default = |route: &&ForeignRoute| route.destination.prefix_len() == 0;
        let upstream = facts.foreign_routes.iter().find(is_default).map(|route| &*route.link);
        facts.blocked = forward::blocked(&tables, &facts.uplinks, upstream);
        facts.chains = Some(dropping(&tables));
    }
}

fn setting(key: &str) -> Option<String> {
    let value = std::fs::read_to_string(Path::new("/proc/sys/net").join(key)).ok()?;
    Some(value.trim().to_owned())
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
            let link = found.link.and_then(find);
            if is_own(&found, link) {
                continue;
            }
            let link = link.map_or_else(String::new, |link| link.name.clone());
            if found.protocol == PROTOCOL_ADVERTISED && found.destination.prefix_len() == 0 {
                let key = format!("ipv6/conf/{link}/accept_ra");
                facts.sysctls.extend(setting(&key).map(|value| (key, value)));
            }
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

/// Whether the kernel has made a route for an address that a node has put on its own link.
fn is_own(route: &ObservedRoute, link: Option<&ObservedLink>) -> bool {
    let alias = link.and_then(|link| link.alias.as_deref());
    route.protocol == PROTOCOL_KERNEL && alias.is_some_and(|alias| alias.starts_with(ALIAS_PREFIX))
}

fn tables() -> anyhow::Result<Vec<ForeignTable>> {
    let mut socket = NetlinkSocket::open(Protocol::Netfilter)?;
    Ok(nft::read_foreign_tables(&mut socket)?)
}

/// Chains that drop what they do not allow.
fn dropping(tables: &[ForeignTable]) -> Vec<ForeignChain> {
    let mut found = Vec::new();
    for table in tables.iter().filter(|table| !table.name.starts_with("netloom")) {
        for (chain, base) in table.chains.iter().filter_map(|(name, one)| Some((name, one.base?))) {
            let hook = match (base.kind, base.hook) {
                (ChainKind::Filter, Hook::Input) => "input",
                (ChainKind::Filter, Hook::Forward) => "forward",
                _ => continue,
            };
            let (family, table, chain) = (table.family.clone(), table.name.clone(), chain.clone());
            let hook = hook.to_owned();
            found.extend((!base.accept).then_some(ForeignChain { family, table, chain, hook }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_route_for_an_address_of_ours_is_no_foreign_one() {
        let route = |protocol| ObservedRoute {
            protocol,
            table: 254,
            destination: "2001:db8:1::5/128".parse().unwrap(),
            metric: 256,
            kind: 1,
            link: Some(7),
            gateway: None,
            source: None,
        };
        let link = |alias: Option<&str>| ObservedLink {
            index: 7,
            name: "host0".to_owned(),
            kind: Some("veth".to_owned()),
            alias: alias.map(ToOwned::to_owned),
            mtu_bytes: 1420,
            mac: None,
            up: true,
            peer_index: None,
            peer_netns_id: None,
        };
        let ours = link(Some(&format!("{ALIAS_PREFIX}shop")));
        assert!(is_own(&route(PROTOCOL_KERNEL), Some(&ours)));
        assert!(!is_own(&route(4), Some(&ours)), "somebody has added it");
        assert!(!is_own(&route(PROTOCOL_KERNEL), Some(&link(None))), "of a link of others");
        assert!(!is_own(&route(PROTOCOL_KERNEL), None));
    }
}
