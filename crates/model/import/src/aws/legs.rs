//! Routes as they can be declared: what is local, of the wrong family, or too wide for a peering.

use super::Aws;
use crate::draft::{Route, Side, Via};
use ipnet::IpNet;

impl Aws<'_, '_> {
    /// The prefixes of routes, those of lists one by one.
    pub(super) fn prefixes(&self, routes: &[Route]) -> Vec<IpNet> {
        let lists = &self.desk.draft.prefix_lists;
        let of = |route: &Route| match &route.to {
            Side::Cidr(prefix) => vec![*prefix],
            Side::PrefixList(name) => {
                let entries = lists.get(name).into_iter().flat_map(|list| &list.entries);
                entries.map(|(prefix, _)| *prefix).collect()
            }
            Side::All | Side::Group(_) => Vec::new(),
        };
        routes.iter().flat_map(of).collect()
    }

    /// The route as it can be declared, or why it cannot.
    pub(super) fn legs(&self, to: Side, via: Via, network: &str) -> Result<Vec<Route>, String> {
        let draft = &self.desk.draft;
        let own = draft.networks.get(network).map(|one| one.cidrs.as_slice()).unwrap_or(&[]);
        let route = Route { to, via };
        let prefixes = self.prefixes(std::slice::from_ref(&route));
        if prefixes.iter().any(|prefix| own.iter().any(|own| own.contains(prefix))) {
            return Err(
                "the network's own prefixes are always local, and cannot be routed".to_owned()
            );
        }
        let v6 = prefixes.iter().any(|prefix| prefix.addr().is_ipv6());
        let v4 = prefixes.iter().any(|prefix| prefix.addr().is_ipv4());
        match &route.via {
            Via::NatGateway(_) if v6 => {
                Err("a NAT gateway translates IPv4; IPv6 goes by an internet gateway".to_owned())
            }
            Via::InternetGateway(name)
                if v4 && draft.internet_gateways.get(name).is_some_and(|one| one.egress_only) =>
            {
                Err("an egress-only gateway is for IPv6".to_owned())
            }
            Via::Peering(name) if prefixes.iter().any(|prefix| prefix.prefix_len() == 0) => {
                let peering = draft.peerings.get(name);
                let other = peering.and_then(|one| one.networks.iter().find(|one| *one != network));
                let theirs = other.and_then(|other| draft.networks.get(other));
                let theirs = theirs.map(|one| one.cidrs.as_slice()).unwrap_or(&[]);
                let within =
                    theirs.iter().filter(|cidr| prefixes.iter().any(|one| one.contains(*cidr)));
                let leg =
                    |cidr: &IpNet| Route { to: Side::Cidr(*cidr), via: Via::Peering(name.clone()) };
                Ok(within.map(leg).collect())
            }
            _ => Ok(vec![route]),
        }
    }
}
