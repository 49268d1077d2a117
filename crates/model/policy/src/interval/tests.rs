//! Interval sets against brute force on a small universe.

use super::*;
use proptest::prelude::*;

const UNIVERSE: u128 = 40;

fn small_set() -> impl Strategy<Value = IntervalSet> {
    proptest::collection::vec((0..UNIVERSE, 0..UNIVERSE), 0..6)
        .prop_map(|ranges| ranges.into_iter().collect())
}

proptest! {
    #[test]
    fn operations_agree_with_membership(a in small_set(), b in small_set()) {
        for x in (0..UNIVERSE).chain([u128::MAX]) {
            let (in_a, in_b) = (a.contains(x), b.contains(x));
            prop_assert_eq!(a.union(&b).contains(x), in_a || in_b);
            prop_assert_eq!(a.intersection(&b).contains(x), in_a && in_b);
            prop_assert_eq!(a.difference(&b).contains(x), in_a && !in_b);
            prop_assert_eq!(a.complement().contains(x), !in_a);
        }
    }

    #[test]
    fn equal_sets_have_equal_ranges(a in small_set(), b in small_set()) {
        let same = (0..UNIVERSE).all(|x| a.contains(x) == b.contains(x));
        prop_assert_eq!(a == b, same);
    }

    #[test]
    fn a_partition_names_exactly_the_sets_of_every_number(
        sets in proptest::collection::vec(small_set(), 0..5),
    ) {
        let parts = partition(&sets);
        for x in 0..UNIVERSE {
            let part = parts.iter().find(|(first, last, _)| (*first..=*last).contains(&x));
            let named = part.map(|(_, _, sets)| sets.clone()).unwrap_or_default();
            let real: Vec<usize> = (0..sets.len()).filter(|i| sets[*i].contains(x)).collect();
            prop_assert_eq!(named, real);
        }
    }
}

#[test]
fn the_largest_number_belongs_to_the_full_set_and_its_parts() {
    let full = IntervalSet::full();
    assert!(full.contains(u128::MAX) && full.complement().is_empty());
    assert_eq!(IntervalSet::EMPTY.complement(), full);
    assert_eq!(partition(&[full]), vec![(0, u128::MAX, vec![0])]);
}

#[test]
fn addresses_keep_their_family() {
    for text in ["10.0.0.1", "255.255.255.255", "fd00::1", "::", "::1"] {
        let address: IpAddr = text.parse().unwrap();
        assert_eq!(number_address(address_number(address)), address);
    }
    let all_v4 = IntervalSet::prefix("0.0.0.0/0".parse().unwrap());
    assert!(!all_v4.contains(address_number("fd00::1".parse().unwrap())));
}
