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

/// Who is called what, at which address.
fn people(office: &Office) -> BTreeMap<String, (Uid, IpAddr)> {
    let world = office.world();
    let one = |name: &String| {
        let uid = world.uid(ObjectKind::Workload, name);
        (name.clone(), (uid, world.leases.workloads[name][0]))
    };
    world.accepted.fabric.workloads.keys().map(one).collect()
}

/// Control with what it has declared one after the other, and who was there after the first.
fn office_after(changes: &[&str]) -> (Office, BTreeMap<String, (Uid, IpAddr)>) {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let identity = FabricRecord { id: [7; 16], name: "shop".to_owned(), made_ms: 0 };
    Office::found(&store, &identity).unwrap();
    let sign = Box::new(|_: &[u8]| [0; 64]);
    let office = Office::open(store, sign, Box::new(|_| {})).unwrap();
    let apply = |workloads: &str| {
        office.apply(|_| declared(workloads), &Origin::default(), None).unwrap();
    };
    apply(changes[0]);
    let first = people(&office);
    changes[1..].iter().for_each(|workloads| apply(workloads));
    (office, first)
}

#[test]
fn a_rollback_calls_everyone_as_they_were_called_then() {
    for changes in [
        // A chain, with and without what it was left in the file.
        &["a b", "a c<b", "a d<c"][..],
        &["a b", "a c<b", "a c"],
        &["a b", "a c<b", "a d<c", "a d"],
        // Two who have changed names.
        &["a b", "t<a b", "t a<b", "b<t a"],
        &["a b", "t<a b", "t a<b"],
        // Somebody else has the name meanwhile.
        &["a b", "a c<b", "a b c"],
        &["a b", "a c<b", "a b=9 c", "a b=9 d<c"],
    ] {
        let (office, first) = office_after(changes);
        let before = people(&office);
        office.rollback(1, &Origin::default(), None).unwrap();
        assert_eq!(people(&office), first, "{changes:?}");
        // And forth again: who has been there all the time is who it was.
        office.rollback(changes.len() as u64, &Origin::default(), None).unwrap();
        let after = people(&office);
        let stayed = |(_, one): &(&String, &(Uid, IpAddr))| first.values().any(|was| was == *one);
        for (name, one) in before.iter().filter(stayed) {
            assert_eq!(&after[name], one, "{changes:?}");
        }
        let uids: BTreeSet<Uid> = after.values().map(|one| one.0).collect();
        assert_eq!(uids.len(), after.len(), "{changes:?}");
    }
}

#[test]
fn who_is_no_more_does_not_come_back_by_a_rollback_and_takes_nobody_elses_uid() {
    let (office, first) = office_after(&["a b", "a c<b", "a", "a b"]);
    office.rollback(1, &Origin::default(), None).unwrap();
    let now = people(&office);
    assert_eq!(now["a"], first["a"]);
    assert_ne!(now["b"].0, first["b"].0);
}

#[test]
fn a_mistyped_former_name_is_told() {
    let mut control = Control::new();
    let told = |control: &mut Control, workloads: &str| {
        let warnings = control.propose(workloads, 0).unwrap().warnings;
        let told = warnings.into_iter().filter(|found| found.code.0 == "N0916");
        told.map(|found| format!("{}; {}", found.message, found.solution)).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut control, "web cache<cash"), [""; 0], "a fabric that begins");
    control.apply("front cache", 0).unwrap();
    assert_eq!(
        told(&mut control, "web<fronnt cache"),
        ["`web` was `fronnt`, whom nobody knows; did you mean `front`? Else leave `was` out"]
    );
    assert_eq!(told(&mut control, "web<front cache"), [""; 0]);
    control.apply("web<front cache", 0).unwrap();
    assert_eq!(told(&mut control, "web<front cache"), [""; 0], "it may be left in the file");
}
