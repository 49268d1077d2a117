//! What changes do to addresses, on a clock that the tests set.

mod identities;

use super::*;
use crate::office::Office;
use crate::record::{FabricRecord, RestRecord, rest_name};
use netloom_store::{MemoryBackend, Store};
use std::net::IpAddr;

/// Control's store and what is in memory of it, without a process.
struct Control {
    store: Store,
    world: World,
    remembered: Remembered,
}

impl Control {
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let identity = FabricRecord { id: [7; 16], name: "shop".to_owned(), made_ms: 0 };
        Office::found(&store, &identity).unwrap();
        let world = World::read(&store.snapshot().unwrap(), None, None).unwrap();
        Self { store, world, remembered: Remembered::default() }
    }

    fn propose(&mut self, workloads: &str, now_ms: u64) -> Result<Proposal, Refused> {
        propose(&self.world, declared(workloads), &mut self.remembered, None, now_ms)
    }

    fn apply(&mut self, workloads: &str, now_ms: u64) -> Result<(), Refused> {
        let proposal = self.propose(workloads, now_ms)?;
        let changes = changes(&self.world, &proposal, &Origin::default(), now_ms);
        let after = self.store.commit(&self.store.snapshot().unwrap(), changes).unwrap();
        self.world = World::read(&after, Some(&self.world), Some(proposal.accepted)).unwrap();
        // Whoever reads all of it anew finds the same.
        let anew = World::read(&after, None, None).unwrap();
        assert_eq!((&anew.leases, &anew.rests), (&self.world.leases, &self.world.rests));
        assert_eq!(anew.objects, self.world.objects);
        let payloads = |world: &World| -> Vec<_> {
            let all = world.table.iter();
            all.map(|(key, one)| (key.clone(), one.resource.clone(), one.topics.clone())).collect()
        };
        assert_eq!(payloads(&anew), payloads(&self.world));
        Ok(())
    }

    /// The last number of a workload's address.
    fn last(&self, workload: &str) -> Option<u8> {
        match self.world.leases.workloads.get(workload)?[..] {
            [IpAddr::V4(address)] => Some(address.octets()[3]),
            _ => None,
        }
    }
}

/// A fabric with a network `n`, which has room for 11, a network `m` of the same prefixes, and
/// workloads: `a`, or `a@m` in the other network, `a=9` with an address of its own, or `a<b` which was
/// `b` before.
fn declared(workloads: &str) -> Declared {
    let mut text =
        "version: 1\nfabric: shop\nregions: { here: {} }\nnodes: { alpha: { region: here } }\n\
         networks: { n: { cidr: 10.0.0.0/24 }, m: { cidr: 10.0.0.0/24 } }\n\
         subnets:\n  n: { network: n, cidr: 10.0.0.0/28 }\n  m: { network: m, cidr: 10.0.0.0/28 }\n\
         workloads: {}\n"
            .to_owned();
    if !workloads.is_empty() {
        text = text.replace("workloads: {}", "workloads:");
    }
    for workload in workloads.split_whitespace() {
        let (workload, was) = workload.split_once('<').unwrap_or((workload, ""));
        let was = if was.is_empty() { String::new() } else { format!("was: {was}, ") };
        let (workload, asked) = workload.split_once('=').unwrap_or((workload, ""));
        let (name, subnet) = workload.split_once('@').unwrap_or((workload, "n"));
        let asked = match asked {
            "" => String::new(),
            last => format!("address: 10.0.0.{last}, "),
        };
        text.push_str(&format!(
            "  {name}: {{ {was}node: alpha, subnet: {subnet}, {asked}attach: {{ serve: {{ tcp: 80 }} }} }}\n"
        ));
    }
    let texts = BTreeMap::from([("s.yaml".to_owned(), text)]);
    Declared { roots: vec!["s.yaml".to_owned()], texts, api: None }
}

#[test]
fn a_workload_that_gets_no_address_is_refused_with_what_rests_and_until_when() {
    let mut control = Control::new();
    control.apply("a1 a2 a3 a4 a5 a6 a7 a8", 0).unwrap();
    let before = control.world.clone();
    let renamed = "b1 b2 b3 b4 b5 b6 b7 b8";
    let refused = |control: &mut Control, now_ms| {
        let Err(Refused::Errors { mut findings, sources }) = control.propose(renamed, now_ms)
        else {
            panic!("fewer addresses are free than are needed");
        };
        findings.retain(|found| found.severity == Severity::Error);
        let [found] = &findings[..] else { panic!("one subnet, one finding: {findings:?}") };
        assert_eq!((found.code.0, &*found.span.file), ("N0306", "s.yaml"));
        assert!(sources.contains_key("s.yaml"));
        found.clone()
    };
    let found = refused(&mut control, 60_000);
    assert!(found.message.contains("`b4`, `b5`, `b6`, `b7`, `b8`"), "{}", found.message);
    let cause = "3 of its addresses are taken, 8 would rest from this change on, and none is free";
    assert!(found.cause.contains(cause), "{}", found.cause);
    assert!(found.solution.contains("24 hours later"), "{}", found.solution);
    // Nothing is half applied.
    assert_eq!((control.world.revision, &control.world.leases), (before.revision, &before.leases));
    control.apply("", 60_000).unwrap();
    let found = refused(&mut control, 120_000);
    let cause = "3 of its addresses are taken, 8 rest, the first until 1970-01-02 00:01:00 UTC";
    assert!(found.cause.contains(cause), "{}", found.cause);
    assert!(found.solution.contains("after 1970-01-02 00:01:00 UTC"), "{}", found.solution);
    control.apply(renamed, 60_000 + REST_MS).unwrap();
    assert_eq!(control.world.leases.workloads.len(), 8);
}

#[test]
fn who_comes_back_within_the_rest_gets_its_address_again_and_nobody_else_does() {
    let mut control = Control::new();
    control.apply("a b c", 0).unwrap();
    let had = ["a", "b", "c"].map(|name| control.last(name).unwrap());
    control.apply("c", 1_000).unwrap();
    control.apply("c d", 2_000).unwrap();
    assert!(!had.contains(&control.last("d").unwrap()));
    // As a rollback does.
    control.apply("a b c", 3_000).unwrap();
    assert_eq!(["a", "b", "c"].map(|name| control.last(name).unwrap()), had);
    assert!(!control.world.rests.keys().any(|key| key.ends_with(&format!(".{}", had[0]))));
    // In another network it is somebody else of the same name.
    control.apply("a c", 4_000).unwrap();
    control.apply("a c b@m", 5_000).unwrap();
    assert_eq!(control.last("b"), Some(4), "the first one there");
    control.apply("a c", 6_000).unwrap();
    control.apply("a b c", 7_000).unwrap();
    assert_eq!(control.last("b"), Some(had[1]));
}

#[test]
fn the_latest_address_that_rests_for_a_workload_is_the_one_that_it_gets() {
    let mut control = Control::new();
    control.apply("a=9", 0).unwrap();
    control.apply("a=10", 1_000).unwrap();
    control.apply("", 2_000).unwrap();
    control.apply("a", 3_000).unwrap();
    assert_eq!(control.last("a"), Some(10));
    control.apply("", 4_000).unwrap();
    control.apply("a", 4_000 + REST_MS).unwrap();
    assert_eq!(control.last("a"), Some(4), "after its rest it is nobody's");
}

#[test]
fn who_asks_for_a_resting_address_by_name_has_it_and_keeps_it() {
    let mut control = Control::new();
    control.apply("a=9 c", 0).unwrap();
    control.apply("b=9 c", 1_000).unwrap();
    assert_eq!((control.last("b"), control.world.rests.len()), (Some(9), 0));
    control.apply("a b c", 2_000).unwrap();
    assert_eq!(control.last("b"), Some(9), "also when it asks for nothing any more");
    assert_ne!(control.last("a"), Some(9));
}

#[test]
fn who_moves_to_a_network_takes_nothing_that_rests_there_for_somebody_else() {
    let mut control = Control::new();
    control.apply("a b@m", 0).unwrap();
    assert_eq!((control.last("a"), control.last("b")), (Some(4), Some(4)));
    control.apply("a", 1_000).unwrap();
    control.apply("a@m", 2_000).unwrap();
    assert_eq!(control.last("a"), Some(5));
    control.apply("a@m b@m", 3_000).unwrap();
    assert_eq!(control.last("b"), Some(4));
}

#[test]
fn rests_that_former_versions_wrote_are_nobodys_and_former_versions_read_ours() {
    netloom_cbor::record! {
        #[derive(Debug, PartialEq)]
        struct Former {
            0 => until_ms: u64,
        }
    }
    let ours = RestRecord { until_ms: 7, owner: Some("a".to_owned()) };
    let read: Former = netloom_cbor::from_bytes(&to_bytes(&ours)).unwrap();
    assert_eq!(read, Former { until_ms: 7 });
    let read: RestRecord = netloom_cbor::from_bytes(&to_bytes(&read)).unwrap();
    assert_eq!(read, RestRecord { until_ms: 7, owner: None });
    let mut control = Control::new();
    control.apply("a", 0).unwrap();
    control.apply("", 1_000).unwrap();
    let former = Former { until_ms: 1_000 + REST_MS };
    let name = rest_name("n", "10.0.0.4".parse().unwrap());
    let put = Change::Put { name, value: to_bytes(&former) };
    let after = control.store.commit(&control.store.snapshot().unwrap(), vec![put]).unwrap();
    control.world = World::read(&after, Some(&control.world), None).unwrap();
    control.apply("a", 2_000).unwrap();
    assert_eq!(control.last("a"), Some(5));
}

#[test]
fn an_address_rests_for_24_hours_from_when_it_is_given_up() {
    let mut control = Control::new();
    control.apply("a b", 0).unwrap();
    assert_eq!((control.last("a"), control.last("b")), (Some(4), Some(5)));
    // Given up and wanted by somebody else in one change.
    control.apply("b c", 1_000).unwrap();
    assert_eq!((control.last("b"), control.last("c")), (Some(5), Some(6)));
    control.apply("b c d", REST_MS + 999).unwrap();
    assert_eq!(control.last("d"), Some(7), "a millisecond too early");
    assert_eq!(control.world.rests.len(), 1);
    control.apply("b c d e", REST_MS + 1_000).unwrap();
    assert_eq!(control.last("e"), Some(4));
    assert!(control.world.rests.is_empty(), "and what has rested is forgotten");
    // A rest that is over is forgotten with the next change, whatever that is.
    control.apply("b c d", 2 * REST_MS).unwrap();
    control.apply("b c", 3 * REST_MS).unwrap();
    let rests: Vec<&String> = control.world.rests.keys().collect();
    assert_eq!(rests, ["n/10.0.0.7"]);
}

#[test]
fn proposals_that_race_give_no_address_twice() {
    let mut control = Control::new();
    control.apply("a", 0).unwrap();
    // Both are made of the same commit; one of them is made anew.
    let base = control.store.snapshot().unwrap();
    let [first, second] = ["a b", "a c"].map(|one| control.propose(one, 1_000).unwrap());
    assert_eq!(
        first.leases.workloads["b"], second.leases.workloads["c"],
        "they are after the same"
    );
    let changes = |one| changes(&control.world, one, &Origin::default(), 1_000);
    control.store.commit(&base, changes(&first)).unwrap();
    let late = control.store.commit(&base, changes(&second));
    assert!(matches!(late, Err(netloom_store::CommitError::Conflict { .. })));
}

/// Members of control on one store, each of which adds workloads at the same time as the others.
#[test]
fn members_that_apply_at_once_give_no_address_twice() {
    const MEMBERS: usize = 4;
    let store = Store::open(MemoryBackend::new()).unwrap();
    let identity = FabricRecord { id: [7; 16], name: "shop".to_owned(), made_ms: 0 };
    Office::found(&store, &identity).unwrap();
    let open = || {
        let sign = Box::new(|_: &[u8]| [0; 64]);
        Office::open(store.clone(), sign, Box::new(|_| {})).unwrap()
    };
    let start = std::sync::Barrier::new(MEMBERS);
    std::thread::scope(|scope| {
        for member in 0..MEMBERS {
            let (office, start) = (open(), &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..2 {
                    let added = format!("w{member}{number}");
                    // Beside what is there, as an edit of the API's part is made.
                    let more = |now: &Declared| {
                        let names = now.texts.values().flat_map(|text| names(text));
                        let all: Vec<String> = names.chain([added.clone()]).collect();
                        declared(&all.join(" "))
                    };
                    office.apply(more, &Origin::default(), None).unwrap();
                }
            });
        }
    });
    let world = open().world();
    let all: Vec<IpAddr> = world.leases.workloads.values().flatten().copied().collect();
    let distinct: BTreeSet<IpAddr> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (2 * MEMBERS, 2 * MEMBERS));
    assert_eq!(world.revision, 2 * MEMBERS as u64);
}

/// The workloads of a text that [`declared`] has made.
fn names(text: &str) -> Vec<String> {
    let lines = text.split("workloads:\n").nth(1).into_iter().flat_map(str::lines);
    lines.filter_map(|line| Some(line.trim().split_once(':')?.0.to_owned())).collect()
}

#[test]
fn a_rollback_brings_workloads_back_with_the_addresses_that_they_had() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let identity = FabricRecord { id: [7; 16], name: "shop".to_owned(), made_ms: 0 };
    Office::found(&store, &identity).unwrap();
    let sign = Box::new(|_: &[u8]| [0; 64]);
    let office = Office::open(store, sign, Box::new(|_| {})).unwrap();
    let origin = Origin::default();
    for workloads in ["a b c", "c", "c d", "d e"] {
        office.apply(|_| declared(workloads), &origin, None).unwrap();
    }
    let had = |number: u8| vec![IpAddr::from([10, 0, 0, number])];
    assert_eq!(office.world().leases.workloads["d"], had(7));
    office.rollback(1, &origin, None).unwrap();
    let leases = office.world().leases.workloads.clone();
    assert_eq!(
        leases,
        [("a", had(4)), ("b", had(5)), ("c", had(6))]
            .map(|(name, had)| (name.to_owned(), had))
            .into()
    );
    office.rollback(4, &origin, None).unwrap();
    let leases = office.world().leases.workloads.clone();
    assert_eq!(
        leases,
        [("d", had(7)), ("e", had(8))].map(|(name, had)| (name.to_owned(), had)).into()
    );
}
