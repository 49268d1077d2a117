//! Compiled tables against allowances read one by one, on random policies.

use super::*;
use crate::allowance::{Direction, packet_set};
use crate::packet_set::transport;
use ipnet::IpNet;
use netloom_model::span::Span;
use proptest::prelude::*;

const GROUPS: [&str; 3] = ["a", "b", "c"];

fn span() -> Span {
    Span { file: "t".into(), line: 1, column: 1 }
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0u8..2, 0u8..8).prop_map(|(b, d)| IpAddr::from([10, b, 0, d])),
        (0u16..8).prop_map(|last| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, last])),
    ]
}

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        Just(Selector::All),
        (0..GROUPS.len()).prop_map(|index| Selector::Group(GROUPS[index].to_owned())),
        (address(), 0u8..=128).prop_map(|(address, length)| {
            let length = if address.is_ipv6() { length } else { length / 4 };
            Selector::Prefix(IpNet::new(address, length).unwrap().trunc())
        }),
    ]
}

fn transports() -> impl Strategy<Value = IntervalSet> {
    let number =
        || (prop_oneof![Just(1u8), Just(6), Just(17)], 0u16..6).prop_map(|(p, n)| transport(p, n));
    prop_oneof![
        Just(IntervalSet::full()),
        (number(), number()).prop_map(|(a, b)| IntervalSet::range(a.min(b), a.max(b))),
    ]
}

fn allowance() -> impl Strategy<Value = Allowance> {
    (selector(), transports()).prop_map(|(selector, transport)| Allowance {
        selector,
        transport,
        group: "g".to_owned(),
        span: span(),
    })
}

proptest! {
    #[test]
    fn table_algebra_and_reading_rule_by_rule_agree(
        policies in proptest::collection::vec(proptest::collection::vec(allowance(), 0..5), 1..4),
        members in proptest::collection::btree_map(
            address(),
            proptest::collection::btree_set((0..GROUPS.len()).prop_map(|i| GROUPS[i].to_owned()), 0..3),
            0..8,
        ),
        probes in proptest::collection::vec((address(), prop_oneof![Just(1u8), Just(6), Just(17), Just(47)], 0u16..6), 1..40),
    ) {
        let locals: BTreeMap<u32, Vec<Allowance>> =
            policies.into_iter().enumerate().map(|(i, p)| (i as u32 + 1, p)).collect();
        let by_address = members.iter().map(|(address, groups)| (*address, groups)).collect();
        let table = DirectionTable::compile(&locals, &by_address);
        let none = BTreeSet::new();
        let of_group = |group: &Name| -> IntervalSet {
            let holders = members.iter().filter(|(_, groups)| groups.contains(group));
            holders.map(|(a, _)| (address_number(*a), address_number(*a))).collect()
        };
        for (other, protocol, port) in probes {
            let number = transport(protocol, port);
            let groups = members.get(&other).unwrap_or(&none);
            for (identity, allowances) in &locals {
                let reference = allowances
                    .iter()
                    .any(|a| a.selector.selects(other, groups) && a.transport.contains(number));
                prop_assert_eq!(table.allows(*identity, other, number), reference);
                let set = packet_set(allowances, Direction::Ingress, of_group);
                let point = [address_number(other), 0, number, 0, 0, 0];
                prop_assert_eq!(set.contains(&point), reference);
            }
        }
    }
}

#[test]
fn a_thousand_members_of_one_group_share_one_class() {
    let allowance = |selector| Allowance {
        selector,
        transport: IntervalSet::full(),
        group: "g".to_owned(),
        span: span(),
    };
    let locals = BTreeMap::from([(1, vec![allowance(Selector::Group("a".to_owned()))])]);
    let groups = BTreeSet::from(["a".to_owned()]);
    let members: Members<'_> =
        (0..1000u32).map(|i| (IpAddr::from((0x0a00_0000 + i).to_be_bytes()), &groups)).collect();
    let table = DirectionTable::compile(&locals, &members);
    assert_eq!(table.member_classes.len(), 1000);
    assert_eq!(table.allowed.len(), 1, "one verdict, however many members");
}
