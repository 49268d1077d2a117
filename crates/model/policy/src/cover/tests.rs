//! Covered rules: by hand, and against each packet.

use super::*;
use crate::interval::address_number;
use crate::packet_set::transport;
use proptest::prelude::*;

fn part(rule: usize, selector: Selector, first: u16, last: u16) -> Part {
    let transports = IntervalSet::range(transport(6, first), transport(6, last));
    Part { rule, selector, transports }
}

fn prefix(text: &str) -> Selector {
    Selector::Prefix(text.parse().unwrap())
}

fn rules(covered: &[Covered]) -> Vec<(usize, Vec<usize>)> {
    covered.iter().map(|one| (one.rule, one.by.iter().copied().collect())).collect()
}

#[test]
fn a_rule_is_shadowed_by_one_before_it_or_by_several_together() {
    let parts = [
        part(0, prefix("10.0.0.0/9"), 80, 90),
        part(1, prefix("10.128.0.0/9"), 80, 85),
        part(2, prefix("10.128.0.0/9"), 84, 99),
        part(3, prefix("10.0.0.0/8"), 81, 90),
        part(4, prefix("10.0.0.0/8"), 81, 91),
        part(5, Selector::All, 1, 99),
        part(6, prefix("2001:db8::/32"), 99, 99),
    ];
    assert_eq!(rules(&shadowed(&parts)), [(3, vec![0, 1, 2]), (6, vec![5])]);
}

#[test]
fn of_rules_that_add_up_the_covered_ones_are_found_and_of_equal_ones_the_later() {
    let group = |name: &str| Selector::Group(name.to_owned());
    let parts = [
        part(0, group("web"), 80, 80),
        part(1, prefix("10.0.0.0/8"), 443, 443),
        part(2, prefix("10.0.0.0/8"), 443, 443),
        part(3, Selector::All, 80, 81),
        part(4, group("web"), 81, 82),
        part(5, group("api"), 82, 82),
        part(6, group("api"), 82, 82),
    ];
    assert_eq!(rules(&redundant(&parts)), [(0, vec![3]), (2, vec![1]), (6, vec![5])]);
}

#[test]
fn everyone_is_both_families_together() {
    let both = [prefix("0.0.0.0/0"), prefix("::/0")];
    let [v4, v6] = both.map(|selector| selector);
    let parts = [part(0, v4, 1, 9), part(1, v6, 1, 9), part(2, Selector::All, 2, 3)];
    assert_eq!(rules(&redundant(&parts)), [(2, vec![0, 1])]);
    assert_eq!(rules(&redundant(&parts[..2])), []);
}

#[test]
fn a_thousand_rules_take_no_time() {
    let many: Vec<Part> = (0..1000_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            part(usize::from(number), prefix(&format!("10.{high}.{low}.0/24")), number, 2000)
        })
        .collect();
    assert_eq!(redundant(&many), []);
    assert_eq!(shadowed(&many), []);
}

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        Just(Selector::All),
        (0u8..4, 6u8..9).prop_map(|(third, length)| {
            let address = std::net::Ipv4Addr::new(third << 6, 0, 0, 0);
            Selector::Prefix(ipnet::Ipv4Net::new(address, length).unwrap().trunc().into())
        }),
    ]
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let one = (0usize..6, selector(), 0u16..6, 0u16..6)
        .prop_map(|(rule, selector, a, b)| part(rule, selector, a.min(b), a.max(b)));
    prop::collection::vec(one, 0..9)
}

/// Packets of which each set of rules here tells some from others.
fn packets() -> impl Iterator<Item = (u128, u128)> {
    let addresses = (0..=255u8).step_by(1).map(|first| address_number([first, 0, 0, 1].into()));
    addresses.flat_map(|address| (0..6).map(move |port| (address, transport(6, port))))
}

fn matching(parts: &[Part], (address, transport): (u128, u128)) -> BTreeSet<usize> {
    let matches = |part: &&Part| {
        part.selector.addresses().contains(address) && part.transports.contains(transport)
    };
    parts.iter().filter(matches).map(|part| part.rule).collect()
}

proptest! {
    #[test]
    fn a_rule_is_shadowed_if_and_only_if_it_is_first_for_no_packet(parts in parts()) {
        let first: BTreeSet<usize> =
            packets().filter_map(|packet| matching(&parts, packet).first().copied()).collect();
        let there: BTreeSet<usize> = parts.iter().map(|part| part.rule).collect();
        // IPv6 has packets too, which only `All` matches.
        let all = parts.iter().filter(|part| part.selector == Selector::All);
        let mut six: BTreeSet<usize> = BTreeSet::new();
        for port in 0..6 {
            let here = all.clone().filter(|part| part.transports.contains(transport(6, port)));
            six.extend(here.map(|part| part.rule).min());
        }
        let never: BTreeSet<usize> =
            there.into_iter().filter(|rule| !first.contains(rule) && !six.contains(rule)).collect();
        let found: BTreeSet<usize> = shadowed(&parts).iter().map(|one| one.rule).collect();
        prop_assert_eq!(found, never);
    }

    #[test]
    fn without_what_is_redundant_the_same_packets_match(parts in parts()) {
        let gone: BTreeSet<usize> = redundant(&parts).iter().map(|one| one.rule).collect();
        let rest: Vec<Part> =
            parts.iter().filter(|part| !gone.contains(&part.rule)).cloned().collect();
        for packet in packets() {
            prop_assert_eq!(
                matching(&parts, packet).is_empty(),
                matching(&rest, packet).is_empty()
            );
        }
        prop_assert!(redundant(&rest).is_empty());
    }
}
