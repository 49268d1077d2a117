//! The sets of a network's table: who is here, and the classes and verdicts of both directions.

use super::Local;
use super::program::{key, link_key, name_bytes, transport_key};
use ipnet::IpNet;
use netloom_policy::DirectionTable;
use netloom_state::nft::{Element, ElementValue, Set, SetData, Table, Verdict};

/// The set of links that lead to more than their own addresses.
pub(super) const ROUTERS: &str = "routers";

pub(super) fn plain() -> Element {
    Element { last: None, value: ElementValue::None }
}

fn number(value: u32) -> Element {
    Element { last: None, value: ElementValue::Bytes(value.to_be_bytes().to_vec()) }
}

pub(super) fn set(
    key_bytes: u32,
    data: SetData,
    elements: impl IntoIterator<Item = (Vec<u8>, Element)>,
) -> Set {
    Set { key_bytes, data, interval: false, elements: elements.into_iter().collect() }
}

pub(super) fn interval_map(
    key_bytes: u32,
    ranges: impl IntoIterator<Item = (Vec<u8>, Vec<u8>, u32)>,
) -> Set {
    let elements = ranges
        .into_iter()
        .map(|(first, last, class)| (first, Element { last: Some(last), ..number(class) }));
    Set { interval: true, ..set(key_bytes, SetData::Value(4), elements) }
}

/// Which addresses may come from which link, and the identity of each.
pub(super) fn add_local_sets(table: &mut Table, tunnel: &str, locals: &[Local]) {
    for (family, ipv6) in [("4", false), ("6", true)] {
        let address_bytes = if ipv6 { 16 } else { 4 };
        let here = || {
            locals.iter().flat_map(move |local| {
                let addresses = local.addresses.iter().filter(move |ip| ip.is_ipv6() == ipv6);
                addresses.map(move |address| (local, *address))
            })
        };
        // Who sends through the tunnel, the engine has checked.
        let linked = here().filter(|(local, _)| local.link != tunnel);
        let sources = linked.map(|(local, address)| (link_key(&local.link, address), plain()));
        let identities = here().map(|(local, address)| (key(address), number(local.identity)));
        table
            .sets
            .insert(format!("sources{family}"), set(16 + address_bytes, SetData::None, sources));
        table.sets.insert(
            format!("identities{family}"),
            set(address_bytes, SetData::Value(4), identities),
        );
    }
}

/// Who forwards to what is behind it: the identity of each such link.
pub(super) fn add_router_set(table: &mut Table, locals: &[Local], routers: &[(String, IpNet)]) {
    let leads = |local: &&Local| routers.iter().any(|(link, _)| *link == local.link);
    let links = locals.iter().filter(leads);
    let links = links.map(|local| (name_bytes(&local.link), number(local.identity)));
    table.sets.insert(ROUTERS.to_owned(), set(16, SetData::Value(4), links));
}

pub(super) fn add_direction_sets(table: &mut Table, name: &str, compiled: &DirectionTable) {
    for (family, ipv6) in [("4", false), ("6", true)] {
        let address_bytes = if ipv6 { 16 } else { 4 };
        let members = compiled
            .member_classes
            .iter()
            .filter(|(address, _)| address.is_ipv6() == ipv6)
            .map(|(address, class)| (key(*address), number(*class)));
        table.sets.insert(
            format!("{name}-members{family}"),
            set(address_bytes, SetData::Value(4), members),
        );
        let ranges = compiled.range_classes.iter().filter_map(|(first, last, class)| {
            let (first, last) = clip_to_family(*first, *last, ipv6)?;
            Some((number_key(first, ipv6), number_key(last, ipv6), *class))
        });
        table.sets.insert(format!("{name}-ranges{family}"), interval_map(address_bytes, ranges));
    }
    let ports = compiled.transport_classes.iter().filter_map(|(first, last, class)| {
        let first = u32::try_from(*first).ok().filter(|first| *first < 1 << 24)?;
        let last = u32::try_from(*last).unwrap_or(u32::MAX).min((1 << 24) - 1);
        Some((transport_key(first), transport_key(last), *class))
    });
    table.sets.insert(format!("{name}-ports"), interval_map(8, ports));
    let verdicts = compiled.allowed.iter().map(|(identity, class, port)| {
        let key = [identity, class, port].map(|part| part.to_be_bytes()).concat();
        (key, Element { last: None, value: ElementValue::Verdict(Verdict::Return) })
    });
    table.sets.insert(format!("{name}-verdicts"), set(12, SetData::Verdict, verdicts));
}

/// The key of an address's number in a set of one family. (A range of IPv6 may end inside the
/// numbers that stand for IPv4, so the number alone does not tell the family.)
pub(super) fn number_key(number: u128, ipv6: bool) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    if ipv6 { bytes.to_vec() } else { bytes[12..].to_vec() }
}

/// IPv4 addresses are numbered inside `::ffff:0:0/96`; a range over both families is cut at its edges.
pub(super) fn clip_to_family(first: u128, last: u128, ipv6: bool) -> Option<(u128, u128)> {
    const V4_FIRST: u128 = 0xffff_0000_0000;
    const V4_LAST: u128 = 0xffff_ffff_ffff;
    if !ipv6 {
        let (first, last) = (first.max(V4_FIRST), last.min(V4_LAST));
        return (first <= last).then_some((first, last));
    }
    // What is below and inside the mapped range never appears in an IPv6 header on a real network,
    // but ranges that span it stay whole: one element instead of two.
    (last > V4_LAST || first < V4_FIRST).then_some((first, last))
}
