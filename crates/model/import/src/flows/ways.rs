//! Ways out of a network: to a peered one, and to the internet, as far as they are beyond doubt.

use super::{CLIENT_PORTS, acl_of, egress, first_allows};
use crate::draft::{Draft, Match, Ports, Protocol, Route, RouteTable, Side, Subnet, Via, Workload};
use ipnet::{IpNet, Ipv4Net};

/// Whether both ends of an active peering have a route to the other.
pub(super) fn are_joined(draft: &Draft, from: &Subnet, to: &Subnet) -> bool {
    draft.peerings.iter().any(|(name, peering)| {
        let both =
            peering.networks.contains(&from.network) && peering.networks.contains(&to.network);
        let routed = |one: &Subnet, other: &Subnet| {
            peering.routes == "auto" && table(draft, one).is_none()
                || other.cidrs.first().is_some_and(|cidr| leads_by(draft, one, *cidr, name))
        };
        both && peering.status == "active" && routed(from, to) && routed(to, from)
    })
}

/// The route table of a subnet.
fn table<'a>(draft: &'a Draft, subnet: &Subnet) -> Option<&'a RouteTable> {
    let own = subnet.route_table.as_ref();
    let name = own.or_else(|| draft.networks.get(&subnet.network)?.route_table.as_ref())?;
    draft.route_tables.get(name)
}

/// Whether the longest route of all addresses of a prefix leads by a peering.
fn leads_by(draft: &Draft, subnet: &Subnet, to: IpNet, peering: &str) -> bool {
    let Some(table) = table(draft, subnet) else { return false };
    let mut longest: Option<(&Route, u8)> = None;
    for route in &table.routes {
        match &route.to {
            Side::Cidr(prefix) if prefix.contains(&to) => {
                if longest.is_none_or(|(_, length)| length < prefix.prefix_len()) {
                    longest = Some((route, prefix.prefix_len()));
                }
            }
            Side::Cidr(prefix) if !to.contains(prefix) => {}
            Side::Cidr(_) | Side::PrefixList(_) | Side::All | Side::Group(_) => return false,
        }
    }
    matches!(longest, Some((Route { via: Via::Peering(name), .. }, _)) if name == peering)
}

/// Whether a workload reaches a port on the internet, if that is sure.
pub(crate) fn reaches_internet(draft: &Draft, from: &Workload, port: u16) -> Option<bool> {
    let subnet = draft.subnets.get(&from.subnet)?;
    if !from.interfaces.is_empty()
        || !subnet.cidrs.first()?.addr().is_ipv4()
        || !draft.networks.values().flat_map(|network| &network.cidrs).all(is_private)
    {
        return None;
    }
    let ports = Ports { first: port, last: port };
    let everywhere = IpNet::from(Ipv4Net::default());
    let named = |matched: &Match| matched.touches(Protocol::Tcp, ports);
    if !egress(draft, from).any(|rule| named(&rule.matched) && !matches!(rule.side, Side::Group(_)))
    {
        return Some(false);
    }
    if !has_way(draft, subnet)? {
        return Some(false);
    }
    let is_let_out = egress(draft, from).any(|rule| {
        let all = matches!(&rule.side, Side::All) || rule.side == Side::Cidr(everywhere);
        all && rule.matched.holds(Protocol::Tcp, ports)
    });
    let is_let_through = acl_of(draft, from).is_none_or(|acl| {
        first_allows(&acl.egress, Protocol::Tcp, ports, &[everywhere])
            && first_allows(&acl.ingress, Protocol::Tcp, CLIENT_PORTS, &[everywhere])
    });
    (is_let_out && is_let_through).then_some(true)
}

/// Whether a prefix surely holds no address of the internet; of IPv6 none is asked for.
fn is_private(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(v4) => v4.addr().is_private() && v4.prefix_len() >= 8,
        IpNet::V6(_) => true,
    }
}

/// Whether a subnet has a way to the internet, if that is sure.
fn has_way(draft: &Draft, subnet: &Subnet) -> Option<bool> {
    let routes = table(draft, subnet).map(|table| table.routes.as_slice()).unwrap_or(&[]);
    let everywhere = Side::Cidr(IpNet::from(Ipv4Net::default()));
    let is_open =
        |name: &String| draft.internet_gateways.get(name).is_some_and(|one| !one.egress_only);
    // A longer route may hold whatever address stands for the internet.
    if routes.iter().any(|route| matches!(route.to, Side::PrefixList(_))) {
        return None;
    }
    match routes.iter().find(|route| route.to == everywhere).map(|route| &route.via) {
        Some(Via::NatGateway(_)) => return Some(true),
        // Without a public address of its own, AWS would not let it out.
        Some(Via::InternetGateway(name)) if is_open(name) => return subnet.public.then_some(true),
        Some(Via::InternetGateway(_) | Via::Peering(_) | Via::Blackhole) => return None,
        None => {}
    }
    if subnet.nat_gateway.is_some() {
        return Some(true);
    }
    let mut gateways = draft.internet_gateways.values();
    let open = gateways.any(|one| one.network == subnet.network && !one.egress_only);
    Some(subnet.public && open)
}
