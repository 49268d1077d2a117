//! Notifications of rtnetlink and nf_tables, read as hostile bytes.

use super::change::{Change, Object};
use crate::netlink::{Attributes, Frame, Frames, Malformed};
use crate::{nft, route};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;
const RTM_NEWNETCONF: u16 = 80;
/// `AF_BRIDGE`: forwarding databases come as neighbours, ports of bridges as links.
const FAMILY_BRIDGE: u8 = 7;
/// `NFT_MSG_NEWGEN`.
const NEW_GENERATION: u16 = 15;
const GENERATION_PROCESS_ID: u16 = 2;
const GENERATION_PROCESS_NAME: u16 = 3;

/// What a notification of nf_tables says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TableNews {
    /// A table or something in it was changed by the transaction that is being told.
    Touched {
        /// The table.
        table: String,
        /// Whether the table itself is gone.
        gone: bool,
    },
    /// The end of the transaction, and who made it.
    Committed {
        /// The requester's port.
        port: u32,
        /// Its process id, as the first of all process namespaces counts.
        pid: Option<u32>,
        /// Its name.
        name: Option<String>,
    },
}

/// The changes in a datagram of rtnetlink; what cannot be read may have been anything.
pub(super) fn read_routing(datagram: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    for frame in Frames::new(datagram) {
        let Ok(frame) = frame else {
            changes.push(Change::unknown());
            break;
        };
        match object(&frame) {
            Ok(Some(object)) => {
                let gone = matches!(
                    frame.kind,
                    RTM_DELLINK | RTM_DELADDR | RTM_DELROUTE | RTM_DELNEIGH | RTM_DELRULE
                );
                changes.push(Change { object, gone, port: frame.port, author: None });
            }
            Ok(None) => {}
            Err(_) => changes.push(Change::unknown()),
        }
    }
    changes
}

fn object(frame: &Frame<'_>) -> Result<Option<Object>, crate::netlink::NetlinkError> {
    let payload = frame.payload;
    if payload.first() == Some(&FAMILY_BRIDGE) {
        return Ok(None);
    }
    Ok(match frame.kind {
        RTM_NEWLINK | RTM_DELLINK => {
            let route::ObservedLink { name, alias, up, .. } = route::read_link(payload)?;
            Some(Object::Link { name, alias, up })
        }
        RTM_NEWADDR | RTM_DELADDR => route::read_address(payload)?
            .map(|found| Object::Address { index: found.index, address: found.address }),
        RTM_NEWNEIGH | RTM_DELNEIGH => route::read_neighbour_key(payload)?
            .map(|(index, address)| Object::Neighbour { index, address }),
        RTM_NEWROUTE | RTM_DELROUTE => route::read_route(payload)?.map(|found| Object::Route {
            protocol: found.protocol,
            table: found.table,
            destination: found.destination,
        }),
        RTM_NEWRULE | RTM_DELRULE => {
            route::read_rule(payload)?.map(|rule| Object::Rule { priority: rule.priority })
        }
        RTM_NEWNETCONF => Some(Object::Setting),
        _ => None,
    })
}

/// The news in a datagram of nf_tables, up to the first that cannot be read.
pub(super) fn read_table(datagram: &[u8]) -> Vec<TableNews> {
    let frames = Frames::new(datagram).map_while(Result::ok);
    frames.filter_map(|frame| table_news(&frame).ok().flatten()).collect()
}

fn table_news(frame: &Frame<'_>) -> Result<Option<TableNews>, Malformed> {
    let Some(kind) = nft::kind_of(frame.kind) else { return Ok(None) };
    let attributes = Attributes::after(frame.payload, nft::HEADER_BYTES)?;
    if kind == NEW_GENERATION {
        return Ok(Some(TableNews::Committed {
            port: frame.port,
            pid: attributes.be32(GENERATION_PROCESS_ID),
            name: attributes.text(GENERATION_PROCESS_NAME),
        }));
    }
    // Tables of other families may have the same name and are not ours.
    if frame.payload.first() != Some(&nft::FAMILY) {
        return Ok(None);
    }
    // The first attribute of tables, chains, rules, sets and elements is the table's name.
    let table = attributes.text(nft::TABLE_NAME);
    let gone = kind == nft::DELETE_TABLE;
    Ok(table.map(|table| TableNews::Touched { table, gone }))
}
