//! Register programs as the kernel's expressions.

use super::element::{put_value, put_verdict};
use super::uapi;
use super::userdata::comment;
use crate::netlink::Message;
use netloom_state::nft::{
    CompareOperator, ConntrackKey, Expression, MetaKey, PayloadBase, Register, RejectKind, Rule,
};

/// Appends a rule's program and name.
pub(super) fn put_rule(message: &mut Message, rule: &Rule) {
    message.nest(uapi::RULE_EXPRESSIONS, |list| {
        for expression in &rule.expressions {
            list.nest(uapi::LIST_ELEM, |elem| put(elem, expression));
        }
    });
    if let Some(name) = &rule.name {
        message.bytes(uapi::RULE_USERDATA, &comment(name));
    }
}

fn register(register: Register) -> u32 {
    uapi::REG32_FIRST + u32::from(register.0)
}

fn put(elem: &mut Message, expression: &Expression) {
    let mut named = |name, fill: &dyn Fn(&mut Message)| {
        elem.text(uapi::EXPR_NAME, name).nest(uapi::EXPR_DATA, fill);
    };
    match expression {
        Expression::Meta { key, register: to } => named("meta", &|data| {
            data.be32(uapi::META_KEY, meta_key(*key)).be32(uapi::META_DREG, register(*to));
        }),
        Expression::SetMark { register: from } => named("meta", &|data| {
            data.be32(uapi::META_KEY, uapi::META_KEY_MARK).be32(uapi::META_SREG, register(*from));
        }),
        Expression::Payload { base, offset, length, register: to } => named("payload", &|data| {
            data.be32(uapi::PAYLOAD_DREG, register(*to))
                .be32(uapi::PAYLOAD_BASE, payload_base(*base))
                .be32(uapi::PAYLOAD_OFFSET, *offset)
                .be32(uapi::PAYLOAD_LEN, *length);
        }),
        Expression::Conntrack { key, register: to } => named("ct", &|data| {
            let key = match key {
                ConntrackKey::State => uapi::CT_KEY_STATE,
                ConntrackKey::Status => uapi::CT_KEY_STATUS,
            };
            data.be32(uapi::CT_KEY, key).be32(uapi::CT_DREG, register(*to));
        }),
        Expression::Bitwise { .. }
        | Expression::Compare { .. }
        | Expression::Lookup { .. }
        | Expression::Map { .. } => put_comparison(elem, expression),
        Expression::Load { register: to, data: value } => named("immediate", &|data| {
            data.be32(uapi::IMMEDIATE_DREG, register(*to));
            put_value(data, uapi::IMMEDIATE_DATA, value);
        }),
        Expression::Verdict(verdict) => named("immediate", &|data| {
            data.be32(uapi::IMMEDIATE_DREG, uapi::REG_VERDICT);
            put_verdict(data, uapi::IMMEDIATE_DATA, verdict);
        }),
        Expression::Counter => named("counter", &|_| {}),
        Expression::Masquerade => named("masq", &|_| {}),
        Expression::Reject(kind) => named("reject", &|data| put_reject(data, *kind)),
        Expression::DestinationNat { ipv6, address, last_address, port } => {
            named("nat", &|data| put_nat(data, *ipv6, (*address, *last_address), *port));
        }
        Expression::DestinationType { register: to } => named("fib", &|data| {
            data.be32(uapi::FIB_DREG, register(*to))
                .be32(uapi::FIB_RESULT, uapi::FIB_RESULT_ADDRTYPE)
                .be32(uapi::FIB_FLAGS, uapi::FIB_F_DADDR);
        }),
    }
}

fn put_comparison(elem: &mut Message, expression: &Expression) {
    let mut named = |name, fill: &dyn Fn(&mut Message)| {
        elem.text(uapi::EXPR_NAME, name).nest(uapi::EXPR_DATA, fill);
    };
    match expression {
        Expression::Bitwise { register: both, mask, xor } => named("bitwise", &|data| {
            data.be32(uapi::BITWISE_SREG, register(*both))
                .be32(uapi::BITWISE_DREG, register(*both))
                .be32(uapi::BITWISE_LEN, u32::try_from(mask.len()).unwrap_or(u32::MAX));
            put_value(data, uapi::BITWISE_MASK, mask);
            put_value(data, uapi::BITWISE_XOR, xor);
        }),
        Expression::Compare { register: from, operator, data: value } => named("cmp", &|data| {
            let operator = match operator {
                CompareOperator::Equal => uapi::CMP_OP_EQ,
                CompareOperator::NotEqual => uapi::CMP_OP_NEQ,
            };
            data.be32(uapi::CMP_SREG, register(*from)).be32(uapi::CMP_OP, operator);
            put_value(data, uapi::CMP_DATA, value);
        }),
        Expression::Lookup { set, register: key, inverted } => named("lookup", &|data| {
            data.text(uapi::LOOKUP_SET, set).be32(uapi::LOOKUP_SREG, register(*key));
            data.be32(uapi::LOOKUP_FLAGS, if *inverted { uapi::LOOKUP_F_INVERT } else { 0 });
        }),
        Expression::Map { set, register: key, destination } => named("lookup", &|data| {
            data.text(uapi::LOOKUP_SET, set).be32(uapi::LOOKUP_SREG, register(*key));
            data.be32(uapi::LOOKUP_DREG, destination.map_or(uapi::REG_VERDICT, register));
        }),
        other => unreachable!("{other:?} is put by its caller"),
    }
}

fn put_reject(data: &mut Message, kind: RejectKind) {
    match kind {
        RejectKind::AdminProhibited => data
            .be32(uapi::REJECT_TYPE, uapi::REJECT_ICMPX_UNREACH)
            .u8(uapi::REJECT_ICMP_CODE, uapi::REJECT_ICMPX_ADMIN_PROHIBITED),
        RejectKind::TcpReset => data.be32(uapi::REJECT_TYPE, uapi::REJECT_TCP_RST),
    };
}

fn put_nat(
    data: &mut Message,
    ipv6: bool,
    (address, last): (Register, Option<Register>),
    port: Option<Register>,
) {
    let family = if ipv6 { uapi::NFPROTO_IPV6 } else { uapi::NFPROTO_IPV4 };
    data.be32(uapi::NAT_TYPE, uapi::NAT_TYPE_DNAT)
        .be32(uapi::NAT_FAMILY, u32::from(family))
        .be32(uapi::NAT_REG_ADDR_MIN, register(address));
    if let Some(last) = last {
        data.be32(uapi::NAT_REG_ADDR_MAX, register(last));
        data.be32(uapi::NAT_FLAGS, uapi::NAT_RANGE_NETMAP);
    }
    if let Some(port) = port {
        data.be32(uapi::NAT_REG_PROTO_MIN, register(port));
    }
}

fn meta_key(key: MetaKey) -> u32 {
    match key {
        MetaKey::L4Protocol => uapi::META_KEY_L4PROTO,
        MetaKey::NfProtocol => uapi::META_KEY_NFPROTO,
        MetaKey::IncomingName => uapi::META_KEY_IIFNAME,
        MetaKey::OutgoingName => uapi::META_KEY_OIFNAME,
        MetaKey::Mark => uapi::META_KEY_MARK,
    }
}

fn payload_base(base: PayloadBase) -> u32 {
    match base {
        PayloadBase::Network => uapi::PAYLOAD_BASE_NETWORK,
        PayloadBase::Transport => uapi::PAYLOAD_BASE_TRANSPORT,
    }
}
