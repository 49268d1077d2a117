//! The kernel's expressions as register programs again.

use super::element::get_data;
use super::userdata::read_comment;
use super::{FOREIGN_RULE, uapi};
use crate::netlink::{Attributes, Malformed};
use netloom_state::nft::{
    CompareOperator, ConntrackKey, ElementValue, Expression, MetaKey, PayloadBase, Register,
    RejectKind, Rule,
};

/// The rule in an `NFT_MSG_NEWRULE`, with its table and chain.
///
/// An expression that no plan has makes it [`FOREIGN_RULE`], which equals nothing planned.
pub(super) fn decode_rule(payload: &[u8]) -> Result<(String, String, Rule), Malformed> {
    let attributes = Attributes::after(payload, uapi::NFGENMSG_BYTES)?;
    let table = attributes.text(uapi::RULE_TABLE).unwrap_or_default();
    let chain = attributes.text(uapi::RULE_CHAIN).unwrap_or_default();
    let mut expressions = Some(Vec::new());
    for elem in attributes.nest(uapi::RULE_EXPRESSIONS)?.iter() {
        let elem = Attributes::parse(elem.value)?;
        let decoded = get(elem)?;
        expressions = expressions.zip(decoded).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    let rule = match expressions {
        Some(expressions) => {
            let name = attributes.get(uapi::RULE_USERDATA).and_then(read_comment);
            Rule { expressions, name }
        }
        None => Rule { expressions: Vec::new(), name: Some(FOREIGN_RULE.to_owned()) },
    };
    Ok((table, chain, rule))
}

pub(super) fn get(elem: Attributes<'_>) -> Result<Option<Expression>, Malformed> {
    let name = elem.text(uapi::EXPR_NAME).unwrap_or_default();
    let data = elem.nest(uapi::EXPR_DATA)?;
    Ok(match name.as_str() {
        "meta" => get_meta(data),
        "payload" => get_payload(data),
        "ct" => get_conntrack(data),
        "bitwise" => get_bitwise(data)?,
        "cmp" => get_compare(data)?,
        "lookup" => get_lookup(data),
        "immediate" => get_immediate(data)?,
        "counter" => Some(Expression::Counter),
        "reject" => get_reject(data),
        "masq" => (data.be32(uapi::MASQ_FLAGS).unwrap_or(0) == 0).then_some(Expression::Masquerade),
        "nat" => get_nat(data),
        "fib" => get_destination_type(data),
        _ => None,
    })
}

/// The kernel dumps every fourth register by its old 16-byte name.
fn read_register(data: Attributes<'_>, kind: u16) -> Option<Register> {
    let number = data.be32(kind)?;
    let first_of_wide = |wide: u32| (wide - 1) * 4;
    let register = match number {
        1..=uapi::REG_WIDE_LAST => first_of_wide(number),
        uapi::REG32_FIRST..=uapi::REG32_LAST => number - uapi::REG32_FIRST,
        _ => return None,
    };
    u8::try_from(register).ok().map(Register)
}

fn get_meta(data: Attributes<'_>) -> Option<Expression> {
    let key = data.be32(uapi::META_KEY)?;
    if data.get(uapi::META_SREG).is_some() {
        let register = read_register(data, uapi::META_SREG)?;
        return (key == uapi::META_KEY_MARK).then_some(Expression::SetMark { register });
    }
    let key = match key {
        uapi::META_KEY_L4PROTO => MetaKey::L4Protocol,
        uapi::META_KEY_NFPROTO => MetaKey::NfProtocol,
        uapi::META_KEY_IIFNAME => MetaKey::IncomingName,
        uapi::META_KEY_OIFNAME => MetaKey::OutgoingName,
        uapi::META_KEY_MARK => MetaKey::Mark,
        _ => return None,
    };
    Some(Expression::Meta { key, register: read_register(data, uapi::META_DREG)? })
}

fn get_payload(data: Attributes<'_>) -> Option<Expression> {
    let base = match data.be32(uapi::PAYLOAD_BASE)? {
        uapi::PAYLOAD_BASE_NETWORK => PayloadBase::Network,
        uapi::PAYLOAD_BASE_TRANSPORT => PayloadBase::Transport,
        _ => return None,
    };
    Some(Expression::Payload {
        base,
        offset: data.be32(uapi::PAYLOAD_OFFSET)?,
        length: data.be32(uapi::PAYLOAD_LEN)?,
        register: read_register(data, uapi::PAYLOAD_DREG)?,
    })
}

fn get_conntrack(data: Attributes<'_>) -> Option<Expression> {
    let key = match data.be32(uapi::CT_KEY)? {
        uapi::CT_KEY_STATE => ConntrackKey::State,
        uapi::CT_KEY_STATUS => ConntrackKey::Status,
        _ => return None,
    };
    Some(Expression::Conntrack { key, register: read_register(data, uapi::CT_DREG)? })
}

fn get_bytes(data: Attributes<'_>, kind: u16) -> Result<Option<Vec<u8>>, Malformed> {
    Ok(match get_data(data.nest(kind)?)? {
        Some(ElementValue::Bytes(bytes)) => Some(bytes),
        Some(ElementValue::None | ElementValue::Verdict(_)) | None => None,
    })
}

fn get_bitwise(data: Attributes<'_>) -> Result<Option<Expression>, Malformed> {
    let from = read_register(data, uapi::BITWISE_SREG);
    let plain = data.be32(uapi::BITWISE_OP).unwrap_or(0) == 0;
    if !plain || from != read_register(data, uapi::BITWISE_DREG) {
        return Ok(None);
    }
    let (mask, xor) = (get_bytes(data, uapi::BITWISE_MASK)?, get_bytes(data, uapi::BITWISE_XOR)?);
    Ok(from.zip(mask.zip(xor)).map(|(register, (mask, xor))| Expression::Bitwise {
        register,
        mask,
        xor,
    }))
}

fn get_compare(data: Attributes<'_>) -> Result<Option<Expression>, Malformed> {
    let operator = match data.be32(uapi::CMP_OP) {
        Some(uapi::CMP_OP_EQ) => CompareOperator::Equal,
        Some(uapi::CMP_OP_NEQ) => CompareOperator::NotEqual,
        _ => return Ok(None),
    };
    let operands = read_register(data, uapi::CMP_SREG).zip(get_bytes(data, uapi::CMP_DATA)?);
    Ok(operands.map(|(register, data)| Expression::Compare { register, operator, data }))
}

fn get_lookup(data: Attributes<'_>) -> Option<Expression> {
    let set = data.text(uapi::LOOKUP_SET)?;
    let register = read_register(data, uapi::LOOKUP_SREG)?;
    if data.get(uapi::LOOKUP_DREG).is_none() {
        let inverted = data.be32(uapi::LOOKUP_FLAGS).unwrap_or(0) & uapi::LOOKUP_F_INVERT != 0;
        return Some(Expression::Lookup { set, register, inverted });
    }
    let destination = match data.be32(uapi::LOOKUP_DREG)? {
        uapi::REG_VERDICT => None,
        _ => Some(read_register(data, uapi::LOOKUP_DREG)?),
    };
    Some(Expression::Map { set, register, destination })
}

fn get_immediate(data: Attributes<'_>) -> Result<Option<Expression>, Malformed> {
    let register = read_register(data, uapi::IMMEDIATE_DREG);
    Ok(match (get_data(data.nest(uapi::IMMEDIATE_DATA)?)?, register) {
        (Some(ElementValue::Verdict(verdict)), None) => Some(Expression::Verdict(verdict)),
        (Some(ElementValue::Bytes(data)), Some(register)) => {
            Some(Expression::Load { register, data })
        }
        _ => None,
    })
}

fn get_reject(data: Attributes<'_>) -> Option<Expression> {
    let code = data.u8(uapi::REJECT_ICMP_CODE);
    match (data.be32(uapi::REJECT_TYPE)?, code) {
        (uapi::REJECT_TCP_RST, _) => Some(Expression::Reject(RejectKind::TcpReset)),
        (uapi::REJECT_ICMPX_UNREACH, Some(uapi::REJECT_ICMPX_ADMIN_PROHIBITED)) => {
            Some(Expression::Reject(RejectKind::AdminProhibited))
        }
        _ => None,
    }
}

/// The type of the destination address, which is all that we ask of `fib`.
fn get_destination_type(data: Attributes<'_>) -> Option<Expression> {
    let is_type = data.be32(uapi::FIB_RESULT)? == uapi::FIB_RESULT_ADDRTYPE
        && data.be32(uapi::FIB_FLAGS)? == uapi::FIB_F_DADDR;
    let register = read_register(data, uapi::FIB_DREG)?;
    is_type.then_some(Expression::DestinationType { register })
}

fn get_nat(data: Attributes<'_>) -> Option<Expression> {
    let plain = uapi::NAT_RANGE_MAP_IPS | uapi::NAT_RANGE_PROTO_SPECIFIED;
    let flags = data.be32(uapi::NAT_FLAGS).unwrap_or(0);
    let is_mapped = flags & uapi::NAT_RANGE_NETMAP != 0;
    let ours = plain | if is_mapped { uapi::NAT_RANGE_NETMAP } else { 0 };
    if data.be32(uapi::NAT_TYPE)? != uapi::NAT_TYPE_DNAT || flags & !ours != 0 {
        return None;
    }
    let one = |low, high| {
        let register = read_register(data, low)?;
        // A range from one register to another is not ours.
        (data.get(high).is_none() || read_register(data, high) == Some(register))
            .then_some(register)
    };
    let port = match data.get(uapi::NAT_REG_PROTO_MIN) {
        None => None,
        Some(_) => Some(one(uapi::NAT_REG_PROTO_MIN, uapi::NAT_REG_PROTO_MAX)?),
    };
    let ipv6 = data.be32(uapi::NAT_FAMILY)? == u32::from(uapi::NFPROTO_IPV6);
    let (address, last_address) = if is_mapped {
        let last = read_register(data, uapi::NAT_REG_ADDR_MAX)?;
        (read_register(data, uapi::NAT_REG_ADDR_MIN)?, Some(last))
    } else {
        (one(uapi::NAT_REG_ADDR_MIN, uapi::NAT_REG_ADDR_MAX)?, None)
    };
    Some(Expression::DestinationNat { ipv6, address, last_address, port })
}
