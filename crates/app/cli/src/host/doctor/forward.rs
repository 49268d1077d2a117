//! Whether chains of others drop what a gateway forwards: their rules gone through with a packet of which only
//! the links and the state of the connection are known.

use super::facts::{Blocked, Uplink};
use netloom_state::nft::{
    ChainKind, CompareOperator, ConntrackKey, Expression, Hook, MetaKey, Register, Verdict,
    ct_state,
};
use netloom_sys::nft::{ForeignExpression, ForeignTable};

/// Bytes of a link's name, as the kernel compares it.
const NAME_BYTES: usize = 16;
const REGISTER_BYTES: usize = 4;
const REGISTERS: usize = 16;
/// Chains that are entered from each other; the kernel has 16.
const DEPTH_MAX: usize = 16;

/// Where packets of this node's gateways are dropped. `upstream` is the link that the default route leaves by.
pub(super) fn blocked(
    tables: &[ForeignTable],
    uplinks: &[Uplink],
    upstream: Option<&str>,
) -> Vec<Blocked> {
    let mut found = Vec::new();
    for table in tables.iter().filter(|table| !table.name.starts_with("netloom")) {
        for uplink in uplinks {
            let meets = match table.family.as_str() {
                "ip" | "inet" => true,
                "ip6" => uplink.has_ipv6,
                _ => false,
            };
            let forwards = |name: &&String| {
                let base = table.chains[*name].base;
                base.is_some_and(|base| {
                    (base.kind, base.hook) == (ChainKind::Filter, Hook::Forward)
                })
            };
            for chain in table.chains.keys().filter(|name| meets && forwards(name)) {
                found.extend(judged(table, chain, uplink, upstream));
            }
        }
    }
    found
}

fn judged(
    table: &ForeignTable,
    chain: &str,
    uplink: &Uplink,
    upstream: Option<&str>,
) -> Option<Blocked> {
    let own = Some(uplink.link.as_str());
    let leaves = fate(table, chain, &Packet::new(own, upstream, ct_state::NEW));
    let answers = fate(table, chain, &Packet::new(upstream, own, ct_state::ESTABLISHED));
    // Answers are let in by rules about connections, which are not always understood here.
    let is_certain = leaves == Fate::Dropped || answers == Fate::Dropped;
    (is_certain || leaves == Fate::Unclear).then(|| Blocked {
        family: table.family.clone(),
        table: table.name.clone(),
        chain: chain.to_owned(),
        has_docker_user: table.chains.contains_key("DOCKER-USER"),
        network: uplink.network.clone(),
        link: uplink.link.clone(),
        is_certain,
    })
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passes,
    Dropped,
    /// Dropped, unless a rule that is not understood here lets it pass.
    Unclear,
}

fn fate(table: &ForeignTable, chain: &str, packet: &Packet) -> Fate {
    let mut walk = Walk { table, packet, may_pass: false };
    let accepts = || table.chains[chain].base.is_none_or(|base| base.accept);
    match (walk.chain(chain, 0).unwrap_or_else(accepts), walk.may_pass) {
        (true, _) => Fate::Passes,
        (false, true) => Fate::Unclear,
        (false, false) => Fate::Dropped,
    }
}

/// What is known of a packet: bytes that rules load.
struct Packet {
    incoming: [Option<u8>; NAME_BYTES],
    outgoing: [Option<u8>; NAME_BYTES],
    state: [Option<u8>; 4],
}

impl Packet {
    fn new(incoming: Option<&str>, outgoing: Option<&str>, state: u32) -> Self {
        let name = |name: Option<&str>| {
            let mut bytes = [name.map(|_| 0); NAME_BYTES];
            let letters = name.unwrap_or_default().bytes();
            bytes.iter_mut().zip(letters).for_each(|(byte, letter)| *byte = Some(letter));
            bytes
        };
        let state = state.to_ne_bytes().map(Some);
        Self { incoming: name(incoming), outgoing: name(outgoing), state }
    }
}

/// Whether a rule's conditions hold, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Maybe,
}

struct Walk<'a> {
    table: &'a ForeignTable,
    packet: &'a Packet,
    /// Whether a rule that may apply lets the packet pass.
    may_pass: bool,
}

impl Walk<'_> {
    /// Whether the packet is accepted or dropped there; nothing if it comes back.
    fn chain(&mut self, name: &str, depth: usize) -> Option<bool> {
        let table = self.table;
        let chain = table.chains.get(name).filter(|_| depth < DEPTH_MAX)?;
        for rule in &chain.rules {
            let (holds, decides) = Rule::of(self.packet).run(rule);
            let Some(decides) = decides.filter(|_| holds != Holds::No) else { continue };
            let decided = match decides {
                Verdict::Accept => Some(true),
                Verdict::Drop => Some(false),
                Verdict::Return if holds == Holds::Yes => return None,
                // What comes after in this chain may not be asked.
                Verdict::Return => Some(true),
                Verdict::Jump(next) => self.chain(next, depth + 1),
                Verdict::Goto(next) if holds == Holds::Yes => return self.chain(next, depth + 1),
                Verdict::Goto(next) => self.chain(next, depth + 1),
            };
            match (decided, holds) {
                (Some(accepted), Holds::Yes) => return Some(accepted),
                (Some(true), _) => self.may_pass = true,
                _ => {}
            }
        }
        None
    }
}

/// A rule as it is run: its registers, and whether all so far has held.
struct Rule<'a> {
    packet: &'a Packet,
    registers: [Option<u8>; REGISTERS * REGISTER_BYTES],
    holds: Holds,
}

impl<'a> Rule<'a> {
    fn of(packet: &'a Packet) -> Self {
        let registers = [None; REGISTERS * REGISTER_BYTES];
        Self { packet, registers, holds: Holds::Yes }
    }

    fn run(mut self, rule: &[ForeignExpression]) -> (Holds, Option<&Verdict>) {
        let mut decides = None;
        for expression in rule {
            match expression {
                ForeignExpression::Known(Expression::Verdict(verdict)) => decides = Some(verdict),
                ForeignExpression::Known(known) => self.step(known),
                ForeignExpression::Reject => decides = Some(&Verdict::Drop),
                ForeignExpression::Other => self.and(Holds::Maybe),
            }
        }
        (self.holds, decides)
    }

    fn step(&mut self, expression: &Expression) {
        let packet = self.packet;
        match expression {
            Expression::Meta { key: MetaKey::IncomingName, register } => {
                self.load(*register, &packet.incoming);
            }
            Expression::Meta { key: MetaKey::OutgoingName, register } => {
                self.load(*register, &packet.outgoing);
            }
            Expression::Conntrack { key: ConntrackKey::State, register } => {
                self.load(*register, &packet.state);
            }
            Expression::Load { register, data } => {
                self.load(*register, &data.iter().copied().map(Some).collect::<Vec<_>>());
            }
            Expression::Bitwise { register, mask, xor } => self.bitwise(*register, mask, xor),
            Expression::Compare { register, operator, data } => {
                let equal = self.equal(*register, data);
                self.and(match (equal, operator) {
                    (Holds::Maybe, _) => Holds::Maybe,
                    (Holds::Yes, CompareOperator::Equal) => Holds::Yes,
                    (Holds::No, CompareOperator::NotEqual) => Holds::Yes,
                    _ => Holds::No,
                });
            }
            Expression::Meta { register, .. }
            | Expression::Conntrack { register, .. }
            | Expression::DestinationType { register }
            | Expression::Payload { register, .. } => {
                self.load(*register, &[None; NAME_BYTES]);
            }
            Expression::Lookup { .. } | Expression::Map { .. } => self.and(Holds::Maybe),
            // They change or count the packet, and decide nothing.
            Expression::SetMark { .. }
            | Expression::Counter
            | Expression::Verdict(_)
            | Expression::Reject(_)
            | Expression::Masquerade
            | Expression::DestinationNat { .. } => {}
        }
    }

    fn and(&mut self, other: Holds) {
        self.holds = match (self.holds, other) {
            (Holds::No, _) | (_, Holds::No) => Holds::No,
            (Holds::Yes, Holds::Yes) => Holds::Yes,
            _ => Holds::Maybe,
        };
    }

    fn at(&mut self, register: Register) -> &mut [Option<u8>] {
        let start = usize::from(register.0) * REGISTER_BYTES;
        self.registers.get_mut(start..).unwrap_or_default()
    }

    fn load(&mut self, register: Register, bytes: &[Option<u8>]) {
        self.at(register).iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    }

    fn bitwise(&mut self, register: Register, mask: &[u8], xor: &[u8]) {
        for (byte, (mask, xor)) in self.at(register).iter_mut().zip(mask.iter().zip(xor)) {
            *byte = if *mask == 0 { Some(*xor) } else { byte.map(|byte| (byte & mask) ^ xor) };
        }
    }

    fn equal(&mut self, register: Register, data: &[u8]) -> Holds {
        let known = self.at(register);
        let pairs = || data.iter().zip(known.iter());
        if pairs().any(|(wanted, byte)| byte.is_some_and(|byte| byte != *wanted)) {
            Holds::No
        } else if pairs().all(|(_, byte)| byte.is_some()) {
            Holds::Yes
        } else {
            Holds::Maybe
        }
    }
}

#[cfg(test)]
mod tests;
