//! Tables, chains, rules, sets and counters as the kernel holds them, all of one generation.

use super::decode::decode_rule;
use super::element::{RawElement, assemble, decode_elements};
use super::encode::{hook_number, kind_name};
use super::userdata::read_comment;
use super::{TableOwnership, request, uapi};
use crate::netlink::{Attributes, Malformed, NetlinkError, NetlinkSocket};
use netloom_state::nft::{
    BaseChain, Chain, ChainKind, Element, Hook, Set, SetData, SetKind, Table,
};
use std::collections::BTreeMap;

/// How often a read that was overtaken by a commit is begun again.
const ATTEMPTS_MAX: u32 = 16;

/// A table with its ownership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedTable {
    /// Whose it is.
    pub ownership: TableOwnership,
    /// What is in it.
    pub table: Table,
}

/// What a `counter` expression has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The tables of family `inet` that `wanted` picks, with all that is in them.
pub fn read_tables(
    socket: &mut NetlinkSocket,
    wanted: impl Fn(&TableOwnership) -> bool,
) -> Result<Vec<ObservedTable>, NetlinkError> {
    for _ in 0..ATTEMPTS_MAX {
        let before = generation(socket)?;
        let replies = socket.dump(&mut request(uapi::GETTABLE, 0))?;
        let mut tables = Vec::new();
        let read = replies.iter().try_for_each(|reply| {
            let ownership = TableOwnership::decode(&reply.payload)?;
            if wanted(&ownership) {
                let table = read_table(socket, &ownership.table)?;
                tables.push(ObservedTable { ownership, table });
            }
            Ok::<_, NetlinkError>(())
        });
        if generation(socket)? == before {
            return read.map(|()| tables);
        }
    }
    Err(NetlinkError::DumpInterrupted { attempts: ATTEMPTS_MAX })
}

/// The number that every commit in the namespace changes.
fn generation(socket: &mut NetlinkSocket) -> Result<Option<u32>, NetlinkError> {
    let replies = socket.request(&mut request(uapi::GETGEN, 0))?;
    let Some(reply) = replies.first() else { return Ok(None) };
    Ok(Attributes::after(&reply.payload, uapi::NFGENMSG_BYTES)?.be32(uapi::GEN_ID))
}

fn read_table(socket: &mut NetlinkSocket, name: &str) -> Result<Table, NetlinkError> {
    let mut table = Table::default();
    for reply in socket.dump(&mut request(uapi::GETCHAIN, 0))? {
        let (of_table, chain, base) = decode_chain(&reply.payload)?;
        if of_table == name {
            table.chains.insert(chain, Chain { base, rules: Vec::new() });
        }
    }
    for payload in dump_rules(socket, name)? {
        let (_, chain, rule) = decode_rule(&payload)?;
        table.chains.entry(chain).or_default().rules.push(rule);
    }
    let mut message = request(uapi::GETSET, 0);
    message.text(uapi::SET_TABLE, name);
    for reply in socket.dump(&mut message)? {
        let (set, kind) = decode_set(&reply.payload)?;
        let SetKind { key_bytes, data, interval } = kind;
        let elements = read_elements(socket, name, &set, interval)?;
        table.sets.insert(set, Set { key_bytes, data, interval, elements });
    }
    Ok(table)
}

fn dump_rules(socket: &mut NetlinkSocket, table: &str) -> Result<Vec<Vec<u8>>, NetlinkError> {
    let mut message = request(uapi::GETRULE, 0);
    message.text(uapi::RULE_TABLE, table);
    let mut payloads = Vec::new();
    for reply in socket.dump(&mut message)? {
        // Kernels before the filter by table give the rules of all tables.
        let attributes = Attributes::after(&reply.payload, uapi::NFGENMSG_BYTES)?;
        if attributes.text(uapi::RULE_TABLE).as_deref() == Some(table) {
            payloads.push(reply.payload);
        }
    }
    Ok(payloads)
}

/// The elements of a set, each once.
///
/// A dump goes on where its last message ended by counting, so that a hash table that grows in the
/// background meanwhile, as it does after it was filled, gives some elements twice and others
/// never. The kernel does not say so, but the doubles do.
pub(super) fn read_elements(
    socket: &mut NetlinkSocket,
    table: &str,
    set: &str,
    interval: bool,
) -> Result<BTreeMap<Vec<u8>, Element>, NetlinkError> {
    for _ in 0..ATTEMPTS_MAX {
        let raw = dump_elements(socket, table, set)?;
        let dumped = raw.len();
        let elements = assemble(raw, interval);
        let counted = if interval { None } else { element_count(socket, table, set)? };
        let whole = interval || elements.len() == dumped;
        if whole && counted.is_none_or(|count| count as usize == dumped) {
            return Ok(elements);
        }
    }
    Err(NetlinkError::DumpInterrupted { attempts: ATTEMPTS_MAX })
}

/// How many elements a set has, where the kernel tells.
fn element_count(
    socket: &mut NetlinkSocket,
    table: &str,
    set: &str,
) -> Result<Option<u32>, NetlinkError> {
    let mut message = request(uapi::GETSET, 0);
    message.text(uapi::SET_TABLE, table).text(uapi::SET_NAME, set);
    let replies = socket.request(&mut message)?;
    let Some(reply) = replies.first() else { return Ok(None) };
    Ok(Attributes::after(&reply.payload, uapi::NFGENMSG_BYTES)?.be32(uapi::SET_COUNT))
}

fn dump_elements(
    socket: &mut NetlinkSocket,
    table: &str,
    set: &str,
) -> Result<Vec<RawElement>, NetlinkError> {
    let mut message = request(uapi::GETSETELEM, 0);
    message.text(uapi::ELEM_LIST_TABLE, table).text(uapi::ELEM_LIST_SET, set);
    let mut elements = Vec::new();
    for reply in socket.dump(&mut message)? {
        elements.extend(decode_elements(&reply.payload)?);
    }
    Ok(elements)
}

/// A chain's table, name and binding.
pub(super) fn decode_chain(
    payload: &[u8],
) -> Result<(String, String, Option<BaseChain>), Malformed> {
    let attributes = Attributes::after(payload, uapi::NFGENMSG_BYTES)?;
    let binding = attributes.nest(uapi::CHAIN_HOOK)?;
    let number = binding.be32(uapi::HOOK_HOOKNUM);
    let kind_text = attributes.text(uapi::CHAIN_TYPE);
    let hooks = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
    let known = hooks.into_iter().find(|hook| Some(hook_number(*hook)) == number);
    let kind = [ChainKind::Filter, ChainKind::Nat]
        .into_iter()
        .find(|kind| Some(kind_name(*kind)) == kind_text.as_deref());
    let base = known.zip(kind).map(|(hook, kind)| BaseChain {
        kind,
        hook,
        priority: binding.be32(uapi::HOOK_PRIORITY).unwrap_or(0).cast_signed(),
        accept: attributes.be32(uapi::CHAIN_POLICY) != Some(uapi::NF_DROP.cast_unsigned()),
    });
    let table = attributes.text(uapi::CHAIN_TABLE).unwrap_or_default();
    Ok((table, attributes.text(uapi::CHAIN_NAME).unwrap_or_default(), base))
}

/// A set's name and type.
pub(super) fn decode_set(payload: &[u8]) -> Result<(String, SetKind), Malformed> {
    let attributes = Attributes::after(payload, uapi::NFGENMSG_BYTES)?;
    let flags = attributes.be32(uapi::SET_FLAGS).unwrap_or(0);
    let data = match (flags & uapi::SET_F_MAP, attributes.be32(uapi::SET_DATA_TYPE)) {
        (0, _) => SetData::None,
        (_, Some(uapi::DATA_TYPE_VERDICT)) => SetData::Verdict,
        _ => SetData::Value(attributes.be32(uapi::SET_DATA_LEN).unwrap_or(0)),
    };
    let kind = SetKind {
        key_bytes: attributes.be32(uapi::SET_KEY_LEN).unwrap_or(0),
        data,
        interval: flags & uapi::SET_F_INTERVAL != 0,
    };
    Ok((attributes.text(uapi::SET_NAME).unwrap_or_default(), kind))
}

/// The counters of a table's named rules; rules of one name are added up.
pub fn read_counters(
    socket: &mut NetlinkSocket,
    table: &str,
) -> Result<BTreeMap<String, Counter>, NetlinkError> {
    let mut counters: BTreeMap<String, Counter> = BTreeMap::new();
    for payload in dump_rules(socket, table)? {
        let attributes = Attributes::after(&payload, uapi::NFGENMSG_BYTES)?;
        let name = attributes.get(uapi::RULE_USERDATA).and_then(read_comment);
        let Some(name) = name else { continue };
        for elem in attributes.nest(uapi::RULE_EXPRESSIONS)?.iter() {
            let elem = Attributes::parse(elem.value)?;
            if elem.text(uapi::EXPR_NAME).as_deref() == Some("counter") {
                let data = elem.nest(uapi::EXPR_DATA)?;
                let counter = counters.entry(name.clone()).or_default();
                let packets = data.be64(uapi::COUNTER_PACKETS).unwrap_or(0);
                let bytes = data.be64(uapi::COUNTER_BYTES).unwrap_or(0);
                counter.packets = counter.packets.saturating_add(packets);
                counter.bytes = counter.bytes.saturating_add(bytes);
            }
        }
    }
    Ok(counters)
}
