//! Elements of sets and maps: keys, ranges, values and verdicts, to and from the kernel.

use super::uapi;
use crate::netlink::{Attributes, Malformed, Message};
use netloom_state::nft::{Element, ElementValue, Verdict};
use std::collections::BTreeMap;

/// An element as the kernel knows it: of a range, the first key and the key after the last one
/// are separate elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawElement {
    pub(super) key: Vec<u8>,
    pub(super) value: ElementValue,
    pub(super) end: bool,
}

// === to the kernel ===

pub(super) fn put_value(message: &mut Message, kind: u16, value: &[u8]) {
    message.nest(kind, |data| {
        data.bytes(uapi::DATA_VALUE, value);
    });
}

pub(super) fn put_verdict(message: &mut Message, kind: u16, verdict: &Verdict) {
    let (code, chain) = match verdict {
        Verdict::Accept => (uapi::NF_ACCEPT, None),
        Verdict::Drop => (uapi::NF_DROP, None),
        Verdict::Return => (uapi::NFT_RETURN, None),
        Verdict::Jump(chain) => (uapi::NFT_JUMP, Some(chain)),
        Verdict::Goto(chain) => (uapi::NFT_GOTO, Some(chain)),
    };
    message.nest(kind, |data| {
        data.nest(uapi::DATA_VERDICT, |verdict| {
            verdict.be32(uapi::VERDICT_CODE, code.cast_unsigned());
            if let Some(chain) = chain {
                verdict.text(uapi::VERDICT_CHAIN, chain);
            }
        });
    });
}

/// Appends an element, and for a range also the one that ends it.
pub(super) fn put_element(list: &mut Message, key: &[u8], element: &Element, interval: bool) {
    list.nest(uapi::LIST_ELEM, |elem| {
        put_value(elem, uapi::ELEM_KEY, key);
        match &element.value {
            ElementValue::None => {}
            ElementValue::Bytes(bytes) => put_value(elem, uapi::ELEM_DATA, bytes),
            ElementValue::Verdict(verdict) => put_verdict(elem, uapi::ELEM_DATA, verdict),
        }
    });
    if !interval {
        return;
    }
    // A range up to the highest key has no end.
    if let Some(after) = successor(element.last.as_deref().unwrap_or(key)) {
        list.nest(uapi::LIST_ELEM, |elem| {
            elem.be32(uapi::ELEM_FLAGS, uapi::ELEM_F_INTERVAL_END);
            put_value(elem, uapi::ELEM_KEY, &after);
        });
    }
}

/// The key after `key`; `None` after the highest.
fn successor(key: &[u8]) -> Option<Vec<u8>> {
    let mut next = key.to_vec();
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(next);
        }
    }
    None
}

/// The key before `key`; `None` before the lowest.
fn predecessor(key: &[u8]) -> Option<Vec<u8>> {
    let mut before = key.to_vec();
    for byte in before.iter_mut().rev() {
        let borrowed = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrowed {
            return Some(before);
        }
    }
    None
}

// === from the kernel ===

/// The elements in an `NFT_MSG_NEWSETELEM`.
pub(super) fn decode_elements(payload: &[u8]) -> Result<Vec<RawElement>, Malformed> {
    let attributes = Attributes::after(payload, uapi::NFGENMSG_BYTES)?;
    let list = attributes.nest(uapi::ELEM_LIST_ELEMENTS)?;
    list.iter().map(|elem| decode_element(Attributes::parse(elem.value)?)).collect()
}

fn decode_element(elem: Attributes<'_>) -> Result<RawElement, Malformed> {
    let Some(ElementValue::Bytes(key)) = get_data(elem.nest(uapi::ELEM_KEY)?)? else {
        return Err(Malformed("a set's element without a key"));
    };
    let value = get_data(elem.nest(uapi::ELEM_DATA)?)?.unwrap_or(ElementValue::None);
    let end = elem.be32(uapi::ELEM_FLAGS).unwrap_or(0) & uapi::ELEM_F_INTERVAL_END != 0;
    Ok(RawElement { key, value, end })
}

/// A value or verdict; `None` if the nest is empty or its verdict is none of ours.
pub(super) fn get_data(data: Attributes<'_>) -> Result<Option<ElementValue>, Malformed> {
    if let Some(bytes) = data.get(uapi::DATA_VALUE) {
        return Ok(Some(ElementValue::Bytes(bytes.to_vec())));
    }
    let verdict = data.nest(uapi::DATA_VERDICT)?;
    let chain = || verdict.text(uapi::VERDICT_CHAIN).unwrap_or_default();
    let verdict = match verdict.be32(uapi::VERDICT_CODE).map(u32::cast_signed) {
        Some(uapi::NF_ACCEPT) => Verdict::Accept,
        Some(uapi::NF_DROP) => Verdict::Drop,
        Some(uapi::NFT_RETURN) => Verdict::Return,
        Some(uapi::NFT_JUMP) => Verdict::Jump(chain()),
        Some(uapi::NFT_GOTO) => Verdict::Goto(chain()),
        _ => return Ok(None),
    };
    Ok(Some(ElementValue::Verdict(verdict)))
}

/// Elements as planned, from those of the kernel in any order.
pub(super) fn assemble(raw: Vec<RawElement>, interval: bool) -> BTreeMap<Vec<u8>, Element> {
    if !interval {
        let plain = raw.into_iter();
        return plain.map(|raw| (raw.key, Element { last: None, value: raw.value })).collect();
    }
    let (mut ends, mut starts): (Vec<_>, Vec<_>) = raw.into_iter().partition(|raw| raw.end);
    ends.sort_by(|a, b| a.key.cmp(&b.key));
    starts.sort_by(|a, b| a.key.cmp(&b.key));
    let close = |start: RawElement| {
        let after = ends.partition_point(|end| end.key <= start.key);
        let last = match ends.get(after) {
            Some(end) => predecessor(&end.key),
            None => Some(vec![u8::MAX; start.key.len()]),
        };
        (start.key, Element { last, value: start.value })
    };
    starts.into_iter().map(close).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbours_of_keys_carry_over_bytes() {
        assert_eq!(successor(&[0, 0xff]), Some(vec![1, 0]));
        assert_eq!(successor(&[0xff, 0xff]), None);
        assert_eq!(predecessor(&[1, 0]), Some(vec![0, 0xff]));
        assert_eq!(predecessor(&[0, 0]), None);
    }

    proptest! {
        #[test]
        fn ranges_survive_the_kernels_form(bounds in proptest::collection::btree_set(any::<u16>(), 2..40)) {
            let bounds: Vec<u16> = bounds.into_iter().collect();
            let planned: BTreeMap<_, _> = bounds
                .as_chunks::<2>().0
                .iter()
                .map(|[first, last]| {
                    let last = Some(last.to_be_bytes().to_vec());
                    (first.to_be_bytes().to_vec(), Element { last, value: ElementValue::None })
                })
                .collect();
            let mut message = super::super::request(uapi::NEWSETELEM, 0);
            message.nest(uapi::ELEM_LIST_ELEMENTS, |list| {
                for (key, element) in &planned {
                    put_element(list, key, element, true);
                }
            });
            let bytes = message.seal(0, 1).unwrap().to_vec();
            let mut raw = decode_elements(&bytes[16..]).unwrap();
            raw.reverse();
            prop_assert_eq!(assemble(raw, true), planned);
        }
    }
}
