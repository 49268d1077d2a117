//! Policy routing rules with our protocol number.

use super::{CREATE, family, fixed, octets, prefix, unless};
use crate::netlink::{Attributes, Message, NetlinkError, NetlinkSocket};
use ipnet::IpNet;
use netloom_state::{ROUTE_PROTOCOL, Rule};

const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;
const RTM_GETRULE: u16 = 34;
/// Bytes of `struct fib_rule_hdr`.
const HEADER_BYTES: usize = 12;
const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_PRIORITY: u16 = 6;
const FRA_TABLE: u16 = 15;
const FRA_PROTOCOL: u16 = 21;
const FR_ACT_TO_TBL: u8 = 1;

fn message(kind: u16, flags: u16, rule: &Rule) -> Message {
    let mut message = Message::new(kind, flags);
    let mut header = [0u8; HEADER_BYTES];
    header[0] = family(rule.ipv6);
    header[1] = rule.to.map_or(0, |to| to.prefix_len());
    header[2] = rule.from.map_or(0, |from| from.prefix_len());
    header[7] = FR_ACT_TO_TBL;
    message.fixed(&header).u32(FRA_PRIORITY, rule.priority).u32(FRA_TABLE, rule.table);
    message.u8(FRA_PROTOCOL, ROUTE_PROTOCOL);
    let mut put = |kind, prefix: Option<IpNet>| {
        if let Some(prefix) = prefix {
            message.bytes(kind, &octets(prefix.trunc().addr()));
        }
    };
    put(FRA_DST, rule.to);
    put(FRA_SRC, rule.from);
    if let Some(incoming) = &rule.incoming {
        message.text(FRA_IIFNAME, incoming);
    }
    message
}

/// Adds a rule marked as ours; one that is there already is no error.
pub fn add_rule(socket: &mut NetlinkSocket, rule: &Rule) -> Result<(), NetlinkError> {
    unless(socket.request(&mut message(RTM_NEWRULE, CREATE, rule)), &[libc::EEXIST])
}

/// Removes a rule of ours; one that is not there is no error.
pub fn delete_rule(socket: &mut NetlinkSocket, rule: &Rule) -> Result<(), NetlinkError> {
    unless(socket.request(&mut message(RTM_DELRULE, 0, rule)), &[libc::ENOENT])
}

/// All rules with our protocol number, of one family.
pub fn dump_rules(socket: &mut NetlinkSocket, ipv6: bool) -> Result<Vec<Rule>, NetlinkError> {
    let mut message = Message::new(RTM_GETRULE, 0);
    let mut header = [0u8; HEADER_BYTES];
    header[0] = family(ipv6);
    message.fixed(&header);
    let replies = socket.dump(&mut message)?;
    let parsed = replies.iter().map(|reply| parse(&reply.payload));
    Ok(parsed.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(crate) fn parse(payload: &[u8]) -> Result<Option<Rule>, NetlinkError> {
    let header: [u8; HEADER_BYTES] = fixed(payload)?;
    let attributes = Attributes::after(payload, HEADER_BYTES)?;
    if attributes.u8(FRA_PROTOCOL) != Some(ROUTE_PROTOCOL) || header[7] != FR_ACT_TO_TBL {
        return Ok(None);
    }
    let ipv6 = header[0] == family(true);
    let read = |kind, length| {
        let bytes = attributes.get(kind);
        bytes.and_then(|bytes| prefix(Some(bytes), length, ipv6))
    };
    Ok(Some(Rule {
        priority: attributes.u32(FRA_PRIORITY).unwrap_or(0),
        ipv6,
        from: read(FRA_SRC, header[2]),
        to: read(FRA_DST, header[1]),
        incoming: attributes.text(FRA_IIFNAME),
        table: attributes.u32(FRA_TABLE).unwrap_or_else(|| u32::from(header[4])),
    }))
}
