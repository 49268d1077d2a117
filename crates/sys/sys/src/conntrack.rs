//! Connections that a namespace tracks (ctnetlink): reading them, ending one by its tuple, and how full their table is.

use crate::netlink::{Attributes, Malformed, Message, NetlinkError, NetlinkSocket};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET`.
const GET: u16 = 0x101;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = 0x102;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU`, and without `_CPU`.
const GET_STATS_CPU: u16 = 0x104;
const GET_STATS: u16 = 0x105;
/// Bytes of `struct nfgenmsg`.
const NFGENMSG_BYTES: usize = 4;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
/// Identifier, type and code follow each other, for ICMP and then for ICMPv6.
const CTA_PROTO_ICMP_ID: u16 = 4;
const CTA_PROTO_ICMPV6_ID: u16 = 7;
const CTA_STATS_GLOBAL_ENTRIES: u16 = 1;
const CTA_STATS_GLOBAL_MAX_ENTRIES: u16 = 2;
const CTA_STATS_INSERT_FAILED: u16 = 9;
const CTA_STATS_DROP: u16 = 10;

/// A tracked connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// As its first packet was sent.
    pub original: Tuple,
    /// As answers are expected: not the reverse of `original` where NAT rewrites.
    pub reply: Tuple,
}

/// One direction of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tuple {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IP protocol.
    pub protocol: u8,
    /// What tells connections of the protocol apart.
    pub detail: TupleDetail,
}

/// What tells connections between two hosts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TupleDetail {
    /// Ports, of TCP, UDP and others that have them.
    Ports {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// An ICMP or ICMPv6 query.
    Icmp {
        /// Message type.
        kind: u8,
        /// Message code.
        code: u8,
        /// Query identifier.
        id: u16,
    },
    /// Nothing.
    None,
}

/// How full a namespace's table of connections is, and what did not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Connections that are tracked.
    pub connections: u32,
    /// How many can be (`nf_conntrack_max`, which the host's own namespace sets for all); 0 where the kernel does not say.
    pub connections_max: u32,
    /// First packets that were dropped since another connection has the same addresses and ports: where a source is
    /// translated, all ports towards the destination are taken.
    pub refused: u64,
    /// First packets that were dropped since the table was full.
    pub dropped: u64,
}

/// How full the table of the socket's namespace is.
pub fn tracking(socket: &mut NetlinkSocket) -> Result<Tracking, NetlinkError> {
    let mut tracking = Tracking::default();
    let mut message = Message::new(GET_STATS, 0);
    message.fixed(&[0; NFGENMSG_BYTES]);
    for reply in socket.request(&mut message)? {
        let found = Attributes::after(&reply.payload, NFGENMSG_BYTES)?;
        let number = |kind| found.be32(kind);
        tracking.connections = number(CTA_STATS_GLOBAL_ENTRIES).unwrap_or(tracking.connections);
        tracking.connections_max =
            number(CTA_STATS_GLOBAL_MAX_ENTRIES).unwrap_or(tracking.connections_max);
    }
    let mut message = Message::new(GET_STATS_CPU, 0);
    message.fixed(&[0; NFGENMSG_BYTES]);
    for reply in socket.dump(&mut message)? {
        let found = Attributes::after(&reply.payload, NFGENMSG_BYTES)?;
        let number = |kind| u64::from(found.be32(kind).unwrap_or(0));
        tracking.refused += number(CTA_STATS_INSERT_FAILED);
        tracking.dropped += number(CTA_STATS_DROP);
    }
    Ok(tracking)
}

/// All connections that the socket's namespace tracks.
pub fn dump_flows(socket: &mut NetlinkSocket) -> Result<Vec<Flow>, NetlinkError> {
    let mut message = Message::new(GET, 0);
    message.fixed(&[0; NFGENMSG_BYTES]);
    let replies = socket.dump(&mut message)?;
    let parsed = replies.iter().map(|reply| parse(&reply.payload));
    Ok(parsed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Forgets a connection; one that is not tracked (any more) is no error.
pub fn delete_flow(socket: &mut NetlinkSocket, flow: &Flow) -> Result<(), NetlinkError> {
    let ipv6 = flow.original.source.is_ipv6();
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    let mut message = Message::new(DELETE, 0);
    // Both families are below 256.
    message.fixed(&[family as u8, 0, 0, 0]);
    message.nest(CTA_TUPLE_ORIG, |tuple| put_tuple(tuple, &flow.original));
    match socket.request(&mut message) {
        Err(error) if error.errno() == Some(libc::ENOENT) => Ok(()),
        result => result.map(drop),
    }
}

fn put_tuple(message: &mut Message, tuple: &Tuple) {
    message.nest(CTA_TUPLE_IP, |ip| {
        match (tuple.source, tuple.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ip.bytes(CTA_IP_V4_SRC, &source.octets());
                ip.bytes(CTA_IP_V4_DST, &destination.octets());
            }
            (source, destination) => {
                let mapped = |address| match address {
                    IpAddr::V4(v4) => Ipv4Addr::to_ipv6_mapped(&v4),
                    IpAddr::V6(v6) => v6,
                };
                ip.bytes(CTA_IP_V6_SRC, &mapped(source).octets());
                ip.bytes(CTA_IP_V6_DST, &mapped(destination).octets());
            }
        };
    });
    message.nest(CTA_TUPLE_PROTO, |proto| {
        proto.u8(CTA_PROTO_NUM, tuple.protocol);
        match tuple.detail {
            TupleDetail::None => {}
            TupleDetail::Ports { source, destination } => {
                proto.bytes(CTA_PROTO_SRC_PORT, &source.to_be_bytes());
                proto.bytes(CTA_PROTO_DST_PORT, &destination.to_be_bytes());
            }
            TupleDetail::Icmp { kind, code, id } => {
                let first =
                    if tuple.source.is_ipv6() { CTA_PROTO_ICMPV6_ID } else { CTA_PROTO_ICMP_ID };
                proto.bytes(first, &id.to_be_bytes()).u8(first + 1, kind).u8(first + 2, code);
            }
        }
    });
}

pub(crate) fn parse(payload: &[u8]) -> Result<Option<Flow>, Malformed> {
    let attributes = Attributes::after(payload, NFGENMSG_BYTES)?;
    let original = parse_tuple(attributes.nest(CTA_TUPLE_ORIG)?)?;
    let reply = parse_tuple(attributes.nest(CTA_TUPLE_REPLY)?)?;
    Ok(original.zip(reply).map(|(original, reply)| Flow { original, reply }))
}

fn parse_tuple(tuple: Attributes<'_>) -> Result<Option<Tuple>, Malformed> {
    let ip = tuple.nest(CTA_TUPLE_IP)?;
    let v4 = |kind| Some(Ipv4Addr::from(*ip.get(kind)?.first_chunk::<4>()?).into());
    let v6 = |kind| Some(Ipv6Addr::from(*ip.get(kind)?.first_chunk::<16>()?).into());
    let source: Option<IpAddr> = v4(CTA_IP_V4_SRC).or_else(|| v6(CTA_IP_V6_SRC));
    let destination: Option<IpAddr> = v4(CTA_IP_V4_DST).or_else(|| v6(CTA_IP_V6_DST));
    let proto = tuple.nest(CTA_TUPLE_PROTO)?;
    let ports = proto.be16(CTA_PROTO_SRC_PORT).zip(proto.be16(CTA_PROTO_DST_PORT));
    let icmp = |first| {
        let (id, kind, code) = (proto.be16(first)?, proto.u8(first + 1)?, proto.u8(first + 2)?);
        Some(TupleDetail::Icmp { kind, code, id })
    };
    let detail = ports
        .map(|(source, destination)| TupleDetail::Ports { source, destination })
        .or_else(|| icmp(CTA_PROTO_ICMP_ID))
        .or_else(|| icmp(CTA_PROTO_ICMPV6_ID))
        .unwrap_or(TupleDetail::None);
    let protocol = proto.u8(CTA_PROTO_NUM);
    Ok(source.zip(destination).zip(protocol).map(|((source, destination), protocol)| Tuple {
        source,
        destination,
        protocol,
        detail,
    }))
}
