//! Programs survive their way to the kernel's form and back; what is not ours becomes nothing of ours.

use super::decode::decode_rule;
use super::expression::put_rule;
use super::{FOREIGN_RULE, request, uapi};
use crate::netlink::{Frames, Message};
use netloom_state::nft::{
    CompareOperator, ConntrackKey, Expression, MetaKey, PayloadBase, Register, RejectKind, Rule,
    Verdict,
};
use proptest::prelude::*;

fn decoded(mut message: Message) -> Rule {
    let bytes = message.seal(0, 7).unwrap().to_vec();
    let frame = Frames::new(&bytes).next().unwrap().unwrap();
    let (table, chain, rule) = decode_rule(frame.payload).unwrap();
    assert_eq!((table.as_str(), chain.as_str()), ("t", "c"));
    rule
}

fn new_rule() -> Message {
    let mut message = request(uapi::NEWRULE, 0);
    message.text(uapi::RULE_TABLE, "t").text(uapi::RULE_CHAIN, "c");
    message
}

fn expressions() -> impl Strategy<Value = Expression> {
    let register = || (0u8..16).prop_map(Register);
    let bytes = || proptest::collection::vec(any::<u8>(), 1..=16);
    let name = || "[a-z][a-z0-9_-]{0,20}";
    let verdict = prop_oneof![
        Just(Verdict::Accept),
        Just(Verdict::Drop),
        Just(Verdict::Return),
        name().prop_map(Verdict::Jump),
        name().prop_map(Verdict::Goto),
    ];
    let meta = proptest::sample::select(vec![
        MetaKey::L4Protocol,
        MetaKey::NfProtocol,
        MetaKey::IncomingName,
        MetaKey::OutgoingName,
        MetaKey::Mark,
    ]);
    let base = proptest::sample::select(vec![PayloadBase::Network, PayloadBase::Transport]);
    let conntrack = proptest::sample::select(vec![ConntrackKey::State, ConntrackKey::Status]);
    let operator =
        proptest::sample::select(vec![CompareOperator::Equal, CompareOperator::NotEqual]);
    let reject = proptest::sample::select(vec![RejectKind::AdminProhibited, RejectKind::TcpReset]);
    prop_oneof![
        (meta, register()).prop_map(|(key, register)| Expression::Meta { key, register }),
        register().prop_map(|register| Expression::SetMark { register }),
        (base, any::<u32>(), any::<u32>(), register()).prop_map(
            |(base, offset, length, register)| {
                Expression::Payload { base, offset, length, register }
            }
        ),
        (conntrack, register()).prop_map(|(key, register)| Expression::Conntrack { key, register }),
        (register(), bytes()).prop_map(|(register, mask)| {
            let xor = mask.iter().rev().copied().collect();
            Expression::Bitwise { register, mask, xor }
        }),
        (register(), operator, bytes()).prop_map(|(register, operator, data)| {
            Expression::Compare { register, operator, data }
        }),
        (name(), register(), any::<bool>()).prop_map(|(set, register, inverted)| {
            Expression::Lookup { set, register, inverted }
        }),
        (name(), register(), proptest::option::of(register())).prop_map(
            |(set, register, destination)| Expression::Map { set, register, destination }
        ),
        (register(), bytes()).prop_map(|(register, data)| Expression::Load { register, data }),
        verdict.prop_map(Expression::Verdict),
        Just(Expression::Counter),
        reject.prop_map(Expression::Reject),
        Just(Expression::Masquerade),
        register().prop_map(|register| Expression::DestinationType { register }),
        (
            any::<bool>(),
            register(),
            proptest::option::of(register()),
            proptest::option::of(register())
        )
            .prop_map(|(ipv6, address, last_address, port)| {
                Expression::DestinationNat { ipv6, address, last_address, port }
            }),
    ]
}

proptest! {
    #[test]
    fn programs_survive_the_kernels_form(
        expressions in proptest::collection::vec(expressions(), 0..12),
        name in proptest::option::of("[ -~]{0,100}"),
    ) {
        let rule = Rule { expressions, name };
        let mut message = new_rule();
        put_rule(&mut message, &rule);
        prop_assert_eq!(decoded(message), rule);
    }
}

#[test]
fn a_comparison_is_encoded_as_the_kernel_documents_it() {
    let mut message = Message::new(0, 0);
    let compare = Expression::Compare {
        register: Register(1),
        operator: CompareOperator::NotEqual,
        data: vec![0xab, 0xcd],
    };
    put_rule(&mut message, &Rule { expressions: vec![compare], name: None });
    let bytes = message.seal(0, 0).unwrap();
    #[rustfmt::skip]
    let expected = [
        0x3c, 0, 4, 0x80, // NFTA_RULE_EXPRESSIONS
        0x38, 0, 1, 0x80, // NFTA_LIST_ELEM
        8, 0, 1, 0, b'c', b'm', b'p', 0, // NFTA_EXPR_NAME
        0x2c, 0, 2, 0x80, // NFTA_EXPR_DATA, of the length that follows
        8, 0, 1, 0, 0, 0, 0, 9, // NFTA_CMP_SREG: NFT_REG32_01
        8, 0, 2, 0, 0, 0, 0, 1, // NFTA_CMP_OP: NFT_CMP_NEQ
        0x0c, 0, 3, 0x80, 6, 0, 1, 0, 0xab, 0xcd, 0, 0, // NFTA_CMP_DATA
    ];
    let mut expected = expected.to_vec();
    // The nests' lengths follow from what they hold.
    let inner = expected.len() - 16;
    expected[16] = u8::try_from(inner).unwrap();
    expected[4] = u8::try_from(expected.len() - 4).unwrap();
    expected[0] = u8::try_from(expected.len()).unwrap();
    assert_eq!(&bytes[16..], expected);
}

#[test]
fn the_kernels_names_of_registers_are_understood() {
    // NFT_REG_1 to NFT_REG_4 are every fourth of the 32-bit registers.
    for (kernel, register) in [(1, 0), (2, 4), (3, 8), (4, 12), (8, 0), (23, 15)] {
        let mut message = new_rule();
        message.nest(uapi::RULE_EXPRESSIONS, |list| {
            list.nest(uapi::LIST_ELEM, |elem| {
                elem.text(uapi::EXPR_NAME, "meta").nest(uapi::EXPR_DATA, |data| {
                    data.be32(uapi::META_KEY, uapi::META_KEY_MARK).be32(uapi::META_DREG, kernel);
                });
            });
        });
        let expected = Expression::Meta { key: MetaKey::Mark, register: Register(register) };
        assert_eq!(decoded(message).expressions, [expected]);
    }
}

#[test]
fn expressions_that_no_plan_has_make_a_rule_that_equals_none() {
    type Fill = fn(&mut Message);
    let unknown: [(&str, Fill); 7] = [
        ("log", |_| {}),
        ("meta", |data| {
            data.be32(uapi::META_KEY, 99).be32(uapi::META_DREG, 8);
        }),
        ("meta", |data| {
            data.be32(uapi::META_KEY, uapi::META_KEY_MARK).be32(uapi::META_DREG, 24);
        }),
        ("cmp", |data| {
            data.be32(uapi::CMP_SREG, 8).be32(uapi::CMP_OP, 3);
        }),
        ("masq", |data| {
            data.be32(uapi::MASQ_FLAGS, 4);
        }),
        ("immediate", |_| {}),
        ("reject", |data| {
            data.be32(uapi::REJECT_TYPE, 0).u8(uapi::REJECT_ICMP_CODE, 1);
        }),
    ];
    for (name, fill) in unknown {
        let mut message = new_rule();
        message.nest(uapi::RULE_EXPRESSIONS, |list| {
            list.nest(uapi::LIST_ELEM, |elem| {
                elem.text(uapi::EXPR_NAME, name).nest(uapi::EXPR_DATA, fill);
            });
            list.nest(uapi::LIST_ELEM, |elem| {
                elem.text(uapi::EXPR_NAME, "counter");
            });
        });
        let rule = decoded(message);
        assert_eq!(
            (rule.name.as_deref(), rule.expressions.len()),
            (Some(FOREIGN_RULE), 0),
            "{name}"
        );
    }
}
