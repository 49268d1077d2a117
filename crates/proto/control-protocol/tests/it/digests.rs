//! The digest of a set follows from its content, not from its history; nothing else has it.

use crate::world::{key, resource};
use netloom_control_protocol::{
    Changes, Digest, Resource, ResourceError, ResourceSet, delta_between,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// LtHash16 once more, from its description: expand, add, hash.
fn from_scratch<'a>(resources: impl Iterator<Item = &'a Arc<Resource>>) -> Digest {
    let mut lanes = vec![0u16; 1024];
    for resource in resources {
        let context = "netloom 2026 control protocol: element of a resource set";
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&resource.key().kind.to_be_bytes());
        hasher.update(&u16::try_from(resource.key().name.len()).unwrap().to_be_bytes());
        hasher.update(resource.key().name.as_bytes());
        hasher.update(blake3::hash(resource.payload()).as_bytes());
        let mut expanded = vec![0; 2048];
        hasher.finalize_xof().fill(&mut expanded);
        for (index, lane) in lanes.iter_mut().enumerate() {
            let bytes = [expanded[2 * index], expanded[2 * index + 1]];
            *lane = lane.wrapping_add(u16::from_le_bytes(bytes));
        }
    }
    let bytes: Vec<u8> = lanes.into_iter().flat_map(u16::to_le_bytes).collect();
    Digest(*blake3::hash(&bytes).as_bytes())
}

#[test]
fn the_empty_set_has_the_hash_of_zeros() {
    assert_eq!(ResourceSet::new().digest(), Digest::of_nothing());
    assert_eq!(Digest::of_nothing().0, *blake3::hash(&[0; 2048]).as_bytes());
}

#[test]
fn the_wire_does_not_change_unnoticed() {
    let set: ResourceSet = [resource("web", b"one"), resource("db", b"two")].into_iter().collect();
    assert_eq!(set.digest(), from_scratch(set.iter()));
    let expected = "e5b5b5bf0c2006af8afb25ce881493111eb0b5fe190c0da806312c0663184384";
    assert_eq!(set.digest().to_string(), expected);
}

#[test]
fn kind_name_and_content_all_count_and_do_not_run_into_each_other() {
    let parts = [(1, "ab", "c"), (1, "a", "bc"), (1, "a", "c"), (2, "a", "c"), (256, "a", "c")];
    let digests: Vec<Digest> = parts
        .iter()
        .map(|(kind, name, payload)| {
            let one = Resource::new(*kind, *name, payload.as_bytes()).unwrap();
            [Arc::new(one)].into_iter().collect::<ResourceSet>().digest()
        })
        .collect();
    let mut single = digests.clone();
    single.sort();
    single.dedup();
    assert_eq!(single.len(), digests.len());
}

#[test]
fn names_and_payloads_have_a_longest_length() {
    let resource = |name: usize, payload: usize| {
        Resource::new(1, "x".repeat(name), &vec![0; payload]).map(|one| one.payload().len())
    };
    assert_eq!(resource(255, 512 << 10), Ok(512 << 10));
    assert_eq!(resource(256, 0), Err(ResourceError::Name(256)));
    assert_eq!(resource(1, (512 << 10) + 1), Err(ResourceError::Payload((512 << 10) + 1)));
}

fn content() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    btree_map("[a-h]{1,2}", vec(any::<u8>(), 0..6), 0..12)
}

fn set(content: &BTreeMap<String, Vec<u8>>) -> ResourceSet {
    content.iter().map(|(name, payload)| resource(name, payload)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_digest_is_that_of_the_content_whatever_the_history(
        steps in vec(("[a-d]", proptest::option::of(any::<u8>())), 0..40),
    ) {
        let mut set = ResourceSet::new();
        for (name, payload) in &steps {
            match payload {
                Some(payload) => set.insert(resource(name, &[*payload])),
                None => set.remove(&key(name)),
            };
            prop_assert_eq!(set.digest(), from_scratch(set.iter()));
        }
        let backwards: Vec<Arc<Resource>> = set.iter().cloned().collect();
        let again: ResourceSet = backwards.into_iter().rev().collect();
        prop_assert_eq!(again, set);
    }

    #[test]
    fn a_delta_leads_from_one_set_to_the_other_and_has_nothing_to_spare(
        held in content(),
        target in content(),
    ) {
        let changes = delta_between(&set(&held), &set(&target));
        let mut moved = set(&held);
        moved.apply(&changes);
        prop_assert_eq!(&moved, &set(&target));
        prop_assert_eq!(moved.digest(), set(&target).digest());
        prop_assert_eq!(delta_between(&moved, &set(&target)), Changes::default());
        let same = held.iter().filter(|(name, payload)| target.get(*name) == Some(payload)).count();
        let gone = held.keys().filter(|name| !target.contains_key(*name)).count();
        prop_assert_eq!(changes.upserts.len(), target.len() - same);
        prop_assert_eq!(changes.removals.len(), gone);
    }

    #[test]
    fn equal_digests_mean_equal_content(one in content(), other in content()) {
        prop_assert_eq!(set(&one).digest() == set(&other).digest(), one == other);
    }
}
