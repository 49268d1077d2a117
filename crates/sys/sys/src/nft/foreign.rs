//! Filter chains of any table, of programs such as Docker too: what may be in the way.

use super::decode::get;
use super::observe::decode_chain;
use super::uapi;
use crate::netlink::{Attributes, Malformed, Message, NetlinkError, NetlinkSocket};
use netloom_state::nft::{BaseChain, Expression};
use std::collections::BTreeMap;

/// `NFPROTO_UNSPEC`: tables of every family.
const ANY_FAMILY: u8 = 0;

/// A table of anybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignTable {
    /// `ip`, `ip6`, `inet`, or a number.
    pub family: String,
    /// Its name.
    pub name: String,
    /// Its chains by name.
    pub chains: BTreeMap<String, ForeignChain>,
}

/// A chain of anybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignChain {
    /// Where the kernel enters it; none if other chains do, or if it is of a kind that is not known here.
    pub base: Option<BaseChain>,
    /// Its rules in order.
    pub rules: Vec<Vec<ForeignExpression>>,
}

/// An expression of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForeignExpression {
    /// One that is known here.
    Known(Expression),
    /// It refuses the packet, in whatever way.
    Reject,
    /// One that is not, such as a match of iptables.
    Other,
}

/// All tables of the namespace, with the rules of their chains.
///
/// # Errors
/// The kernel does not show them, or what it says makes no sense.
pub fn read_foreign_tables(socket: &mut NetlinkSocket) -> Result<Vec<ForeignTable>, NetlinkError> {
    let mut tables: BTreeMap<(String, String), ForeignTable> = BTreeMap::new();
    for reply in socket.dump(&mut everything(uapi::GETCHAIN))? {
        let (table, chain, base) = decode_chain(&reply.payload)?;
        let key = (family(&reply.payload), table);
        let (family, name) = key.clone();
        let found = tables.entry(key).or_insert_with(|| ForeignTable {
            family,
            name,
            chains: BTreeMap::new(),
        });
        found.chains.insert(chain, ForeignChain { base, rules: Vec::new() });
    }
    for reply in socket.dump(&mut everything(uapi::GETRULE))? {
        let (table, chain, rule) = decode_foreign_rule(&reply.payload)?;
        // One that has come since the chains were read is not of them.
        let found = tables.get_mut(&(family(&reply.payload), table));
        if let Some(found) = found.and_then(|table| table.chains.get_mut(&chain)) {
            found.rules.push(rule);
        }
    }
    Ok(tables.into_values().collect())
}

fn everything(kind: u16) -> Message {
    let mut message = Message::new((uapi::SUBSYSTEM << 8) | kind, 0);
    message.fixed(&[ANY_FAMILY, 0, 0, 0]);
    message
}

fn family(payload: &[u8]) -> String {
    match payload.first().copied() {
        Some(uapi::NFPROTO_INET) => "inet".to_owned(),
        Some(uapi::NFPROTO_IPV4) => "ip".to_owned(),
        Some(uapi::NFPROTO_IPV6) => "ip6".to_owned(),
        other => other.unwrap_or(0).to_string(),
    }
}

/// The rule in an `NFT_MSG_NEWRULE`, with its table and chain.
pub(super) fn decode_foreign_rule(
    payload: &[u8],
) -> Result<(String, String, Vec<ForeignExpression>), Malformed> {
    let attributes = Attributes::after(payload, uapi::NFGENMSG_BYTES)?;
    let table = attributes.text(uapi::RULE_TABLE).unwrap_or_default();
    let chain = attributes.text(uapi::RULE_CHAIN).unwrap_or_default();
    let mut rule = Vec::new();
    for elem in attributes.nest(uapi::RULE_EXPRESSIONS)?.iter() {
        let elem = Attributes::parse(elem.value)?;
        rule.push(match get(elem)? {
            Some(Expression::Reject(_)) => ForeignExpression::Reject,
            Some(known) => ForeignExpression::Known(known),
            None if refuses(elem)? => ForeignExpression::Reject,
            None => ForeignExpression::Other,
        });
    }
    Ok((table, chain, rule))
}

/// Whether an expression refuses the packet: that of nft in any way, or the target of iptables.
fn refuses(elem: Attributes<'_>) -> Result<bool, Malformed> {
    Ok(match elem.text(uapi::EXPR_NAME).as_deref() {
        Some("reject") => true,
        Some("target") => {
            let data = elem.nest(uapi::EXPR_DATA)?;
            data.text(uapi::TARGET_NAME).as_deref() == Some("REJECT")
        }
        _ => false,
    })
}
