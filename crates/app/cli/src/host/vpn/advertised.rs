//! Prefixes that a new peer shall have behind it, and that are the network's own.

use ipnet::IpNet;
use netloom::api::Network;

/// What is to be known of such prefixes, a line or two for each. They are accepted, since a peer may be the way to all
/// that no node has; most often they are what the peer was to reach.
pub(super) fn warnings(network: &Network, peer: &str, prefixes: &[String]) -> Vec<String> {
    let parsed = |text: &String| text.parse::<IpNet>().ok();
    let subnets: Vec<(&str, IpNet)> = network
        .subnets
        .iter()
        .flat_map(|(name, of)| of.iter().filter_map(parsed).map(|prefix| (name.as_str(), prefix)))
        .collect();
    // What cannot be read, control refuses.
    let prefixes = prefixes.iter().filter_map(parsed);
    prefixes.filter_map(|prefix| warning(network, &subnets, peer, prefix)).collect()
}

fn warning(
    network: &Network,
    subnets: &[(&str, IpNet)],
    peer: &str,
    prefix: IpNet,
) -> Option<String> {
    let (subnet, _) =
        subnets.iter().find(|(_, own)| prefix.contains(own) || own.contains(&prefix))?;
    Some(format!(
        "warning: {prefix} shares addresses with the subnet `{subnet}` of `{}`: those of them that no workload has are led \
         to `{peer}` from now on, and workloads keep theirs\n    solution: leave out --advertise {prefix} if `{peer}` is to \
         reach the network, which it does without; --advertise is for what lies behind `{peer}`\n",
        network.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_the_networks_own_is_told() {
        let subnets = BTreeMap::from([("s".to_owned(), vec!["10.1.1.0/24".to_owned()])]);
        let network = Network { name: "net".to_owned(), subnets, ..Network::default() };
        let told = |prefix: &str| warnings(&network, "phone", &[prefix.to_owned()]);
        for own in ["10.1.1.0/24", "10.0.0.0/8", "10.1.1.128/25", "10.1.1.9/32"] {
            let told = told(own);
            assert!(told.len() == 1 && told[0].contains("subnet `s` of `net`"), "{own}: {told:?}");
            assert!(told[0].contains("leave out --advertise"), "{told:?}");
        }
        for other in ["192.168.4.0/24", "10.1.2.0/24", "fd00::/64", "nonsense"] {
            assert!(told(other).is_empty(), "{other}");
        }
    }
}
