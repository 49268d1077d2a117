//! What is in use is never changed by more than one transaction takes, and nothing stale stays.

use super::super::table::changes_at_most;
use super::*;
use crate::apply::apply_inside;
use crate::nft::{Chain, Change, Element, ElementValue, Register, SetData};

const AT_MOST: usize = 10;

fn table(few: std::ops::Range<u8>, many: std::ops::Range<u8>) -> Table {
    let set = |range: std::ops::Range<u8>| Set {
        key_bytes: 4,
        data: SetData::None,
        interval: false,
        elements: range
            .map(|key| (vec![0, 0, 0, key], Element { last: None, value: ElementValue::None }))
            .collect(),
    };
    let lookup = |name: &str| Rule {
        expressions: vec![Expression::Lookup {
            set: name.to_owned(),
            register: Register(0),
            inverted: false,
        }],
        name: None,
    };
    let chain = Chain { base: None, rules: vec![lookup("few"), lookup("many")] };
    Table {
        chains: BTreeMap::from([("forward".to_owned(), chain)]),
        sets: BTreeMap::from([("few".to_owned(), set(few)), ("many".to_owned(), set(many))]),
    }
}

fn step(desired: &Table, current: &mut Table) -> Vec<Change> {
    let changes = changes_at_most(Some(desired), Some(current), AT_MOST);
    changes.iter().for_each(|change| apply_inside(current, change));
    assert_eq!(changes_at_most(Some(desired), Some(current), AT_MOST), [], "nothing is left to do");
    changes
}

fn names(table: &Table) -> Vec<&str> {
    table.sets.keys().map(String::as_str).collect()
}

#[test]
fn a_set_that_changes_much_is_filled_beside_the_one_in_use() {
    let mut current = table(0..3, 0..3);
    let changes = step(&table(0..4, 0..200), &mut current);
    assert_eq!(names(&current), ["few", "many.g1"]);
    let touched =
        |change: &Change| matches!(change, Change::AddElements { set, .. } if set == "many");
    assert!(!changes.iter().any(touched), "the set in use stays as it is: {changes:?}");
    assert_eq!(set_name(&current.chains["forward"].rules[1].expressions[0]), Some("many.g1"));
    assert_eq!(current.sets["many.g1"].elements.len(), 200);
}

#[test]
fn small_changes_stay_in_the_generation_that_there_is() {
    let mut current = table(0..3, 0..3);
    step(&table(0..3, 0..200), &mut current);
    let changes = step(&table(0..3, 0..201), &mut current);
    assert!(
        matches!(&changes[..], [Change::AddElements { set, elements, .. }]
            if set == "many.g1" && elements.len() == 1),
        "{changes:?}"
    );
    step(&table(0..3, 50..60), &mut current);
    assert_eq!(names(&current), ["few", "many.g2"], "what was in use is removed");
}

#[test]
fn what_an_interrupted_change_has_left_is_removed() {
    let mut current = table(0..3, 0..3);
    let stale = table(0..0, 0..9).sets["many"].clone();
    current.sets.insert("many.g1".to_owned(), stale.clone());
    step(&table(0..3, 0..3), &mut current);
    assert_eq!(names(&current), ["few", "many"]);
    current.sets.insert("many.g1".to_owned(), stale);
    step(&table(0..3, 0..100), &mut current);
    assert_eq!(names(&current), ["few", "many.g2"], "a half-filled set is not taken up again");
}

#[test]
fn what_was_observed_can_be_had_again() {
    let mut current = table(0..3, 0..3);
    step(&table(0..3, 0..100), &mut current);
    let before = current.clone();
    step(&table(0..3, 100..250), &mut current);
    step(&before, &mut current);
    let elements = |table: &Table| table.sets.values().map(|set| set.elements.clone()).collect();
    let (now, then): (Vec<_>, Vec<_>) = (elements(&current), elements(&before));
    assert_eq!(now, then);
}

#[test]
fn a_name_that_only_looks_like_a_generation_is_left() {
    assert_eq!(declared_name("web.g12"), "web");
    assert_eq!(declared_name("web.g"), "web.g");
    assert_eq!(declared_name("web.gold"), "web.gold");
}
