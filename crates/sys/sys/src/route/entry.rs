//! Routes with our protocol number: unicast and unreachable.

use super::{CREATE, LinkIndex, REPLACE, address, family, fixed, octets, prefix, unless};
use crate::netlink::{Attributes, Message, NetlinkError, NetlinkSocket};
use ipnet::IpNet;
use netloom_state::{ROUTE_PROTOCOL, Route, RouteKind};
use std::net::IpAddr;

const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
/// Bytes of `struct rtmsg`.
const RTMSG_BYTES: usize = 12;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
/// Tell of the route that matches, not of what follows from it for one address.
const RTM_F_FIB_MATCH: u32 = 0x2000;
/// `RT_TABLE_MAIN`.
const TABLE_MAIN: u32 = 254;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
const RTN_BLACKHOLE: u8 = 6;
const RTN_UNREACHABLE: u8 = 7;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RTNH_F_ONLINK: u32 = 4;

/// A route as the kernel describes it, before its link's index has become a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRoute {
    /// `rtm_protocol`.
    pub protocol: u8,
    /// Table number.
    pub table: u32,
    /// Destination.
    pub destination: IpNet,
    /// Priority.
    pub metric: u32,
    /// `rtm_type`.
    pub kind: u8,
    /// Outgoing link.
    pub link: Option<LinkIndex>,
    /// Next hop.
    pub gateway: Option<IpAddr>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
}

impl ObservedRoute {
    /// The route in the words of a plan; `None` for a type that no plan has.
    pub fn to_route(&self, link_name: impl FnOnce(LinkIndex) -> Option<String>) -> Option<Route> {
        let kind = match self.kind {
            RTN_UNREACHABLE => RouteKind::Unreachable,
            RTN_BLACKHOLE => RouteKind::Blackhole,
            RTN_UNICAST => RouteKind::Unicast {
                link: link_name(self.link?)?,
                gateway: self.gateway,
                source: self.source,
            },
            _ => return None,
        };
        let Self { table, destination, metric, .. } = *self;
        Some(Route { table, destination, metric, kind })
    }
}

fn message(kind: u16, flags: u16, route: &Route, index: Option<LinkIndex>) -> Message {
    let ipv6 = route.destination.addr().is_ipv6();
    let mut message = Message::new(kind, flags);
    let mut header = [0u8; RTMSG_BYTES];
    header[0] = family(ipv6);
    header[1] = route.destination.prefix_len();
    header[5] = ROUTE_PROTOCOL;
    let (gateway, source) = match &route.kind {
        RouteKind::Unreachable | RouteKind::Blackhole => (None, None),
        RouteKind::Unicast { gateway, source, .. } => (*gateway, *source),
    };
    let direct = gateway.is_none() && matches!(route.kind, RouteKind::Unicast { .. });
    header[6] = if direct && !ipv6 { RT_SCOPE_LINK } else { RT_SCOPE_UNIVERSE };
    header[7] = match route.kind {
        RouteKind::Unreachable => RTN_UNREACHABLE,
        RouteKind::Blackhole => RTN_BLACKHOLE,
        RouteKind::Unicast { .. } => RTN_UNICAST,
    };
    let link_flags = if gateway.is_some() { RTNH_F_ONLINK } else { 0 };
    header[8..12].copy_from_slice(&link_flags.to_ne_bytes());
    message.fixed(&header).u32(RTA_TABLE, route.table).u32(RTA_PRIORITY, route.metric);
    message.bytes(RTA_DST, &octets(route.destination.trunc().addr()));
    if let Some(index) = index {
        message.u32(RTA_OIF, index);
    }
    if let Some(gateway) = gateway {
        put_gateway(&mut message, gateway, ipv6);
    }
    if let Some(source) = source {
        message.bytes(RTA_PREFSRC, &octets(source));
    }
    message
}

fn put_gateway(message: &mut Message, gateway: IpAddr, ipv6: bool) {
    if gateway.is_ipv6() == ipv6 {
        message.bytes(RTA_GATEWAY, &octets(gateway));
    } else {
        // `struct rtvia`: an IPv4 route through an IPv6 next hop (RFC 5549).
        let mut via = u16::from(family(gateway.is_ipv6())).to_ne_bytes().to_vec();
        via.extend(octets(gateway));
        message.bytes(RTA_VIA, &via);
    }
}

/// Adds a route marked as ours; `index` is its link's. One of ours with the same table,
/// destination and metric is replaced; one of somebody else's is left alone and an error.
pub fn add_route(
    socket: &mut NetlinkSocket,
    route: &Route,
    index: Option<LinkIndex>,
) -> Result<(), NetlinkError> {
    let result = socket.request(&mut message(RTM_NEWROUTE, CREATE, route, index));
    let Err(error) = result else { return Ok(()) };
    if error.errno() != Some(libc::EEXIST) || !has_ours(socket, route)? {
        return Err(error);
    }
    let replaced = socket.request(&mut message(RTM_NEWROUTE, REPLACE, route, index));
    unless(replaced, &[libc::EEXIST])
}

/// Removes a route of ours; one that is not there is no error.
pub fn delete_route(
    socket: &mut NetlinkSocket,
    route: &Route,
    index: Option<LinkIndex>,
) -> Result<(), NetlinkError> {
    // To the kernel an IPv4 metric of 0 means "any", so that it would take another route.
    if route.metric == 0 && !has_ours(socket, route)? {
        return Ok(());
    }
    let result = socket.request(&mut message(RTM_DELROUTE, 0, route, index));
    unless(result, &[libc::ESRCH, libc::ENODEV])
}

fn has_ours(socket: &mut NetlinkSocket, route: &Route) -> Result<bool, NetlinkError> {
    let ipv6 = route.destination.addr().is_ipv6();
    let same = |other: &ObservedRoute| {
        other.protocol == ROUTE_PROTOCOL
            && (other.table, other.metric) == (route.table, route.metric)
            && other.destination == route.destination.trunc()
    };
    Ok(dump_routes(socket, ipv6)?.iter().any(same))
}

/// All routes with our protocol number, of one family, in all tables.
pub fn dump_routes(
    socket: &mut NetlinkSocket,
    ipv6: bool,
) -> Result<Vec<ObservedRoute>, NetlinkError> {
    let mut message = Message::new(RTM_GETROUTE, 0);
    let mut header = [0u8; RTMSG_BYTES];
    header[0] = family(ipv6);
    // With strict checking the kernel filters by protocol; without, we do, below.
    header[5] = ROUTE_PROTOCOL;
    message.fixed(&header);
    let replies = socket.dump(&mut message)?;
    let parsed = replies.iter().map(|reply| parse(&reply.payload));
    let routes = parsed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
    Ok(routes.filter(|route| route.protocol == ROUTE_PROTOCOL).collect())
}

/// All unicast routes of somebody else's in the table `main`, of one family.
pub fn dump_foreign_routes(
    socket: &mut NetlinkSocket,
    ipv6: bool,
) -> Result<Vec<ObservedRoute>, NetlinkError> {
    let mut message = Message::new(RTM_GETROUTE, 0);
    let mut header = [0u8; RTMSG_BYTES];
    header[0] = family(ipv6);
    message.fixed(&header);
    let replies = socket.dump(&mut message)?;
    let parsed = replies.iter().map(|reply| parse(&reply.payload));
    let routes = parsed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
    let foreign = |route: &ObservedRoute| {
        route.protocol != ROUTE_PROTOCOL && route.kind == RTN_UNICAST && route.table == TABLE_MAIN
    };
    Ok(routes.filter(foreign).collect())
}

/// The link by which packets to an address leave; none if there is no way.
pub fn link_towards(
    socket: &mut NetlinkSocket,
    to: IpAddr,
) -> Result<Option<LinkIndex>, NetlinkError> {
    Ok(towards(socket, to, 0)?.and_then(|route| route.link))
}

/// The destination of the route that packets to an address take, whoever has made it; none if there is
/// no way. A kernel that does not tell gives the address itself.
pub fn destination_towards(
    socket: &mut NetlinkSocket,
    to: IpAddr,
) -> Result<Option<IpNet>, NetlinkError> {
    let route = towards(socket, to, RTM_F_FIB_MATCH)?;
    let way = route.filter(|route| matches!(route.kind, RTN_UNICAST | RTN_LOCAL));
    Ok(way.map(|route| route.destination))
}

fn towards(
    socket: &mut NetlinkSocket,
    to: IpAddr,
    flags: u32,
) -> Result<Option<ObservedRoute>, NetlinkError> {
    let mut message = Message::new(RTM_GETROUTE, 0);
    let mut header = [0u8; RTMSG_BYTES];
    header[0] = family(to.is_ipv6());
    header[1] = if to.is_ipv6() { 128 } else { 32 };
    header[8..].copy_from_slice(&flags.to_ne_bytes());
    message.fixed(&header).bytes(RTA_DST, &octets(to));
    match socket.request(&mut message) {
        Err(error) if matches!(error.errno(), Some(libc::ENETUNREACH | libc::EHOSTUNREACH)) => {
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(replies) => match replies.first() {
            Some(reply) => Ok(parse(&reply.payload)?),
            None => Ok(None),
        },
    }
}

pub(crate) fn parse(payload: &[u8]) -> Result<Option<ObservedRoute>, NetlinkError> {
    let header: [u8; RTMSG_BYTES] = fixed(payload)?;
    let attributes = Attributes::after(payload, RTMSG_BYTES)?;
    let ipv6 = header[0] == family(true);
    let Some(destination) = prefix(attributes.get(RTA_DST), header[1], ipv6) else {
        return Ok(None);
    };
    let via = attributes.get(RTA_VIA).and_then(|via| address(via.get(2..)?));
    Ok(Some(ObservedRoute {
        protocol: header[5],
        table: attributes.u32(RTA_TABLE).unwrap_or_else(|| u32::from(header[4])),
        destination,
        metric: attributes.u32(RTA_PRIORITY).unwrap_or(0),
        kind: header[7],
        link: attributes.u32(RTA_OIF),
        gateway: attributes.get(RTA_GATEWAY).and_then(address).or(via),
        source: attributes.get(RTA_PREFSRC).and_then(address),
    }))
}
