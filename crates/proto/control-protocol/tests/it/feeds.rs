//! What a feed remembers, merges and forgets.

use crate::world::{FABRIC, NODE, key, resource, sign, upsert};
use netloom_base::Seed;
use netloom_control_protocol::limits::{
    JOURNAL_BYTES_MAX, JOURNAL_CHANGES_MAX, JOURNAL_ITEMS_MAX, PAYLOAD_BYTES_MAX,
};
use netloom_control_protocol::{
    Changes, Digest, Feed, ResourceSet, RevisionError, Since, delta_between, statement,
};
use rand_core::RngCore as _;
use std::sync::Arc;

fn feed() -> Feed {
    Feed::new(FABRIC, NODE, ResourceSet::new(), 1, 10, sign)
}

fn apply(feed: &mut Feed, changes: Changes) -> (Digest, u64) {
    let revision = feed.revision() + 1;
    feed.apply(revision, changes, 10 + revision, sign).unwrap();
    (feed.digest(), feed.revision())
}

fn remove(name: &str) -> Changes {
    Changes { upserts: vec![], removals: vec![key(name)] }
}

fn changes(since: Since) -> Changes {
    match since {
        Since::Changes(changes) => changes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_has_happened_since_becomes_one_change() {
    let mut feed = feed();
    let first = apply(&mut feed, upsert("a", b"1"));
    apply(&mut feed, upsert("b", b"1"));
    apply(&mut feed, upsert("b", b"2"));
    apply(&mut feed, upsert("c", b"1"));
    apply(&mut feed, remove("c"));
    let last = apply(&mut feed, remove("a"));
    let since = changes(feed.since(&first.0, first.1));
    assert_eq!(since.upserts, [resource("b", b"2")]);
    assert_eq!(since.removals, [key("a"), key("c")]);
    assert_eq!(feed.since(&last.0, last.1), Since::UpToDate);
    assert_eq!(feed.since(&Digest([9; 32]), 1), Since::Unknown);
    // The same content at another revision: nothing to change, but a revision to tell.
    assert_eq!(feed.since(&last.0, 1), Since::Changes(Changes::default()));
}

#[test]
fn what_is_wanted_already_is_no_change() {
    let mut feed = feed();
    let before = apply(&mut feed, upsert("a", b"1"));
    let mut same = upsert("a", b"1");
    same.removals.push(key("never there"));
    let after = apply(&mut feed, same);
    assert_eq!(after.0, before.0);
    assert_eq!(feed.since(&before.0, before.1), Since::Changes(Changes::default()));
    let given = feed.revision();
    let error = feed.apply(given, Changes::default(), 0, sign).unwrap_err();
    assert_eq!(error, RevisionError { current: given, given });
}

#[test]
fn a_state_that_comes_again_is_found_at_its_last_time() {
    let mut feed = feed();
    let one = apply(&mut feed, upsert("a", b"1"));
    let two = apply(&mut feed, upsert("a", b"2"));
    let three = apply(&mut feed, upsert("a", b"1"));
    assert_eq!(one.0, three.0);
    assert_eq!(feed.since(&three.0, three.1), Since::UpToDate);
    assert_eq!(changes(feed.since(&one.0, one.1)), Changes::default());
    assert_eq!(changes(feed.since(&two.0, two.1)).upserts, [resource("a", b"1")]);
}

#[test]
fn the_seal_is_over_what_is_wanted_now() {
    let mut feed = feed();
    apply(&mut feed, upsert("a", b"1"));
    let seal = feed.seal();
    let said = statement(&FABRIC, NODE, 2, &feed.digest(), 12);
    assert_eq!((seal.time_ms, seal.signature), (12, sign(&said)));
    let expected = [
        &b"netloom control state v1\0"[..],
        &FABRIC,
        &2u64.to_be_bytes(),
        &12u64.to_be_bytes(),
        &feed.digest().0,
        b"a",
    ];
    assert_eq!(said, expected.concat());
}

#[test]
fn the_oldest_changes_are_forgotten_by_number_items_and_bytes() {
    let mut feed = feed();
    let start = (feed.digest(), feed.revision());
    let mut states = vec![start];
    for number in 0..JOURNAL_CHANGES_MAX + 2 {
        states.push(apply(&mut feed, upsert("a", &number.to_be_bytes())));
    }
    let unknown =
        states.iter().take_while(|(digest, _)| feed.since(digest, 0) == Since::Unknown).count();
    assert_eq!(unknown, 2, "as many as there are changes too many");

    let half = |start: usize| Changes {
        upserts: (start..start + JOURNAL_ITEMS_MAX / 2)
            .map(|number| resource(&number.to_string(), b""))
            .collect(),
        removals: vec![],
    };
    let before = apply(&mut feed, upsert("a", b""));
    apply(&mut feed, half(0));
    let after = apply(&mut feed, half(JOURNAL_ITEMS_MAX));
    assert_ne!(feed.since(&before.0, before.1), Since::Unknown);
    apply(&mut feed, upsert("a", b"more"));
    assert_eq!(feed.since(&before.0, before.1), Since::Unknown);
    assert_eq!(changes(feed.since(&after.0, after.1)).len(), 1);

    let large = resource("large", &vec![1; PAYLOAD_BYTES_MAX]);
    let other = resource("large", &vec![2; PAYLOAD_BYTES_MAX]);
    let before = apply(&mut feed, upsert("b", b""));
    for number in 0..JOURNAL_BYTES_MAX / PAYLOAD_BYTES_MAX {
        assert_ne!(feed.since(&before.0, before.1), Since::Unknown);
        let one = if number % 2 == 0 { &large } else { &other };
        apply(&mut feed, Changes { upserts: vec![Arc::clone(one)], removals: vec![] });
    }
    assert_eq!(feed.since(&before.0, before.1), Since::Unknown);
}

#[test]
fn a_state_that_came_again_is_remembered_when_its_first_time_is_forgotten() {
    let mut feed = feed();
    let state = apply(&mut feed, upsert("a", b"1"));
    for number in 0..JOURNAL_CHANGES_MAX {
        apply(&mut feed, upsert("a", &[b"x", &number.to_be_bytes()[..]].concat()));
        if number == 100 {
            assert_eq!(apply(&mut feed, upsert("a", b"1")).0, state.0);
        }
    }
    let since = changes(feed.since(&state.0, state.1));
    assert_eq!(since.upserts, [Arc::clone(feed.set().get(&key("a")).unwrap())]);
    for _ in 0..102 {
        apply(&mut feed, Changes::default());
    }
    assert_eq!(feed.since(&state.0, state.1), Since::Unknown);
}

#[test]
fn from_every_state_that_is_remembered_the_way_leads_here() {
    let mut rng = Seed::from_number(3).rng();
    for _ in 0..50 {
        let mut feed = feed();
        let mut states = vec![(feed.set().clone(), feed.revision())];
        for _ in 0..20 {
            let name = |number: u32| ["a", "b", "c", "d", "e"][number as usize % 5];
            let mut next = Changes::default();
            for _ in 0..rng.next_u32() % 3 {
                next.upserts.push(resource(name(rng.next_u32()), &[rng.next_u32() as u8 % 4]));
            }
            next.removals.push(key(name(rng.next_u32())));
            next.removals.retain(|key| next.upserts.iter().all(|one| one.key() != key));
            apply(&mut feed, next);
            states.push((feed.set().clone(), feed.revision()));
        }
        for (held, revision) in &states {
            let mut moved = held.clone();
            match feed.since(&held.digest(), *revision) {
                Since::UpToDate => {}
                Since::Changes(changes) => moved.apply(&changes),
                Since::Unknown => panic!("all of them are remembered"),
            }
            assert_eq!(delta_between(&moved, feed.set()), Changes::default());
        }
    }
}
