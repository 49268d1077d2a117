//! The table of a node's own stack: its addresses in the fabric are not the underlay's to speak to, and
//! what leaves the fabric here is translated, and kept out of it.

use super::program::{Program, key};
use super::{drop_reason, plain, set};
use ipnet::IpNet;
use netloom_state::nft::{BaseChain, Chain, ChainKind, Hook, SetData, Table};
use std::net::IpAddr;

/// The name of a fabric's table in the node's own namespace.
pub fn host_table_name(fabric: &str) -> String {
    format!("netloom-{fabric}")
}

/// What a node's own stack has to do with the fabric.
#[derive(Clone, Debug, Default)]
pub struct OwnStack {
    /// Its links to networks that it takes part in.
    pub links: Vec<String>,
    /// Its addresses there.
    pub own: Vec<IpAddr>,
    /// Networks that leave the fabric here.
    pub doors: Vec<Door>,
}

/// A network that leaves the fabric at this node.
#[derive(Clone, Debug)]
pub struct Door {
    /// The stack's link to it.
    pub link: String,
    /// The address under which its packets come out.
    pub transit: IpAddr,
    /// Prefixes that it sees elsewhere than they are: as it sees them, and as they are.
    pub mapped: Vec<(IpNet, IpNet)>,
    /// Ports that can be called from outside, with their protocols.
    pub published: Vec<(u8, u16)>,
}

impl OwnStack {
    /// Whether there is nothing to guard.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.doors.is_empty()
    }
}

/// The table of the node's own stack: addresses that it has in the fabric are spoken to and speak
/// through the fabric's links alone. Without it, whoever is on the underlay could reach them past
/// all policy, and answers would leave in clear.
pub fn host_table(stack: &OwnStack) -> Table {
    let mut table = Table::default();
    if !stack.own.is_empty() {
        guard(&mut table, stack);
    }
    if !stack.doors.is_empty() {
        add_doors(&mut table, stack);
    }
    table
}

fn guard(table: &mut Table, stack: &OwnStack) {
    for (family, ipv6) in [("4", false), ("6", true)] {
        let own = stack.own.iter().filter(|ip| ip.is_ipv6() == ipv6);
        let addresses = own.map(|ip| (key(*ip), plain()));
        let bytes = if ipv6 { 16 } else { 4 };
        table.sets.insert(format!("own{family}"), set(bytes, SetData::None, addresses));
    }
    let chain = |hook, priority, sent: bool, reason: &str| {
        let through = |link: &str| {
            let program = Program::new();
            (if sent { program.outgoing(link) } else { program.incoming(link) }).accept()
        };
        let mut rules: Vec<_> = stack.links.iter().map(|link| through(link)).collect();
        rules.push(through("lo"));
        if sent {
            // Who has sent something out by this stack is told from its own addresses what becomes of it.
            let doors = stack.doors.iter().flat_map(|door| [false, true].map(|ipv6| (door, ipv6)));
            rules.extend(
                doors.map(|(door, ipv6)| {
                    Program::new().outgoing(&door.link).icmp_error(ipv6).accept()
                }),
            );
        }
        for ipv6 in [false, true] {
            rules.push(Program::new().own_address(sent, ipv6).count_and_drop(reason));
            if !sent {
                // Nor does anybody else speak with them: a gateway's stack would forward it as its own.
                rules.push(Program::new().own_address(true, ipv6).count_and_drop(reason));
            }
        }
        let base = BaseChain { kind: ChainKind::Filter, hook, priority, accept: true };
        Chain { base: Some(base), rules }
    };
    let arrival = chain(Hook::Prerouting, -300, false, drop_reason::FROM_UNDERLAY);
    let departure = chain(Hook::Postrouting, 300, true, drop_reason::TO_UNDERLAY);
    table.chains.insert("from-underlay".to_owned(), arrival);
    table.chains.insert("to-underlay".to_owned(), departure);
}

fn add_doors(table: &mut Table, stack: &OwnStack) {
    let doors = &stack.doors;
    let nat = |hook, priority| BaseChain { kind: ChainKind::Nat, hook, priority, accept: true };
    let mut arriving = Vec::new();
    for door in doors {
        for (seen_as, prefix) in &door.mapped {
            let called = Program::new().incoming(&door.link).in_prefix(false, *seen_as);
            arriving.push(called.map_prefix(*prefix));
        }
        for (protocol, port) in &door.published {
            let called = Program::new().ipv4().protocol(*protocol).destination_port(*port);
            arriving.push(called.for_own_stack().destination_nat(door.transit, *port));
        }
    }
    let base = nat(Hook::Prerouting, -100);
    table.chains.insert("arriving".to_owned(), Chain { base: Some(base), rules: arriving });
    let leaving = doors.iter().map(|door| {
        Program::new().in_prefix(true, door.transit.into()).not_outgoing(&door.link).masquerade()
    });
    let base = nat(Hook::Postrouting, 100);
    let rules = leaving.collect();
    table.chains.insert("leaving".to_owned(), Chain { base: Some(base), rules });
    table.chains.insert("passing".to_owned(), passing(stack));
    table.chains.insert("calling".to_owned(), calling(doors));
}

/// From a network through this stack there is no way into another one, nor back into the same.
fn passing(stack: &OwnStack) -> Chain {
    let inside = || stack.links.iter().chain(stack.doors.iter().map(|door| &door.link));
    let mut rules = Vec::new();
    for door in &stack.doors {
        for link in inside() {
            let back = Program::new().incoming(&door.link).outgoing(link);
            rules.push(back.count_and_drop(drop_reason::INTO_FABRIC));
        }
    }
    let (kind, hook, priority) = (ChainKind::Filter, Hook::Forward, 0);
    Chain { base: Some(BaseChain { kind, hook, priority, accept: true }), rules }
}

/// What leaves a network is not for the stack itself, but answers are: of ports that are published.
fn calling(doors: &[Door]) -> Chain {
    let mut rules = Vec::new();
    for door in doors {
        rules.push(Program::new().incoming(&door.link).established().accept());
        // Neighbour solicitation and advertisement (RFC 4861).
        for kind in [135, 136] {
            let neighbour = Program::new().incoming(&door.link).protocol(58).icmp_type(kind);
            rules.push(neighbour.accept());
        }
        let called = Program::new().incoming(&door.link);
        rules.push(called.count_and_drop(drop_reason::INTO_FABRIC));
    }
    let (kind, hook, priority) = (ChainKind::Filter, Hook::Input, 0);
    Chain { base: Some(BaseChain { kind, hook, priority, accept: true }), rules }
}
