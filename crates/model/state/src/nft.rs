//! nf_tables tables as data: chains of register programs, sets and maps with their elements.
//!
//! Expressions are the kernel's own (`linux/netfilter/nf_tables.h`), one value per `nft_expr`,
//! so that what is planned is what is enforced; `netloom-sys` only encodes them.

use std::collections::BTreeMap;

/// A table of family `inet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Chains by name.
    pub chains: BTreeMap<String, Chain>,
    /// Sets and maps by name.
    pub sets: BTreeMap<String, Set>,
}

/// A chain: bound to a hook, or jumped to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Where the kernel enters it, if it is a base chain.
    pub base: Option<BaseChain>,
    /// Rules in order.
    pub rules: Vec<Rule>,
}

/// How a base chain is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseChain {
    /// Type: filter or nat.
    pub kind: ChainKind,
    /// Netfilter hook.
    pub hook: Hook,
    /// Order among the chains of a hook; -300 is `raw`, -100 `dstnat`, 0 `filter`, 100 `srcnat`.
    pub priority: i32,
    /// Verdict for packets that fall off the end: accept, or drop.
    pub accept: bool,
}

/// Types of base chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// Filters packets.
    Filter,
    /// Sees the first packet of a connection, to rewrite it.
    Nat,
}

/// Hooks of family `inet`, with the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Before routing (0).
    Prerouting,
    /// To this namespace (1).
    Input,
    /// Through this namespace (2).
    Forward,
    /// From this namespace (3).
    Output,
    /// After routing (4).
    Postrouting,
}

/// A rule: expressions evaluated in order until one does not match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// The program.
    pub expressions: Vec<Expression>,
    /// A name by which its counter is read and explained, such as `egress-denied`.
    pub name: Option<String>,
}

/// A 32-bit register, `NFT_REG32_00` (0) to `NFT_REG32_15` (15). Longer values fill those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Register(pub u8);

/// What a rule decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// `NF_ACCEPT`.
    Accept,
    /// `NF_DROP`.
    Drop,
    /// `NFT_RETURN`: back to the calling chain.
    Return,
    /// `NFT_JUMP`: into a chain, and back.
    Jump(String),
    /// `NFT_GOTO`: into a chain for good.
    Goto(String),
}

/// One `nft_expr`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Expression {
    /// `meta`: loads a property of the packet.
    Meta {
        /// Which.
        key: MetaKey,
        /// Where to.
        register: Register,
    },
    /// `meta`: sets the packet's mark from a register.
    SetMark {
        /// Where from.
        register: Register,
    },
    /// `payload`: loads bytes of a header.
    Payload {
        /// Which header.
        base: PayloadBase,
        /// Offset in bytes.
        offset: u32,
        /// Length in bytes.
        length: u32,
        /// Where to.
        register: Register,
    },
    /// `ct`: loads a property of the connection.
    Conntrack {
        /// Which.
        key: ConntrackKey,
        /// Where to.
        register: Register,
    },
    /// `bitwise`: `register = (register & mask) ^ xor`, over the masks' length.
    Bitwise {
        /// Where from and to.
        register: Register,
        /// Mask.
        mask: Vec<u8>,
        /// What is flipped after.
        xor: Vec<u8>,
    },
    /// `cmp`: goes on only if the register compares so with `data`.
    Compare {
        /// What is compared.
        register: Register,
        /// How.
        operator: CompareOperator,
        /// With what.
        data: Vec<u8>,
    },
    /// `lookup`: goes on only if the set holds the key (or not, if inverted).
    Lookup {
        /// Name of the set.
        set: String,
        /// First register of the key.
        register: Register,
        /// Goes on when the key is missing.
        inverted: bool,
    },
    /// `lookup` in a map: loads the value, or ends the rule if the key is missing.
    Map {
        /// Name of the map.
        set: String,
        /// First register of the key.
        register: Register,
        /// Where the value goes; `None` for a verdict map, whose value takes effect at once.
        destination: Option<Register>,
    },
    /// `immediate`: loads a constant.
    Load {
        /// Where to.
        register: Register,
        /// The constant.
        data: Vec<u8>,
    },
    /// `immediate`: decides.
    Verdict(Verdict),
    /// `counter`: counts packets and bytes.
    Counter,
    /// `fib`: loads the type of the destination address (`RTN_*`, 4 bytes in host order).
    DestinationType {
        /// Where to.
        register: Register,
    },
    /// `reject`: drops, and tells the sender (ICMP administratively prohibited; TCP reset for TCP).
    Reject(RejectKind),
    /// `masq`: source NAT to the outgoing link's address.
    Masquerade,
    /// `nat`: destination NAT to the address and port in registers.
    DestinationNat {
        /// Whether the address is IPv6.
        ipv6: bool,
        /// Register of the address.
        address: Register,
        /// Register of the last address of a prefix, each address of which stands for one of the
        /// packets' prefix; `address` is the first one then.
        last_address: Option<Register>,
        /// Register of the port (network order, 2 bytes), if it changes too.
        port: Option<Register>,
    },
}

/// `NFT_META_*` keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetaKey {
    /// Layer 4 protocol, one byte.
    L4Protocol,
    /// Network family, one byte: 2 is IPv4, 10 is IPv6.
    NfProtocol,
    /// Incoming link's name, 16 bytes.
    IncomingName,
    /// Outgoing link's name, 16 bytes.
    OutgoingName,
    /// Mark, 4 bytes in host order.
    Mark,
}

/// `NFT_PAYLOAD_*_HEADER` bases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PayloadBase {
    /// IP header.
    Network,
    /// TCP, UDP or ICMP header.
    Transport,
}

/// `NFT_CT_*` keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConntrackKey {
    /// State bits, 4 bytes in host order: see [`ct_state`].
    State,
    /// Status bits, 4 bytes in host order; bit 5 is "destination was rewritten".
    Status,
}

/// `NF_CT_STATE_BIT` values as the `ct state` expression gives them.
pub mod ct_state {
    /// Packet belongs to no connection and makes none.
    pub const INVALID: u32 = 1;
    /// Connection has seen both directions.
    pub const ESTABLISHED: u32 = 2;
    /// Belongs to a connection by relation, such as an ICMP error.
    pub const RELATED: u32 = 4;
    /// First packet of a connection.
    pub const NEW: u32 = 8;
}

/// `NFT_CMP_*` operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CompareOperator {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
}

/// How a packet is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectKind {
    /// ICMP or ICMPv6 "administratively prohibited", by family (`NFT_REJECT_ICMPX_UNREACH`).
    AdminProhibited,
    /// TCP reset.
    TcpReset,
}

/// A set or map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Key length in bytes, padded as in registers (each field to a multiple of 4).
    pub key_bytes: u32,
    /// What the elements carry.
    pub data: SetData,
    /// Whether elements are ranges, compared byte by byte over the whole key.
    pub interval: bool,
    /// Elements by key (for intervals: the first key of the range).
    pub elements: BTreeMap<Vec<u8>, Element>,
}

/// What the elements of a set carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetData {
    /// Nothing: a set.
    None,
    /// A value of so many bytes: a map.
    Value(u32),
    /// A verdict: a verdict map.
    Verdict,
}

/// An element beside its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// Last key of the range, inclusive; `None` in sets without intervals.
    pub last: Option<Vec<u8>>,
    /// Its value.
    pub value: ElementValue,
}

/// The value of an element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ElementValue {
    /// None, in a set.
    None,
    /// Bytes, in a map.
    Bytes(Vec<u8>),
    /// Verdict, in a verdict map.
    Verdict(Verdict),
}

/// One change to a table. A list of them is committed as one transaction: all visible at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes the table.
    AddTable,
    /// Removes the table with all that is in it.
    DeleteTable,
    /// Makes a chain without rules.
    AddChain {
        /// Its name.
        chain: String,
        /// How it is bound.
        base: Option<BaseChain>,
    },
    /// Removes a chain that no rule jumps to.
    DeleteChain {
        /// Its name.
        chain: String,
    },
    /// Removes all rules of a chain.
    FlushChain {
        /// Its name.
        chain: String,
    },
    /// Adds a rule at the end of a chain.
    AppendRule {
        /// The chain.
        chain: String,
        /// The rule.
        rule: Rule,
    },
    /// Makes a set without elements.
    AddSet {
        /// Its name.
        set: String,
        /// Its type (the elements are left out).
        kind: SetKind,
    },
    /// Removes a set that no rule uses.
    DeleteSet {
        /// Its name.
        set: String,
    },
    /// Adds elements.
    AddElements {
        /// The set.
        set: String,
        /// Its type.
        kind: SetKind,
        /// The elements.
        elements: BTreeMap<Vec<u8>, Element>,
    },
    /// Removes elements.
    DeleteElements {
        /// The set.
        set: String,
        /// Its type.
        kind: SetKind,
        /// The elements.
        elements: BTreeMap<Vec<u8>, Element>,
    },
}

/// The type of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetKind {
    /// See [`Set::key_bytes`].
    pub key_bytes: u32,
    /// See [`Set::data`].
    pub data: SetData,
    /// See [`Set::interval`].
    pub interval: bool,
}

impl Set {
    /// Its type without its elements.
    pub fn kind(&self) -> SetKind {
        SetKind { key_bytes: self.key_bytes, data: self.data, interval: self.interval }
    }
}
