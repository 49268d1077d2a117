//! A network's table on one node: source check, policy of both directions, as register programs.
//!
//! ```text
//! prerouting raw:  from the tunnel, or from a link by an address that is its own, else drop
//! input:           DNS, echo and replies, else drop
//! forward:         established ─ accept;  egress ─► ingress ─► accept
//!   egress/ingress (skipped where the tunnel is on that side: the peer's node decides there)
//!                  address ─► identity, other address ─► class, port ─► class, then one verdict map
//! ```

pub mod drop_reason;
mod host;
mod program;

pub use host::{host_table, host_table_name};

use netloom_policy::table::Members;
use netloom_policy::{Allowance, Direction, DirectionTable};
use netloom_state::nft::{
    BaseChain, Chain, ChainKind, Element, ElementValue, Hook, Set, SetData, Table, Verdict,
};
use program::{Program, key, link_key, transport_key};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The name of the table in a network's namespace.
pub const TABLE: &str = "netloom";

/// One local sender and receiver, as its network's table sees it.
#[derive(Clone, Debug)]
pub struct Local {
    /// The link that its packets come from and go to.
    pub link: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Number of its policy.
    pub identity: u32,
}

/// The policies of the local identities.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// What may come in, by identity.
    pub ingress: BTreeMap<u32, Vec<Allowance>>,
    /// What may go out, by identity.
    pub egress: BTreeMap<u32, Vec<Allowance>>,
}

/// The policy of one network on one node, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledPolicy {
    /// Identity by local address.
    pub identities: BTreeMap<IpAddr, u32>,
    /// What local workloads may send.
    pub egress: DirectionTable,
    /// What they may receive.
    pub ingress: DirectionTable,
}

impl CompiledPolicy {
    /// Compiles the policies of the local workloads.
    pub fn compile(locals: &[Local], policies: &Policies, members: &Members<'_>) -> Self {
        let identities = locals
            .iter()
            .flat_map(|local| local.addresses.iter().map(|address| (*address, local.identity)));
        Self {
            identities: identities.collect(),
            egress: DirectionTable::compile(&policies.egress, members),
            ingress: DirectionTable::compile(&policies.ingress, members),
        }
    }

    /// Whether a new flow passes this node: by the sender's policy if the sender is here, and by
    /// the receiver's if the receiver is.
    pub fn allows(&self, source: IpAddr, destination: IpAddr, transport: u128) -> bool {
        let sends = self.identities.get(&source);
        let receives = self.identities.get(&destination);
        let may = |table: &DirectionTable, identity: Option<&u32>, other| {
            identity.is_none_or(|identity| table.allows(*identity, other, transport))
        };
        (sends.is_some() || receives.is_some())
            && may(&self.egress, sends, destination)
            && may(&self.ingress, receives, source)
    }
}

/// The table of one network's namespace.
pub fn table(tunnel: &str, locals: &[Local], policy: &CompiledPolicy) -> Table {
    let mut table = Table::default();
    add_local_sets(&mut table, locals);
    for (direction, compiled) in
        [(Direction::Egress, &policy.egress), (Direction::Ingress, &policy.ingress)]
    {
        add_direction_sets(&mut table, direction, compiled);
        add_direction_chains(&mut table, direction, tunnel);
    }
    let port_protocols = [1u8, 6, 17, 58].map(|protocol| (vec![protocol, 0, 0, 0], plain()));
    table.sets.insert(program::PORT_PROTOCOLS.to_owned(), set(4, SetData::None, port_protocols));
    table.chains.insert("source-check".to_owned(), source_check(tunnel));
    table.chains.insert("input".to_owned(), input());
    table.chains.insert("forward".to_owned(), forward(tunnel));
    table
}

/// Names of a direction's chains and sets begin so.
fn prefix(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "egress",
        Direction::Ingress => "ingress",
    }
}

// === sets ===

fn plain() -> Element {
    Element { last: None, value: ElementValue::None }
}

fn number(value: u32) -> Element {
    Element { last: None, value: ElementValue::Bytes(value.to_be_bytes().to_vec()) }
}

fn set(
    key_bytes: u32,
    data: SetData,
    elements: impl IntoIterator<Item = (Vec<u8>, Element)>,
) -> Set {
    Set { key_bytes, data, interval: false, elements: elements.into_iter().collect() }
}

fn interval_map(key_bytes: u32, ranges: impl IntoIterator<Item = (Vec<u8>, Vec<u8>, u32)>) -> Set {
    let elements = ranges
        .into_iter()
        .map(|(first, last, class)| (first, Element { last: Some(last), ..number(class) }));
    Set { interval: true, ..set(key_bytes, SetData::Value(4), elements) }
}

/// Which addresses may come from which link, and the identity of each.
fn add_local_sets(table: &mut Table, locals: &[Local]) {
    for (family, ipv6) in [("4", false), ("6", true)] {
        let address_bytes = if ipv6 { 16 } else { 4 };
        let here = || {
            locals.iter().flat_map(move |local| {
                let addresses = local.addresses.iter().filter(move |ip| ip.is_ipv6() == ipv6);
                addresses.map(move |address| (local, *address))
            })
        };
        let sources = here().map(|(local, address)| (link_key(&local.link, address), plain()));
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

fn add_direction_sets(table: &mut Table, direction: Direction, compiled: &DirectionTable) {
    let name = prefix(direction);
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
fn number_key(number: u128, ipv6: bool) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    if ipv6 { bytes.to_vec() } else { bytes[12..].to_vec() }
}

/// IPv4 addresses are numbered inside `::ffff:0:0/96`; a range over both families is cut at its edges.
fn clip_to_family(first: u128, last: u128, ipv6: bool) -> Option<(u128, u128)> {
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

// === chains ===

fn base(kind: ChainKind, hook: Hook, priority: i32) -> Option<BaseChain> {
    Some(BaseChain { kind, hook, priority, accept: false })
}

fn source_check(tunnel: &str) -> Chain {
    Chain {
        base: base(ChainKind::Filter, Hook::Prerouting, -300),
        rules: vec![
            Program::new().incoming(tunnel).accept(),
            Program::new().incoming("lo").accept(),
            Program::new().own_source(false).accept(),
            Program::new().own_source(true).accept(),
            Program::new().count_and_drop(drop_reason::SPOOFED_SOURCE),
        ],
    }
}

fn input() -> Chain {
    Chain {
        base: base(ChainKind::Filter, Hook::Input, 0),
        rules: vec![
            Program::new().established().accept(),
            Program::new().incoming("lo").accept(),
            Program::new().protocol(17).destination_port(53).accept(),
            Program::new().protocol(6).destination_port(53).accept(),
            Program::new().protocol(1).icmp_type(8).accept(),
            Program::new().protocol(58).icmp_type(128).accept(),
            // Neighbour solicitation and advertisement (RFC 4861); all others are fixed entries.
            Program::new().protocol(58).icmp_type(135).accept(),
            Program::new().protocol(58).icmp_type(136).accept(),
            Program::new().count_and_drop(drop_reason::INPUT_DENIED),
        ],
    }
}

fn forward(tunnel: &str) -> Chain {
    Chain {
        base: base(ChainKind::Filter, Hook::Forward, 0),
        rules: vec![
            Program::new().incoming(tunnel).outgoing(tunnel).count_and_drop(drop_reason::TRANSIT),
            Program::new().established().accept(),
            Program::new().invalid().count_and_drop(drop_reason::INVALID),
            // What begins in the middle belongs to a connection that policy has ended.
            Program::new().protocol(6).not_a_first_segment().count_and_drop(drop_reason::INVALID),
            Program::new().jump("egress"),
            Program::new().jump("ingress"),
            Program::new().accept(),
        ],
    }
}

fn add_direction_chains(table: &mut Table, direction: Direction, tunnel: &str) {
    let name = prefix(direction);
    let denied = format!("{name}-denied");
    let remote = match direction {
        Direction::Egress => Program::new().incoming(tunnel),
        Direction::Ingress => Program::new().outgoing(tunnel),
    };
    let mut rules = vec![remote.verdict(Verdict::Return), Program::new().clear_mark()];
    rules.extend(Program::classify_ports(&format!("{name}-ports")));
    for ipv6 in [false, true] {
        rules.extend(Program::decide(direction, name, ipv6));
    }
    rules.push(Program::new().verdict(Verdict::Goto(denied.clone())));
    table.chains.insert(name.to_owned(), Chain { base: None, rules });
    let refusal = match direction {
        // The sender is here: it is told at once instead of waiting for a timeout.
        Direction::Egress => Program::new().count_and_reject(drop_reason::EGRESS_DENIED),
        Direction::Ingress => Program::new().count_and_drop(drop_reason::INGRESS_DENIED),
    };
    table.chains.insert(denied, Chain { base: None, rules: vec![refusal] });
}
