//! A network's table on one node: source check, policy of both directions, as register programs.
//!
//! ```text
//! prerouting raw:  from the tunnel, or from a link by an address that is its own, else drop
//! input:           DNS, echo and replies, else drop
//! forward:         peerings;  acl-egress ─► acl-ingress (each packet by itself)
//!                  established ─ accept;  uplink;  egress ─► ingress ─► accept
//!   egress/ingress (skipped where the tunnel is on that side: the peer's node decides there)
//!                  address ─► identity, other address ─► class, port ─► class, then one verdict map
//! ```

pub mod border;
pub mod drop_reason;
mod host;
mod program;
mod sets;
mod stock;
mod uplink;

pub use border::{Border, CompiledAcls, SubnetAcl};
pub use host::{Door, OwnStack, host_table, host_table_name};
pub use uplink::{Entry, Uplink};

use ipnet::IpNet;
use netloom_policy::interval::address_number;
use netloom_policy::table::Members;
use netloom_policy::{Allowance, Direction, DirectionTable, IntervalSet};
use netloom_state::nft::{BaseChain, Chain, ChainKind, Hook, SetData, Table, Verdict};
use program::Program;
use sets::{ROUTERS, add_direction_sets, add_local_sets, add_router_set, plain, set};
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
    /// Ranges of addresses behind it ([`netloom_policy::interval::address_number`]), where it is a
    /// stock peer, whose link is the tunnel.
    pub behind: IntervalSet,
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
    /// Identity by range of addresses behind local stock peers, ascending and disjoint.
    pub behind: Vec<(u128, u128, u32)>,
    /// What local workloads may send.
    pub egress: DirectionTable,
    /// What they may receive.
    pub ingress: DirectionTable,
    /// What may cross the borders of their subnets.
    pub acls: CompiledAcls,
}

impl CompiledPolicy {
    /// Compiles the policies of the local workloads.
    pub fn compile(
        locals: &[Local],
        policies: &Policies,
        members: &Members<'_>,
        acls: &[SubnetAcl],
    ) -> Self {
        let identities = locals
            .iter()
            .flat_map(|local| local.addresses.iter().map(|address| (*address, local.identity)));
        let behind = locals.iter().flat_map(|local| {
            let ranges = local.behind.ranges().iter();
            ranges.map(|(first, last)| (*first, *last, local.identity))
        });
        let mut behind: Vec<_> = behind.collect();
        behind.sort_unstable();
        Self {
            identities: identities.collect(),
            behind,
            egress: DirectionTable::compile(&policies.egress, members),
            ingress: DirectionTable::compile(&policies.ingress, members),
            acls: CompiledAcls::compile(acls),
        }
    }

    /// Whether a new flow passes this node: by the sender's policy if the sender is here, and by
    /// the receiver's if the receiver is.
    pub fn allows(&self, source: IpAddr, destination: IpAddr, transport: u128) -> bool {
        let (sends, receives) = (self.identity(source), self.identity(destination));
        let may = |table: &DirectionTable, identity: Option<u32>, other| {
            identity.is_none_or(|identity| table.allows(identity, other, transport))
        };
        (sends.is_some() || receives.is_some())
            && may(&self.egress, sends, destination)
            && may(&self.ingress, receives, source)
            && self.acls.allow(
                (source, sends.is_some()),
                (destination, receives.is_some()),
                transport,
            )
    }

    /// Who has an address here, or has it behind it.
    fn identity(&self, address: IpAddr) -> Option<u32> {
        let number = address_number(address);
        let behind = || {
            let after = self.behind.partition_point(|(first, _, _)| *first <= number);
            let (_, last, identity) = self.behind[..after].last()?;
            (*last >= number).then_some(*identity)
        };
        self.identities.get(&address).copied().or_else(behind)
    }
}

/// The table of one network's namespace.
pub fn table(tunnel: &str, locals: &[Local], border: &Border, policy: &CompiledPolicy) -> Table {
    let mut table = Table::default();
    add_local_sets(&mut table, tunnel, locals);
    if !border.routers.is_empty() {
        add_router_set(&mut table, locals, &border.routers);
    }
    for (direction, compiled) in
        [(Direction::Egress, &policy.egress), (Direction::Ingress, &policy.ingress)]
    {
        add_direction_sets(&mut table, prefix(direction), compiled);
        add_direction_chains(&mut table, direction, tunnel, border);
    }
    let port_protocols = [1u8, 6, 17, 58].map(|protocol| (vec![protocol, 0, 0, 0], plain()));
    table.sets.insert(program::PORT_PROTOCOLS.to_owned(), set(4, SetData::None, port_protocols));
    let has_acls = border::add_acls(&mut table, tunnel, border, policy);
    let has_stock = stock::has_any(tunnel, locals);
    border::add_crossing(&mut table, tunnel, border, has_stock);
    border::add_translation(&mut table, border);
    table.chains.insert("source-check".to_owned(), source_check(tunnel, border));
    table.chains.insert("input".to_owned(), input(border));
    table.chains.insert("forward".to_owned(), forward(tunnel, border, (has_acls, has_stock)));
    stock::govern(&mut table, tunnel, locals, policy);
    table
}

/// Names of a direction's chains and sets begin so.
fn prefix(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "egress",
        Direction::Ingress => "ingress",
    }
}

// === chains ===

fn base(kind: ChainKind, hook: Hook, priority: i32) -> Option<BaseChain> {
    Some(BaseChain { kind, hook, priority, accept: false })
}

fn source_check(tunnel: &str, border: &Border) -> Chain {
    let uplink = border.uplink.iter().map(|uplink| uplink.link.as_str());
    // What comes from elsewhere has been checked there, or is from outside.
    let elsewhere = border.peerings.iter().map(String::as_str).chain(uplink);
    let elsewhere = [tunnel, "lo"].into_iter().chain(elsewhere);
    let mut rules = Vec::new();
    // From outside comes nothing that is inside. What the node's own stack tells of connections is its own: the
    // stack lets nobody else send from its addresses.
    if let Some(uplink) = &border.uplink {
        rules.extend(uplink.own.iter().map(|own| {
            let own = IpNet::from(*own);
            let told = Program::new().incoming(&uplink.link).in_prefix(true, own);
            told.icmp_error(own.addr().is_ipv6()).accept()
        }));
        rules.extend(uplink.inside.iter().map(|prefix| {
            let forged = Program::new().incoming(&uplink.link).in_prefix(true, *prefix);
            forged.count_and_drop(drop_reason::SPOOFED_SOURCE)
        }));
    }
    rules.extend(elsewhere.map(|link| Program::new().incoming(link).accept()));
    if let Some(uplink) = &border.uplink
        && let Some(link) = &uplink.by_stack
    {
        rules.push(Program::new().incoming(link).own_source(true).accept());
        rules.extend(uplink.inside.iter().map(|prefix| {
            let forged = Program::new().incoming(link).in_prefix(true, *prefix);
            forged.count_and_drop(drop_reason::SPOOFED_SOURCE)
        }));
        rules.push(Program::new().incoming(link).ipv6().accept());
    }
    // Who forwards sends from what is behind it, too.
    rules.extend(
        border
            .routers
            .iter()
            .map(|(link, prefix)| Program::new().incoming(link).in_prefix(true, *prefix).accept()),
    );
    rules.extend([
        Program::new().own_source(false).accept(),
        Program::new().own_source(true).accept(),
        Program::new().count_and_drop(drop_reason::SPOOFED_SOURCE),
    ]);
    Chain { base: base(ChainKind::Filter, Hook::Prerouting, -300), rules }
}

fn input(border: &Border) -> Chain {
    let mut rules =
        vec![Program::new().established().accept(), Program::new().incoming("lo").accept()];
    // A peered network has a resolver of its own, and no business with this one's; nor has the outside.
    let uplink = border.uplink.iter().map(|uplink| &uplink.link);
    let peerings = border.peerings.iter().chain(uplink);
    rules.extend(
        peerings
            .map(|link| Program::new().incoming(link).count_and_drop(drop_reason::INPUT_DENIED)),
    );
    let by_stack = border.uplink.iter().filter_map(|uplink| uplink.by_stack.as_ref());
    let forwarded = by_stack.map(|link| uplink::not_from_stack(link));
    rules.extend(forwarded.map(|program| program.count_and_drop(drop_reason::INPUT_DENIED)));
    rules.extend([
        Program::new().protocol(17).destination_port(53).accept(),
        Program::new().protocol(6).destination_port(53).accept(),
        Program::new().protocol(1).icmp_type(8).accept(),
        Program::new().protocol(58).icmp_type(128).accept(),
        // Neighbour solicitation and advertisement (RFC 4861); all others are fixed entries.
        Program::new().protocol(58).icmp_type(135).accept(),
        Program::new().protocol(58).icmp_type(136).accept(),
        Program::new().count_and_drop(drop_reason::INPUT_DENIED),
    ]);
    Chain { base: base(ChainKind::Filter, Hook::Input, 0), rules }
}

fn forward(tunnel: &str, border: &Border, (has_acls, has_stock): (bool, bool)) -> Chain {
    let mut rules =
        vec![Program::new().incoming(tunnel).outgoing(tunnel).count_and_drop(drop_reason::TRANSIT)];
    rules.extend(border::crossing_rules(tunnel, border, has_stock));
    if has_acls {
        let both = [Direction::Egress, Direction::Ingress];
        rules.extend(both.map(|direction| Program::new().jump(border::acl_prefix(direction))));
    }
    rules.push(Program::new().established().accept());
    rules.extend(border::lost_connections(tunnel, border));
    rules.extend([
        Program::new().invalid().count_and_drop(drop_reason::INVALID),
        // What begins in the middle belongs to a connection that policy has ended.
        Program::new().protocol(6).not_a_first_segment().count_and_drop(drop_reason::INVALID),
    ]);
    rules.extend(uplink::uplink_rules(tunnel, border, has_stock));
    rules.extend([
        Program::new().jump("egress"),
        Program::new().jump("ingress"),
        Program::new().accept(),
    ]);
    Chain { base: base(ChainKind::Filter, Hook::Forward, 0), rules }
}

fn add_direction_chains(table: &mut Table, direction: Direction, tunnel: &str, border: &Border) {
    let name = prefix(direction);
    let denied = format!("{name}-denied");
    let remote = match direction {
        Direction::Egress => Program::new().incoming(tunnel),
        Direction::Ingress => Program::new().outgoing(tunnel),
    };
    let mut rules = vec![remote.verdict(Verdict::Return)];
    rules.extend(border::elsewhere(border, direction == Direction::Egress));
    rules.push(Program::new().clear_mark());
    rules.extend(Program::classify_ports(&format!("{name}-ports")));
    for ipv6 in [false, true] {
        rules.extend(Program::decide(direction, name, "identities", ipv6));
    }
    if direction == Direction::Ingress && !border.routers.is_empty() {
        // What is behind a workload comes in by its link, and by its groups.
        for ipv6 in [false, true] {
            rules.extend(Program::decide_by_link(name, ROUTERS, ipv6));
        }
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
