//! Who objects are over changes: what stays, what is handed on with a name, and what is another one.

use super::*;
use crate::Uid;
use netloom_model::fabric::ObjectKind;
use std::collections::BTreeSet;

impl Control {
    fn uid(&self, workload: &str) -> Uid {
        assert!(self.world.accepted.fabric.workloads.contains_key(workload));
        self.world.uid(ObjectKind::Workload, workload)
    }

    fn since(&self, workload: &str) -> u64 {
        self.world.object(ObjectKind::Workload, workload).since
    }
}

#[test]
fn an_object_keeps_its_uid_while_it_is_changed_and_is_another_when_it_comes_back() {
    let mut control = Control::new();
    control.apply("a b", 0).unwrap();
    let (a, b) = (control.uid("a"), control.uid("b"));
    control.apply("a=9 b@m", 1_000).unwrap();
    assert_eq!((control.uid("a"), control.uid("b")), (a, b));
    control.apply("b", 2_000).unwrap();
    assert_eq!(control.world.objects.get("workloads/a"), None);
    control.apply("a b", 3_000).unwrap();
    assert_ne!(control.uid("a"), a);
    assert_eq!((control.since("a"), control.since("b")), (4, 1));
}

#[test]
fn every_object_has_a_uid_of_its_own() {
    let mut control = Control::new();
    control.apply("a b c", 0).unwrap();
    let fabric = &control.world.accepted.fabric;
    let named = ObjectKind::ALL
        .into_iter()
        .flat_map(|kind| fabric.names(kind).map(move |name| (kind, name)));
    let uids: Vec<Uid> = named.map(|(kind, name)| control.world.uid(kind, name)).collect();
    // A region, a node, two networks and subnets, of one name each, and three workloads.
    assert_eq!(uids.len(), 9);
    assert_eq!(uids.iter().collect::<BTreeSet<_>>().len(), 9);
    assert_eq!(control.world.objects.len(), 9);
}

#[test]
fn a_workload_that_is_renamed_keeps_uid_and_address_there_and_back() {
    let mut control = Control::new();
    control.apply("a b", 0).unwrap();
    let (uid, address) = (control.uid("b"), control.last("b"));
    control.apply("a c<b", 1_000).unwrap();
    assert_eq!((control.uid("c"), control.last("c")), (uid, address));
    assert!(control.world.rests.is_empty(), "nobody has given anything up");
    // What it was may be left in the file, and taken out of it.
    control.apply("a=9 c<b", 2_000).unwrap();
    assert_eq!((control.uid("c"), control.last("c")), (uid, address));
    control.apply("a b", 3_000).unwrap();
    assert_eq!((control.uid("b"), control.last("b")), (uid, address));
    control.apply("a c<b", 4_000).unwrap();
    control.apply("a c", 5_000).unwrap();
    assert_eq!((control.uid("c"), control.last("c")), (uid, address));
    // Without a word of it, it is another one, and the address rests for who had it.
    control.apply("a d", 6_000).unwrap();
    assert_ne!(control.uid("d"), uid);
    assert_ne!(control.last("d"), address);
}

#[test]
fn who_was_nobody_or_somebody_who_is_there_still_is_new() {
    let mut control = Control::new();
    control.apply("a c<b", 0).unwrap();
    assert_eq!(control.since("c"), 1);
    let refused = control.propose("a d<a", 1_000).unwrap_err();
    let Refused::Errors { findings, .. } = refused else { panic!("{refused:?}") };
    assert!(findings.iter().any(|found| found.message.contains("`d` was `a`, which is declared")));
    let refused = control.propose("d<a e<a", 1_000).unwrap_err();
    let Refused::Errors { findings, .. } = refused else { panic!("{refused:?}") };
    assert!(findings.iter().any(|found| found.message.contains("were both `a`")));
}

#[test]
fn who_is_renamed_into_another_network_gets_an_address_there() {
    let mut control = Control::new();
    control.apply("a b x@m", 0).unwrap();
    let uid = control.uid("a");
    control.apply("b x@m c@m<a", 1_000).unwrap();
    assert_eq!(control.uid("c"), uid);
    assert_eq!((control.last("x"), control.last("c")), (Some(4), Some(5)));
    assert!(control.world.rests.contains_key("n/10.0.0.4"), "where it was, it rests");
}

#[test]
fn what_a_version_without_uids_has_made_is_known_by_its_name_until_it_is_made_anew() {
    let mut control = Control::new();
    control.apply("a b", 0).unwrap();
    let records: Vec<String> =
        control.world.objects.keys().map(|key| format!("object/{key}")).collect();
    let forget = records.into_iter().map(|name| Change::Delete { name }).collect();
    let after = control.store.commit(&control.store.snapshot().unwrap(), forget).unwrap();
    control.world = World::read(&after, Some(&control.world), None).unwrap();
    let (a, b) = (control.uid("a"), control.uid("b"));
    assert_eq!((control.since("a"), control.world.objects.len()), (0, 0));
    control.apply("a=9 c<b", 1_000).unwrap();
    assert_eq!((control.uid("a"), control.uid("c")), (a, b));
    control.apply("c", 2_000).unwrap();
    control.apply("a c", 3_000).unwrap();
    assert_ne!(control.uid("a"), a);
}
