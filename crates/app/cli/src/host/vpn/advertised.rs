//! Prefixes that a new peer shall have behind it, and that are the network's own or hold where others are called.

use ipnet::IpNet;
use netloom::api::{Network, Peer, Status};
use std::net::{IpAddr, SocketAddr};

/// What is to be known of such prefixes, two lines for each. They are accepted, since a peer may be the way to all that
/// no node has; most often they are what the peer was to reach.
pub(super) fn warnings(
    network: &Network,
    (status, peers): (&Status, &[Peer]),
    peer: &str,
    prefixes: &[String],
) -> Vec<String> {
    let called = called(status, peers);
    // What cannot be read, control refuses.
    let parsed = prefixes.iter().filter_map(|text| text.parse().ok());
    let both =
        parsed.flat_map(|prefix: IpNet| [own(network, peer, prefix), outside(&called, prefix)]);
    both.flatten().collect()
}

/// A part of a subnet, or all of it. Of a single address, control says whether it is free.
fn own(network: &Network, peer: &str, prefix: IpNet) -> Option<String> {
    let is_part = |text: &String| {
        let own = text.parse::<IpNet>();
        own.is_ok_and(|own| own.contains(&prefix) || prefix.contains(&own))
    };
    let mut subnets = network.subnets.iter();
    let (subnet, _) = subnets.find(|(_, prefixes)| prefixes.iter().any(is_part))?;
    (prefix.prefix_len() < prefix.max_prefix_len()).then(|| {
        format!(
            "warning: {prefix} shares addresses with the subnet `{subnet}` of `{}`: those of them that no workload has \
             are led to `{peer}`, and workloads keep theirs\n    solution: leave out --advertise {prefix} if `{peer}` is \
             to reach the network, which it does without; --advertise is for what lies behind `{peer}`\n",
            network.name
        )
    })
}

/// Who is called where, outside of the fabric's own networks.
fn called(status: &Status, peers: &[Peer]) -> Vec<(String, IpAddr)> {
    let address = |text: &str| text.parse::<SocketAddr>().ok().map(|at| at.ip().to_canonical());
    let nodes = status.nodes.iter().filter_map(|(name, node)| {
        Some((format!("node `{name}`"), address(node.endpoint.as_deref()?)?))
    });
    let peers = peers.iter().filter_map(|peer| {
        let heard = peer.report.as_ref().and_then(|report| report["endpoint"].as_str());
        Some((format!("peer `{}`", peer.name), address(heard.or(peer.own_endpoint.as_deref())?)?))
    });
    nodes.chain(peers).collect()
}

/// An address by which somebody is called to carry the tunnels.
fn outside(called: &[(String, IpAddr)], prefix: IpNet) -> Option<String> {
    let (who, address) = called.iter().find(|(_, address)| prefix.contains(address))?;
    Some(format!(
        "warning: {prefix} holds {address}, where {who} is called: a node whose own stack is in the network (`attach: \
         host`) would send that into the tunnel\n    solution: name prefixes without {address}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom::api::Node;
    use std::collections::BTreeMap;

    fn told(prefix: &str) -> Vec<String> {
        let subnets = BTreeMap::from([("s".to_owned(), vec!["10.1.1.0/24".to_owned()])]);
        let network = Network { name: "net".to_owned(), subnets, ..Network::default() };
        let node = Node { endpoint: Some("192.0.2.1:51820".to_owned()), ..Node::default() };
        let nodes = BTreeMap::from([("one".to_owned(), node)]);
        let status = Status { nodes, ..Status::default() };
        let report = serde_json::json!({ "endpoint": "198.51.100.7:4000" });
        let peer = Peer { name: "laptop".to_owned(), report: Some(report), ..Peer::default() };
        warnings(&network, (&status, &[peer]), "phone", &[prefix.to_owned()])
    }

    #[test]
    fn what_is_the_networks_own_is_told() {
        for own in ["10.1.1.0/24", "10.0.0.0/8", "10.1.1.128/25"] {
            let told = told(own);
            assert!(told.len() == 1 && told[0].contains("subnet `s` of `net`"), "{own}: {told:?}");
            assert!(told[0].contains("leave out --advertise"), "{told:?}");
        }
        for other in ["192.168.4.0/24", "10.1.2.0/24", "fd00::/64", "10.1.1.9/32", "nonsense"] {
            assert!(told(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn where_others_are_called_is_told() {
        for (prefix, who) in [("192.0.2.0/24", "node `one`"), ("198.51.100.7/32", "peer `laptop`")]
        {
            let told = told(prefix);
            assert!(told.len() == 1 && told[0].contains(who), "{prefix}: {told:?}");
        }
    }
}
