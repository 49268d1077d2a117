//! Changes of a table as netlink messages.

use super::element::put_element;
use super::expression::put_rule;
use super::ownership::new_table;
use super::{request, uapi};
use crate::netlink::Message;
use netloom_state::nft::{
    BaseChain, ChainKind, Change, Element, ElementValue, Hook, SetData, SetKind,
};

/// `TYPE_INTEGER` of the `nft` program.
const TYPE_INTEGER: u32 = 4;
/// `TYPE_IPADDR`.
const TYPE_IPV4: u32 = 7;
/// `TYPE_IP6ADDR`.
const TYPE_IPV6: u32 = 8;
/// `TYPE_INET_PROTOCOL`.
const TYPE_PROTOCOL: u32 = 12;
/// `TYPE_INET_SERVICE`.
const TYPE_PORT: u32 = 13;
/// `TYPE_MARK`.
const TYPE_MARK: u32 = 19;
/// `TYPE_BITS`: concatenated types share one number.
const TYPE_BITS: u32 = 6;
/// So many of them fit.
const CONCATENATED_MAX: usize = 5;
/// Elements per message are bounded by the 16-bit length of the attribute that holds them.
const ELEMENT_LIST_BYTES_MAX: usize = 48 * 1024;

/// One message of a transaction.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) message: Message,
    /// Which change it belongs to; none for the adoption of an orphan.
    pub(super) change: Option<usize>,
    pub(super) if_missing: IfMissing<'a>,
}

/// What to do when the kernel says that there is no such thing.
#[derive(Debug)]
pub(super) enum IfMissing<'a> {
    /// It is an error.
    Fail,
    /// What should go is gone.
    Skip,
    /// One of these elements is gone: find out which, and remove the others.
    Select(&'a str, SetKind, Vec<(&'a [u8], &'a Element)>),
}

/// The table that is changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) table: &'a str,
    pub(super) mark: &'a str,
    /// Flags for `AddTable`.
    pub(super) flags: u32,
}

impl<'a> Target<'a> {
    /// The messages of one change.
    pub(super) fn encode(&self, index: usize, change: &'a Change, steps: &mut Vec<Step<'a>>) {
        let mut push = |message, if_missing| {
            steps.push(Step { message, change: Some(index), if_missing });
        };
        match change {
            Change::AddTable => {
                push(new_table(self.table, self.mark, self.flags), IfMissing::Fail);
            }
            Change::DeleteTable => {
                let mut message = request(uapi::DELTABLE, 0);
                message.text(uapi::TABLE_NAME, self.table);
                push(message, IfMissing::Skip);
            }
            Change::AddChain { chain, base } => {
                push(self.new_chain(chain, *base), IfMissing::Fail);
                // "Without rules" holds on every execution, so the next rules are the only ones.
                push(self.flush_chain(chain), IfMissing::Fail);
            }
            Change::DeleteChain { chain } => {
                let mut message = request(uapi::DELCHAIN, 0);
                message.text(uapi::CHAIN_TABLE, self.table).text(uapi::CHAIN_NAME, chain);
                push(message, IfMissing::Skip);
            }
            Change::FlushChain { chain } => push(self.flush_chain(chain), IfMissing::Skip),
            Change::AppendRule { chain, rule } => {
                let flags = uapi::NLM_F_CREATE | uapi::NLM_F_APPEND;
                let mut message = request(uapi::NEWRULE, flags);
                message.text(uapi::RULE_TABLE, self.table).text(uapi::RULE_CHAIN, chain);
                put_rule(&mut message, rule);
                push(message, IfMissing::Fail);
            }
            Change::AddSet { set, kind } => {
                push(self.new_set(set, *kind, index), IfMissing::Fail);
                // Likewise without elements.
                push(self.element_message(uapi::DELSETELEM, 0, set), IfMissing::Fail);
            }
            Change::DeleteSet { set } => {
                let mut message = request(uapi::DELSET, 0);
                message.text(uapi::SET_TABLE, self.table).text(uapi::SET_NAME, set);
                push(message, IfMissing::Skip);
            }
            Change::AddElements { set, kind, elements } => {
                let elements: Vec<_> = elements.iter().map(|(k, e)| (k.as_slice(), e)).collect();
                for part in portions(&elements, ELEMENT_LIST_BYTES_MAX) {
                    push(self.add_elements(set, *kind, part), IfMissing::Fail);
                }
            }
            Change::DeleteElements { set, kind, elements } => {
                let elements: Vec<_> = elements.iter().map(|(k, e)| (k.as_slice(), e)).collect();
                steps.extend(self.delete_elements(Some(index), set, *kind, &elements));
            }
        }
    }

    fn new_chain(&self, chain: &str, base: Option<BaseChain>) -> Message {
        let mut message = request(uapi::NEWCHAIN, uapi::NLM_F_CREATE);
        message.text(uapi::CHAIN_TABLE, self.table).text(uapi::CHAIN_NAME, chain);
        if let Some(base) = base {
            message.nest(uapi::CHAIN_HOOK, |hook| {
                hook.be32(uapi::HOOK_HOOKNUM, hook_number(base.hook))
                    .be32(uapi::HOOK_PRIORITY, base.priority.cast_unsigned());
            });
            let policy = if base.accept { uapi::NF_ACCEPT } else { uapi::NF_DROP };
            message.be32(uapi::CHAIN_POLICY, policy.cast_unsigned());
            message.text(uapi::CHAIN_TYPE, kind_name(base.kind));
        }
        message
    }

    fn flush_chain(&self, chain: &str) -> Message {
        let mut message = request(uapi::DELRULE, 0);
        message.text(uapi::RULE_TABLE, self.table).text(uapi::RULE_CHAIN, chain);
        message
    }

    fn new_set(&self, set: &str, kind: SetKind, id: usize) -> Message {
        let mut message = request(uapi::NEWSET, uapi::NLM_F_CREATE);
        let interval = if kind.interval { uapi::SET_F_INTERVAL } else { 0 };
        let map = if kind.data == SetData::None { 0 } else { uapi::SET_F_MAP };
        message
            .text(uapi::SET_TABLE, self.table)
            .text(uapi::SET_NAME, set)
            .be32(uapi::SET_FLAGS, interval | map)
            .be32(uapi::SET_KEY_TYPE, shown_as(kind.key_bytes, kind.interval))
            .be32(uapi::SET_KEY_LEN, kind.key_bytes)
            // Unique within the transaction; 0 would mean "no id".
            .be32(uapi::SET_ID, u32::try_from(id).unwrap_or(u32::MAX).saturating_add(1));
        match kind.data {
            SetData::None => {}
            SetData::Value(bytes) => {
                let shown = shown_as(bytes, false);
                message.be32(uapi::SET_DATA_TYPE, shown).be32(uapi::SET_DATA_LEN, bytes);
            }
            SetData::Verdict => {
                message.be32(uapi::SET_DATA_TYPE, uapi::DATA_TYPE_VERDICT);
            }
        }
        message
    }

    fn element_message(&self, kind: u16, flags: u16, set: &str) -> Message {
        let mut message = request(kind, flags);
        message.text(uapi::ELEM_LIST_TABLE, self.table).text(uapi::ELEM_LIST_SET, set);
        message
    }

    fn add_elements(&self, set: &str, kind: SetKind, part: &[(&[u8], &Element)]) -> Message {
        let mut message = self.element_message(uapi::NEWSETELEM, uapi::NLM_F_CREATE, set);
        put_elements(&mut message, kind, part);
        message
    }

    /// The messages that remove elements.
    pub(super) fn delete_elements(
        &self,
        change: Option<usize>,
        set: &'a str,
        kind: SetKind,
        elements: &[(&'a [u8], &'a Element)],
    ) -> Vec<Step<'a>> {
        let one = |part: &[(&'a [u8], &'a Element)]| {
            let mut message = self.element_message(uapi::DELSETELEM, 0, set);
            put_elements(&mut message, kind, part);
            Step { message, change, if_missing: IfMissing::Select(set, kind, part.to_vec()) }
        };
        portions(elements, ELEMENT_LIST_BYTES_MAX).map(one).collect()
    }
}

fn put_elements(message: &mut Message, kind: SetKind, part: &[(&[u8], &Element)]) {
    message.nest(uapi::ELEM_LIST_ELEMENTS, |list| {
        for (key, element) in part {
            put_element(list, key, element, kind.interval);
        }
    });
}

/// Splits elements into runs whose encoding surely fits `bytes_max`.
fn portions<'e, 'a>(
    elements: &'e [(&'a [u8], &'a Element)],
    bytes_max: usize,
) -> impl Iterator<Item = &'e [(&'a [u8], &'a Element)]> {
    // Headers and padding of a range with a verdict that names a chain stay under this.
    const OVERHEAD_BYTES: usize = 160;
    let longest = elements.iter().map(|(key, element)| {
        let value = match &element.value {
            ElementValue::Bytes(bytes) => bytes.len(),
            // Names of chains are at most 255 bytes; usual ones are short.
            ElementValue::Verdict(_) => 256,
            ElementValue::None => 0,
        };
        2 * key.len() + value + OVERHEAD_BYTES
    });
    let per_message = bytes_max / longest.max().unwrap_or(OVERHEAD_BYTES);
    elements.chunks(per_message.max(1))
}

/// A type by which the `nft` program can show a key or value of so many bytes.
///
/// The kernel does not care, but that program gives up on a whole ruleset when the types of a set
/// do not add up to its length.
fn shown_as(bytes: u32, interval: bool) -> u32 {
    match bytes {
        1 => TYPE_PROTOCOL,
        2 => TYPE_PORT,
        4 => TYPE_IPV4,
        16 => TYPE_IPV6,
        // It takes ranges of concatenations apart field by field, and ours are ranges of the whole.
        _ if interval => TYPE_INTEGER,
        _ if bytes.is_multiple_of(4) => {
            let words = bytes / 4;
            let wide = if words as usize > CONCATENATED_MAX { words / 4 } else { 0 };
            let fields = (0..wide)
                .map(|_| TYPE_IPV6)
                .chain((0..words - wide * 4).map(|_| TYPE_MARK))
                .take(CONCATENATED_MAX);
            fields.fold(0, |all, field| (all << TYPE_BITS) | field)
        }
        _ => TYPE_INTEGER,
    }
}

pub(super) fn hook_number(hook: Hook) -> u32 {
    match hook {
        Hook::Prerouting => 0,
        Hook::Input => 1,
        Hook::Forward => 2,
        Hook::Output => 3,
        Hook::Postrouting => 4,
    }
}

pub(super) fn kind_name(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
    }
}
