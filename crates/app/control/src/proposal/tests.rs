//! What changes do to addresses, on a clock that the tests set.

use super::*;
use crate::office::Office;
use crate::record::FabricRecord;
use netloom_store::{MemoryBackend, Store};

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
        propose(&self.world, declared(workloads), &mut self.remembered, now_ms)
    }

    fn apply(&mut self, workloads: &str, now_ms: u64) -> Result<(), Refused> {
        let proposal = self.propose(workloads, now_ms)?;
        let changes = changes(&self.world, &proposal, &Origin::default(), now_ms);
        let after = self.store.commit(&self.store.snapshot().unwrap(), changes).unwrap();
        self.world = World::read(&after, Some(&self.world), Some(proposal.accepted)).unwrap();
        // Whoever reads all of it anew finds the same.
        let anew = World::read(&after, None, None).unwrap();
        assert_eq!((&anew.leases, &anew.rests), (&self.world.leases, &self.world.rests));
        Ok(())
    }
}

/// A fabric with a network `n`, which has room for 11, a network `m` of the same prefixes, and
/// workloads: `a`, or `a@m` in the other network, or `a=9` with an address of its own.
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
        let (workload, asked) = workload.split_once('=').unwrap_or((workload, ""));
        let (name, subnet) = workload.split_once('@').unwrap_or((workload, "n"));
        let asked = match asked {
            "" => String::new(),
            last => format!("address: 10.0.0.{last}, "),
        };
        text.push_str(&format!(
            "  {name}: {{ node: alpha, subnet: {subnet}, {asked}attach: {{ serve: {{ tcp: 80 }} }} }}\n"
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
