//! A builder of nf_tables rules: each step appends expressions; an end step makes the rule.

mod sources;
mod translate;

use netloom_policy::Direction;
use netloom_state::nft::{
    CompareOperator, ConntrackKey, Expression, MetaKey, PayloadBase, Register, RejectKind, Rule,
    Verdict, ct_state,
};
use std::net::IpAddr;

/// The set of protocols that have ports (or, for ICMP, a type and code).
pub(super) const PORT_PROTOCOLS: &str = "port-protocols";

const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// Register of the first part of a lookup's key.
const KEY: Register = Register(0);

/// What a key's parts are found by is loaded behind its three registers.
const SCRATCH: Register = Register(KEY.0 + 4);

/// An address as a key.
pub(super) fn key(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// A link's name as the kernel compares it: 16 bytes, filled up with zeros.
pub(super) fn name_bytes(link: &str) -> Vec<u8> {
    let mut bytes = link.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

/// A link's name and an address as one key.
pub(super) fn link_key(link: &str, address: IpAddr) -> Vec<u8> {
    [name_bytes(link), key(address)].concat()
}

/// A transport number (`protocol << 16 | port`) as two registers: protocol, then port.
/// Byte order makes ranges of numbers ranges of keys.
pub(super) fn transport_key(number: u32) -> Vec<u8> {
    let [_, protocol, high, low] = number.to_be_bytes();
    vec![protocol, 0, 0, 0, high, low, 0, 0]
}

/// A rule in the making.
#[derive(Clone, Default)]
pub(super) struct Program {
    expressions: Vec<Expression>,
}

impl Program {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn with(mut self, expression: Expression) -> Self {
        self.expressions.push(expression);
        self
    }

    // === ends ===

    pub(super) fn verdict(self, verdict: Verdict) -> Rule {
        Rule { expressions: self.with(Expression::Verdict(verdict)).expressions, name: None }
    }

    pub(super) fn accept(self) -> Rule {
        self.verdict(Verdict::Accept)
    }

    pub(super) fn jump(self, chain: &str) -> Rule {
        self.verdict(Verdict::Jump(chain.to_owned()))
    }

    pub(super) fn count_and_drop(self, reason: &str) -> Rule {
        let rule = self.with(Expression::Counter).verdict(Verdict::Drop);
        Rule { name: Some(reason.to_owned()), ..rule }
    }

    pub(super) fn count_and_reject(self, reason: &str) -> Rule {
        let refused =
            self.with(Expression::Counter).with(Expression::Reject(RejectKind::AdminProhibited));
        Rule { expressions: refused.expressions, name: Some(reason.to_owned()) }
    }

    pub(super) fn clear_mark(self) -> Rule {
        let cleared = self
            .with(Expression::Load { register: KEY, data: vec![0; 4] })
            .with(Expression::SetMark { register: KEY });
        Rule { expressions: cleared.expressions, name: None }
    }

    // === matches ===

    fn compare(self, data: Vec<u8>, operator: CompareOperator) -> Self {
        self.with(Expression::Compare { register: KEY, operator, data })
    }

    fn is(self, data: Vec<u8>) -> Self {
        self.compare(data, CompareOperator::Equal)
    }

    fn meta(self, key: MetaKey, register: Register) -> Self {
        self.with(Expression::Meta { key, register })
    }

    fn payload(self, base: PayloadBase, offset: u32, length: u32, register: Register) -> Self {
        self.with(Expression::Payload { base, offset, length, register })
    }

    pub(super) fn incoming(self, link: &str) -> Self {
        self.meta(MetaKey::IncomingName, KEY).is(name_bytes(link))
    }

    pub(super) fn outgoing(self, link: &str) -> Self {
        self.meta(MetaKey::OutgoingName, KEY).is(name_bytes(link))
    }

    pub(super) fn not_outgoing(self, link: &str) -> Self {
        let name = name_bytes(link);
        self.meta(MetaKey::OutgoingName, KEY).compare(name, CompareOperator::NotEqual)
    }

    pub(super) fn protocol(self, protocol: u8) -> Self {
        self.meta(MetaKey::L4Protocol, KEY).is(vec![protocol])
    }

    pub(super) fn ipv4(self) -> Self {
        self.family(false)
    }

    pub(super) fn ipv6(self) -> Self {
        self.family(true)
    }

    fn family(self, ipv6: bool) -> Self {
        self.meta(MetaKey::NfProtocol, KEY).is(vec![if ipv6 { IPV6 } else { IPV4 }])
    }

    pub(super) fn destination_port(self, port: u16) -> Self {
        self.payload(PayloadBase::Transport, 2, 2, KEY).is(port.to_be_bytes().to_vec())
    }

    pub(super) fn icmp_type(self, number: u8) -> Self {
        self.payload(PayloadBase::Transport, 0, 1, KEY).is(vec![number])
    }

    /// What tells a sender of its packet: a type below 128 (RFC 4443 §2.1); of IPv4, that it did not get there.
    pub(super) fn icmp_error(self, ipv6: bool) -> Self {
        if !ipv6 {
            return self.protocol(1).icmp_type(3);
        }
        self.protocol(58)
            .payload(PayloadBase::Transport, 0, 1, KEY)
            .with(Expression::Bitwise { register: KEY, mask: vec![0x80], xor: vec![0] })
            .is(vec![0])
    }

    fn state(self, bits: u32) -> Self {
        self.with(Expression::Conntrack { key: ConntrackKey::State, register: KEY })
            .with(Expression::Bitwise {
                register: KEY,
                mask: bits.to_ne_bytes().to_vec(),
                xor: vec![0; 4],
            })
            .compare(vec![0; 4], CompareOperator::NotEqual)
    }

    pub(super) fn established(self) -> Self {
        self.state(ct_state::ESTABLISHED | ct_state::RELATED)
    }

    /// An error about a packet of a connection.
    pub(super) fn related(self) -> Self {
        self.state(ct_state::RELATED)
    }

    pub(super) fn invalid(self) -> Self {
        self.state(ct_state::INVALID)
    }

    /// A TCP segment that does not begin a connection: SYN alone of FIN, SYN, RST and ACK does.
    pub(super) fn not_a_first_segment(self) -> Self {
        const FLAGS: u8 = 0x17;
        const SYN: u8 = 0x02;
        self.payload(PayloadBase::Transport, 13, 1, KEY)
            .with(Expression::Bitwise { register: KEY, mask: vec![FLAGS], xor: vec![0] })
            .compare(vec![SYN], CompareOperator::NotEqual)
    }

    fn address(self, source: bool, ipv6: bool, register: Register) -> Self {
        let (offset, length) = match (ipv6, source) {
            (false, true) => (12, 4),
            (false, false) => (16, 4),
            (true, true) => (8, 16),
            (true, false) => (24, 16),
        };
        self.payload(PayloadBase::Network, offset, length, register)
    }

    fn map(self, set: String, register: Register, destination: Register) -> Self {
        self.with(Expression::Map { set, register, destination: Some(destination) })
    }

    // === policy ===

    /// Sets the mark to the class of protocol and port, or leaves it zero: no class.
    pub(super) fn classify_ports(ports: &str) -> Vec<Rule> {
        let with_port = |protocol: u8, offset: u32| {
            Self::new()
                .protocol(protocol)
                .meta(MetaKey::L4Protocol, KEY)
                .payload(PayloadBase::Transport, offset, 2, Register(KEY.0 + 1))
                .mark_from(ports)
        };
        let without = Self::new()
            .meta(MetaKey::L4Protocol, KEY)
            .with(Expression::Lookup {
                set: PORT_PROTOCOLS.to_owned(),
                register: KEY,
                inverted: true,
            })
            .with(Expression::Load { register: Register(KEY.0 + 1), data: vec![0; 4] })
            .mark_from(ports);
        vec![with_port(6, 2), with_port(17, 2), with_port(1, 0), with_port(58, 0), without]
    }

    fn mark_from(self, ports: &str) -> Rule {
        let class = Register(KEY.0 + 2);
        let marked =
            self.map(ports.to_owned(), KEY, class).with(Expression::SetMark { register: class });
        Rule { expressions: marked.expressions, name: None }
    }

    /// The verdict for one family: by the other side's own class, or by its range's. Whatever a range
    /// is allowed its members are too (policy only allows), so a member may be asked about twice.
    pub(super) fn decide(
        direction: Direction,
        name: &str,
        identities: &str,
        ipv6: bool,
    ) -> Vec<Rule> {
        let family = digit(ipv6);
        let own_is_source = direction == Direction::Egress;
        let own = Self::new().family(ipv6).address(own_is_source, ipv6, SCRATCH);
        let own = own.map(format!("{identities}{family}"), SCRATCH, KEY);
        own.decide_on(!own_is_source, name, ipv6)
    }

    /// The verdict on what comes in for one family by a link that leads to more than its own addresses.
    pub(super) fn decide_by_link(name: &str, links: &str, ipv6: bool) -> Vec<Rule> {
        let own = Self::new().family(ipv6).meta(MetaKey::OutgoingName, SCRATCH);
        own.map(links.to_owned(), SCRATCH, KEY).decide_on(true, name, ipv6)
    }

    /// The verdict on the other side, where it is known who is governed.
    fn decide_on(self, other_is_source: bool, name: &str, ipv6: bool) -> Vec<Rule> {
        let rule = |kind: &str| {
            let program = self
                .clone()
                .address(other_is_source, ipv6, SCRATCH)
                .map(format!("{name}-{kind}{}", digit(ipv6)), SCRATCH, Register(KEY.0 + 1))
                .meta(MetaKey::Mark, Register(KEY.0 + 2))
                .with(Expression::Map {
                    set: format!("{name}-verdicts"),
                    register: KEY,
                    destination: None,
                });
            Rule { expressions: program.expressions, name: None }
        };
        vec![rule("members"), rule("ranges")]
    }
}

fn digit(ipv6: bool) -> char {
    if ipv6 { '6' } else { '4' }
}
