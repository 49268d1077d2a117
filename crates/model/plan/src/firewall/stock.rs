//! Stock peers in their node's table: their packets cross the tunnel twice, and no other node judges
//! them, so both of their policies hold here.

use super::border::acl_prefix;
use super::program::Program;
use super::sets::{clip_to_family, interval_map, number_key};
use super::{CompiledPolicy, Local, drop_reason, prefix};
use netloom_policy::interval::address_number;
use netloom_policy::{Direction, IntervalSet};
use netloom_state::nft::{Chain, Element, ElementValue, Rule, Set, SetData, Table, Verdict};

/// Whether a stock peer is among the local ones.
pub(super) fn has_any(tunnel: &str, locals: &[Local]) -> bool {
    let mut peers = locals.iter().filter(|local| local.link == tunnel);
    peers.any(|local| !local.addresses.is_empty() || !local.behind.is_empty())
}

/// Lets packets through that come from a local stock peer, or go to one, by that peer's policy.
/// Changes nothing in a table without any.
pub(super) fn govern(table: &mut Table, tunnel: &str, locals: &[Local], policy: &CompiledPolicy) {
    let peers = locals.iter().filter(|local| local.link == tunnel);
    let ranges = peers.flat_map(|local| {
        let own = local.addresses.iter().map(|address| address_number(*address));
        own.map(|number| (number, number)).chain(local.behind.ranges().iter().copied())
    });
    let all: IntervalSet = ranges.collect();
    if all.is_empty() {
        return;
    }
    for (family, ipv6) in [("4", false), ("6", true)] {
        table.sets.insert(format!("stock{family}"), set_of(&all, ipv6));
        let behind = policy.behind.iter().filter_map(|(first, last, identity)| {
            let (first, last) = clip_to_family(*first, *last, ipv6)?;
            Some((number_key(first, ipv6), number_key(last, ipv6), *identity))
        });
        let bytes = if ipv6 { 16 } else { 4 };
        table.sets.insert(format!("behind{family}"), interval_map(bytes, behind));
    }
    transit(table, tunnel);
    for direction in [Direction::Egress, Direction::Ingress] {
        judge(table, tunnel, direction);
        judge_acl(table, tunnel, direction);
    }
}

fn set_of(addresses: &IntervalSet, ipv6: bool) -> Set {
    let element = |(first, last): &(u128, u128)| {
        let (first, last) = clip_to_family(*first, *last, ipv6)?;
        let last = Some(number_key(last, ipv6));
        Some((number_key(first, ipv6), Element { last, value: ElementValue::None }))
    };
    let elements = addresses.ranges().iter().filter_map(element).collect();
    let key_bytes = if ipv6 { 16 } else { 4 };
    Set { key_bytes, data: SetData::None, interval: true, elements }
}

/// From the tunnel into the tunnel goes only what has a stock peer at one end.
fn transit(table: &mut Table, tunnel: &str) {
    let end =
        |source, ipv6| Program::new().stock_address(source, ipv6, false).verdict(Verdict::Return);
    let mut rules: Vec<_> =
        [(true, false), (false, false), (true, true), (false, true)].map(|(s, f)| end(s, f)).into();
    rules.push(Program::new().count_and_drop(drop_reason::TRANSIT));
    table.chains.insert("transit".to_owned(), Chain { base: None, rules });
    if let Some(rule) = table.chains.get_mut("forward").and_then(|chain| chain.rules.first_mut()) {
        *rule = Program::new().incoming(tunnel).outgoing(tunnel).jump("transit");
    }
}

/// The same for the ACLs of their subnets, which are asked by address as all others' are.
fn judge_acl(table: &mut Table, tunnel: &str, direction: Direction) {
    if let Some(chain) = table.chains.get_mut(acl_prefix(direction)) {
        chain.rules.splice(..1, remote(tunnel, direction));
    }
}

/// Leaves to other nodes what is on the tunnel's side and no stock peer of this one.
fn remote(tunnel: &str, direction: Direction) -> [Rule; 2] {
    let sends = direction == Direction::Egress;
    [false, true].map(|ipv6| {
        let through = Program::new();
        let through = if sends { through.incoming(tunnel) } else { through.outgoing(tunnel) };
        through.stock_address(sends, ipv6, true).verdict(Verdict::Return)
    })
}

/// The tunnel's side is left to the other node, unless a stock peer of this one is there.
fn judge(table: &mut Table, tunnel: &str, direction: Direction) {
    let name = prefix(direction);
    let Some(chain) = table.chains.get_mut(name) else { return };
    // The first rule leaves everything of the tunnel to others, the last one denies.
    chain.rules.splice(..1, remote(tunnel, direction));
    let denial = chain.rules.pop();
    for ipv6 in [false, true] {
        chain.rules.extend(Program::decide(direction, name, "behind", ipv6));
    }
    chain.rules.extend(denial);
}
