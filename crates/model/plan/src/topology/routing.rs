//! The kernel's routing tables and rules, and addresses on the way out.

use crate::naming::TUNNEL;
use ipnet::IpNet;
use netloom_base::hash::fnv1a;
use netloom_model::fabric::NextHop;
use netloom_state::host::{RouteKind, Rule};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The main table, which every rule of ours comes after.
pub(super) const MAIN: u32 = 254;
/// Tables of subnets are from here on.
const TABLE_FIRST: u32 = 10_000;
/// So many numbers there are for them.
const TABLE_COUNT: u64 = 1 << 20;

/// 169.254.64.0/18 (RFC 3927), apart from what clouds and others use of that range.
pub(super) fn transit(number: u16) -> Ipv4Addr {
    let [high, low] = (number | 0x4000).to_be_bytes();
    Ipv4Addr::new(169, 254, high, low)
}

pub(super) fn in_tunnel() -> RouteKind {
    RouteKind::Unicast { link: TUNNEL.to_owned(), gateway: None, source: None }
}

pub(super) fn rule(priority: u32, ipv6: bool, from: Option<IpNet>, table: u32) -> Rule {
    Rule { priority, ipv6, from, to: None, incoming: None, table }
}

/// A number for a table that follows from its routes, so that other tables do not renumber it.
pub(super) fn table_number(routes: &[(IpNet, NextHop)], taken: &mut BTreeSet<u32>) -> u32 {
    let hash = fnv1a(format!("{routes:?}").as_bytes());
    // The remainder is below 2^20.
    let mut number = ((hash ^ (hash >> 32)) % TABLE_COUNT) as u32;
    while !taken.insert(number) {
        number = (number + 1) % TABLE_COUNT as u32;
    }
    TABLE_FIRST + number
}
