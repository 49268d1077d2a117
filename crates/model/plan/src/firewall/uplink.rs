//! The way to the node's own stack and out of the fabric: what passes it, and who may begin a connection outside.

use super::border::{Border, of_nodes};
use super::drop_reason;
use super::program::Program;
use ipnet::IpNet;
use std::net::IpAddr;

/// What passes the link to the node's own stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// Its name.
    pub link: String,
    /// The link of the node's own stack as one that is in the network, by which IPv6 comes in where it
    /// is: that stack has one way to the network's prefixes, for itself and for what it forwards.
    pub by_stack: Option<String>,
    /// Prefixes inside, which nothing from outside can come from.
    pub inside: Vec<IpNet>,
    /// Addresses in the fabric of the node's own stack, which tells from one of them what goes wrong outside.
    pub own: Vec<IpAddr>,
    /// Between whom connections may begin outside, the longest prefix outside first. Over IPv4 only those that are
    /// translated, for [`Self::published`].
    pub entries: Vec<Entry>,
    /// Ports that can be called from outside: protocol, port there, and whom it leads to.
    pub published: Vec<(u8, u16, IpAddr, u16)>,
}

impl Uplink {
    /// Whether a connection may begin outside, as the kernel is told.
    pub fn lets_in(&self, outside: IpAddr, to: IpAddr) -> bool {
        let holds = |entry: &&Entry| entry.outside.contains(&outside) && entry.to.contains(&to);
        self.entries.iter().find(holds).is_some_and(|entry| entry.lets_in)
    }
}

/// Whether connections may begin outside, by both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who calls.
    pub outside: IpNet,
    /// Who is called.
    pub to: IpNet,
    /// Whether they may.
    pub lets_in: bool,
}

/// The rules of the forward chain for new connections over the node's own stack.
pub(super) fn uplink_rules(
    tunnel: &str,
    border: &Border,
    has_stock: bool,
) -> Vec<netloom_state::nft::Rule> {
    let Some(uplink) = &border.uplink else { return Vec::new() };
    // The sender's node has let it leave.
    let leaving = Program::new().incoming(tunnel).outgoing(&uplink.link);
    let leaving = of_nodes(leaving, true, has_stock).into_iter();
    let mut rules: Vec<_> = leaving.map(Program::accept).collect();
    let incoming = || Program::new().incoming(&uplink.link);
    let entries = uplink.entries.iter();
    for entry in entries.filter(|entry| entry.to.addr().is_ipv6() || !uplink.published.is_empty()) {
        let is_ipv6 = entry.to.addr().is_ipv6();
        let came = if is_ipv6 { incoming() } else { incoming().translated() };
        let by_stack = uplink.by_stack.iter().filter(|_| is_ipv6).map(|link| not_from_stack(link));
        for program in [came].into_iter().chain(by_stack) {
            let called = between(program, entry);
            if !entry.lets_in {
                rules.push(called.count_and_drop(drop_reason::FROM_OUTSIDE));
                continue;
            }
            let onwards = of_nodes(called.clone().outgoing(tunnel), false, has_stock).into_iter();
            rules.extend(onwards.map(Program::accept));
            rules.push(called.clone().jump("ingress"));
            rules.push(called.accept());
        }
    }
    rules.push(incoming().count_and_drop(drop_reason::FROM_OUTSIDE));
    let forwarded = uplink.by_stack.iter().map(|link| not_from_stack(link));
    rules.extend(forwarded.map(|program| program.count_and_drop(drop_reason::FROM_OUTSIDE)));
    rules
}

fn between(program: Program, entry: &Entry) -> Program {
    let from = match entry.outside.prefix_len() {
        0 => program,
        _ => program.in_prefix(true, entry.outside),
    };
    from.in_prefix(false, entry.to)
}

/// What comes by the link of the node's own stack and is not that stack's: it forwards it from outside.
pub(super) fn not_from_stack(link: &str) -> Program {
    Program::new().incoming(link).foreign_source(true)
}
