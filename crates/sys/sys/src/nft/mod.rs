//! nf_tables over netlink: tables as planned are encoded, committed, and read back from the kernel.
//!
//! Rules are read back by decoding their expressions, so that what is observed is what is enforced.

mod decode;
mod element;
mod encode;
mod expression;
mod foreign;
mod observe;
mod ownership;
mod transaction;
mod uapi;
mod userdata;

pub use foreign::{ForeignChain, ForeignExpression, ForeignTable, read_foreign_tables};
pub use observe::{Counter, ObservedTable, read_counters, read_tables};
pub use ownership::{TableOwnership, adopt_table, find_table, ownership_for_new_table};
pub use transaction::{TransactionError, commit};

pub(crate) use uapi::{
    DELTABLE as DELETE_TABLE, NFGENMSG_BYTES as HEADER_BYTES, NFPROTO_INET as FAMILY, TABLE_NAME,
};

use crate::netlink::Message;

/// Which message of nf_tables a netlink message is, if it is one.
pub(crate) fn kind_of(kind: u16) -> Option<u16> {
    (kind >> 8 == uapi::SUBSYSTEM).then_some(kind & 0xff)
}

/// The name of a rule that carries an expression which no plan has; it equals no planned rule.
pub const FOREIGN_RULE: &str = "?foreign";

/// A request to nf_tables, with its `struct nfgenmsg` for family `inet`.
fn request(kind: u16, flags: u16) -> Message {
    let mut message = Message::new((uapi::SUBSYSTEM << 8) | kind, flags);
    message.fixed(&[uapi::NFPROTO_INET, 0, 0, 0]);
    message
}

/// Every reader of replies in turn, for the fuzz harness.
pub(crate) fn parse_anything(payload: &[u8]) {
    let _ = TableOwnership::decode(payload);
    let _ = observe::decode_chain(payload);
    let _ = observe::decode_set(payload);
    let _ = decode::decode_rule(payload);
    let _ = foreign::decode_foreign_rule(payload);
    for interval in [false, true] {
        let _ = element::decode_elements(payload).map(|raw| element::assemble(raw, interval));
    }
}

#[cfg(test)]
mod tests;
