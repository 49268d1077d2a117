//! The table of a node's own stack: its addresses in the fabric are not the underlay's to speak to.

use super::program::{Program, key};
use super::{drop_reason, plain, set};
use netloom_state::nft::{BaseChain, Chain, ChainKind, Hook, SetData, Table};
use std::net::IpAddr;

/// The name of a fabric's table in the node's own namespace.
pub fn host_table_name(fabric: &str) -> String {
    format!("netloom-{fabric}")
}

/// The table of the node's own stack: addresses that it has in the fabric are spoken to and speak
/// through the fabric's links alone. Without it, whoever is on the underlay could reach them past
/// all policy, and answers would leave in clear.
pub fn host_table(links: &[String], own: &[IpAddr]) -> Table {
    let mut table = Table::default();
    for (family, ipv6) in [("4", false), ("6", true)] {
        let addresses = own.iter().filter(|ip| ip.is_ipv6() == ipv6).map(|ip| (key(*ip), plain()));
        let bytes = if ipv6 { 16 } else { 4 };
        table.sets.insert(format!("own{family}"), set(bytes, SetData::None, addresses));
    }
    let chain = |hook, priority, sent: bool, reason: &str| {
        let through = |link: &str| {
            let program = Program::new();
            (if sent { program.outgoing(link) } else { program.incoming(link) }).accept()
        };
        let mut rules: Vec<_> = links.iter().map(|link| through(link)).collect();
        rules.push(through("lo"));
        for ipv6 in [false, true] {
            rules.push(Program::new().own_address(sent, ipv6).count_and_drop(reason));
        }
        let base = BaseChain { kind: ChainKind::Filter, hook, priority, accept: true };
        Chain { base: Some(base), rules }
    };
    let arrival = chain(Hook::Prerouting, -300, false, drop_reason::FROM_UNDERLAY);
    let departure = chain(Hook::Postrouting, 300, true, drop_reason::TO_UNDERLAY);
    table.chains.insert("from-underlay".to_owned(), arrival);
    table.chains.insert("to-underlay".to_owned(), departure);
    table
}
