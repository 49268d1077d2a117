//! nf_tables beyond a plain state: large sets, lost elements, foreign rules, owners.

use super::Test;
use super::executor::full_table;
use super::support::{Bench, executor, own, table_creation};
use netloom_state::nft::{
    BaseChain, ChainKind, Change, Element, ElementValue, Expression, Hook, Register, Rule, SetData,
    SetKind, Table, Verdict,
};
use netloom_state::{HostState, Namespace, Operation};
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::nft::{self as sys_nft, ForeignChain, ForeignExpression};
use std::collections::BTreeMap;
use std::time::Instant;

pub(crate) const TESTS: &[Test] = &[
    ("a_hundred_thousand_elements", a_hundred_thousand_elements),
    ("small_send_buffers_suffice", small_send_buffers_suffice),
    ("missing_elements_are_no_error", missing_elements_are_no_error),
    ("a_refusal_names_the_change", a_refusal_names_the_change),
    ("a_live_owner_keeps_its_table", a_live_owner_keeps_its_table),
    ("tables_of_anybody_are_read_with_their_rules", tables_of_anybody_are_read_with_their_rules),
    ("the_nft_program_reads_our_tables", the_nft_program_reads_our_tables),
];

const TABLE: &str = "netloom-test";

fn change(changes: Vec<Change>) -> Operation {
    Operation::ChangeTable { namespace: Namespace::Host, table: TABLE.into(), changes }
}

fn keys(range: std::ops::Range<u32>, verdict: bool) -> BTreeMap<Vec<u8>, Element> {
    let value =
        || if verdict { ElementValue::Verdict(Verdict::Accept) } else { ElementValue::None };
    range.map(|key| (key.to_be_bytes().to_vec(), Element { last: None, value: value() })).collect()
}

fn observed(bench: &mut Bench) -> Table {
    let state = bench.executor.observe(&HostState::default()).unwrap();
    state.namespaces[&Namespace::Host].tables[TABLE].clone()
}

fn a_hundred_thousand_elements() -> Result<(), String> {
    const COUNT: u32 = 100_000;
    let mut bench = Bench::new();
    let kind = SetKind { key_bytes: 4, data: SetData::Verdict, interval: false };
    let elements = keys(0..COUNT, true);
    let base = Some(BaseChain {
        kind: ChainKind::Filter,
        hook: Hook::Forward,
        priority: 0,
        accept: false,
    });
    let lookup = Rule {
        expressions: vec![
            Expression::Load { register: Register(0), data: vec![0, 0, 0, 1] },
            Expression::Map { set: "big".into(), register: Register(0), destination: None },
        ],
        name: None,
    };
    let started = Instant::now();
    let changes = vec![
        Change::AddTable,
        Change::AddChain { chain: "forward".into(), base },
        Change::AddSet { set: "big".into(), kind },
        Change::AddElements { set: "big".into(), kind, elements: elements.clone() },
        Change::AppendRule { chain: "forward".into(), rule: lookup.clone() },
    ];
    bench.executor.execute(&[change(changes)]).unwrap();
    let (filled, started) = (started.elapsed(), Instant::now());
    let table = observed(&mut bench);
    println!("  {COUNT} elements written in {filled:?}, read in {:?}", started.elapsed());
    assert!(table.sets["big"].elements == elements, "all of them, as they were");
    assert_eq!(table.chains["forward"].rules, [lookup]);
    let delete =
        Change::DeleteElements { set: "big".into(), kind, elements: keys(0..50_000, true) };
    bench.executor.execute(&[change(vec![delete.clone()])]).unwrap();
    assert_eq!(observed(&mut bench).sets["big"].elements.len(), 50_000);
    // Once more, though half of what goes is gone: the same transaction puts all of it back.
    let all = Change::AddElements { set: "big".into(), kind, elements };
    bench.executor.execute(&[change(vec![delete, all])]).unwrap();
    assert_eq!(observed(&mut bench).sets["big"].elements.len(), 100_000);
    Ok(())
}

fn small_send_buffers_suffice() -> Result<(), String> {
    const SEND_BYTES: usize = 200_000;
    let mut bench = Bench::new();
    let mut socket = NetlinkSocket::open(Protocol::Netfilter).unwrap();
    socket.limit_send(SEND_BYTES);
    let mut table = full_table();
    let key = |number: u32| [&number.to_be_bytes()[..], &[17, 0, 0, 0, 0, 53, 0, 0]].concat();
    let jump = ElementValue::Verdict(Verdict::Jump("inner".into()));
    let policy = table.sets.get_mut("policy").unwrap();
    policy.elements.extend(
        (100..20_000).map(|number| (key(number), Element { last: None, value: jump.clone() })),
    );
    // Far more than one message holds; the rules that use the set come in the last transaction.
    sys_nft::commit(&mut socket, TABLE, "netloom:test", &table_creation(&table)).unwrap();
    assert!(observed(&mut bench) == table, "all of it is there");
    // What would have to be visible at once, and is too much, is refused as a whole.
    let kind = table.sets["policy"].kind();
    let elements = table.sets["policy"].elements.clone();
    let replace = [
        Change::DeleteElements { set: "policy".into(), kind, elements: elements.clone() },
        Change::AddElements { set: "policy".into(), kind, elements },
    ];
    let error = sys_nft::commit(&mut socket, TABLE, "netloom:test", &replace).unwrap_err();
    assert!(error.to_string().contains("net.core.wmem_max"), "{error}");
    assert!(observed(&mut bench) == table, "and nothing has changed");
    // As `diff` does it, the set in use stays whole until the rules point at its next generation.
    let desired = with_every_verdict(&table, Verdict::Drop);
    let Operation::ChangeTable { changes, .. } = &to_table(&mut bench, &desired)[0] else {
        panic!("a change of the table");
    };
    sys_nft::commit(&mut socket, TABLE, "netloom:test", changes).unwrap();
    let found = observed(&mut bench);
    assert!(found.sets["policy.g1"].elements == desired.sets["policy"].elements);
    assert!(!found.sets.contains_key("policy"), "what was in use before is gone");
    assert_eq!(to_table(&mut bench, &desired), [], "and nothing is left to do");
    Ok(())
}

fn with_every_verdict(table: &Table, verdict: Verdict) -> Table {
    let mut table = table.clone();
    let policy = table.sets.get_mut("policy").unwrap();
    policy
        .elements
        .values_mut()
        .for_each(|element| element.value = ElementValue::Verdict(verdict.clone()));
    table
}

/// The operations to a state that differs from what the kernel holds in one table only.
fn to_table(bench: &mut Bench, table: &Table) -> Vec<Operation> {
    let observed = bench.executor.observe(&HostState::default()).unwrap();
    let mut desired = observed.clone();
    let host = desired.namespaces.get_mut(&Namespace::Host).unwrap();
    host.tables.insert(TABLE.to_owned(), table.clone());
    netloom_state::diff(&desired, &observed)
}

fn missing_elements_are_no_error() -> Result<(), String> {
    let mut bench = Bench::new();
    let kind = SetKind { key_bytes: 4, data: SetData::None, interval: false };
    let delete =
        |range| Change::DeleteElements { set: "few".into(), kind, elements: keys(range, false) };
    let changes = vec![
        Change::AddTable,
        Change::AddSet { set: "few".into(), kind },
        Change::AddElements { set: "few".into(), kind, elements: keys(0..10, false) },
    ];
    bench.executor.execute(&[change(changes)]).unwrap();
    // Half of them are there; the other changes of the transaction are made all the same.
    let changes = vec![
        delete(5..15),
        Change::DeleteChain { chain: "never".into() },
        Change::DeleteSet { set: "never".into() },
        Change::FlushChain { chain: "never".into() },
        Change::AddChain { chain: "after".into(), base: None },
    ];
    bench.executor.execute(&[change(changes)]).unwrap();
    let table = observed(&mut bench);
    assert_eq!(table.sets["few"].elements, keys(0..5, false));
    assert!(table.chains.contains_key("after"));
    let gone = change(vec![Change::DeleteTable]);
    bench.executor.execute(&[gone.clone(), gone]).unwrap();
    Ok(())
}

fn a_refusal_names_the_change() -> Result<(), String> {
    let mut bench = Bench::new();
    let rule = |expressions| Rule { expressions, name: Some("broken".into()) };
    let changes = vec![
        Change::AddTable,
        Change::AddChain { chain: "one".into(), base: None },
        Change::AppendRule {
            chain: "one".into(),
            rule: rule(vec![Expression::Verdict(Verdict::Jump("nowhere".into()))]),
        },
    ];
    let error = bench.executor.execute(&[change(changes)]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("broken") && text.contains("chain one"), "{text}");
    assert!(text.contains("No such file"), "the kernel's words: {text}");
    let seen = bench.executor.observe(&HostState::default()).unwrap();
    assert_eq!(seen, HostState::default(), "nothing of the transaction is there");
    let up = Operation::SetLinkUp { end: super::support::end(&own("no"), "x"), up: true };
    let error = bench.executor.execute(&[up]).unwrap_err().to_string();
    assert!(error.contains("operation 0 (~ link no/x up)") && error.contains("may not exist"));
    let link = "a-name-that-is-too-long";
    let end = |link: &str| super::support::end(&Namespace::Host, link);
    let veth = Operation::CreateVeth { end: end(link), peer: end("b") };
    let error = bench.executor.execute(&[veth]).unwrap_err().to_string();
    assert!(error.contains(link), "{error}");
    let far = Operation::SetSysctl {
        namespace: Namespace::Host,
        key: "net/../kernel/panic".into(),
        value: "1".into(),
    };
    let error = bench.executor.execute(&[far]).unwrap_err().to_string();
    assert!(error.contains("not below net/"), "{error}");
    Ok(())
}

fn a_live_owner_keeps_its_table() -> Result<(), String> {
    let mut bench = Bench::new();
    bench.executor.execute(&[change(table_creation(&full_table()))]).unwrap();
    let mut socket = NetlinkSocket::open(Protocol::Netfilter).unwrap();
    let ownership = sys_nft::find_table(&mut socket, TABLE).unwrap().unwrap();
    if ownership.owner.is_none() {
        return Err("this kernel has no owner and persist flags".to_owned());
    }
    assert!(ownership.persist);
    assert_eq!(ownership.mark.as_deref(), Some("netloom:test"));
    let mut other = executor(&bench.run_dir);
    let error = other.execute(&[change(vec![Change::DeleteTable])]).unwrap_err().to_string();
    assert!(error.contains("another process") && error.contains("stop that agent"), "{error}");
    assert_eq!(observed(&mut bench), full_table(), "others may read it");
    bench.executor = executor(&bench.run_dir);
    let orphan = sys_nft::find_table(&mut socket, TABLE).unwrap().unwrap();
    assert!(orphan.is_orphan(), "it outlives its owner");
    assert_eq!(observed(&mut bench), full_table(), "in force and unchanged");
    bench.executor.execute(&[change(vec![])]).unwrap();
    let adopted = sys_nft::find_table(&mut socket, TABLE).unwrap().unwrap();
    assert!(adopted.owner.is_some(), "the first change adopts it");
    other.execute(&[change(vec![Change::DeleteTable])]).unwrap_err();
    Ok(())
}

fn tables_of_anybody_are_read_with_their_rules() -> Result<(), String> {
    let mut bench = Bench::new();
    let table = full_table();
    bench.executor.execute(&[change(table_creation(&table))]).unwrap();
    let mut socket = NetlinkSocket::open(Protocol::Netfilter).unwrap();
    let found = sys_nft::read_foreign_tables(&mut socket).unwrap();
    let found = found.iter().find(|found| found.name == TABLE).unwrap();
    assert_eq!(found.family, "inet");
    let read = |expression: &Expression| match expression {
        Expression::Reject(_) => ForeignExpression::Reject,
        known => ForeignExpression::Known(known.clone()),
    };
    let expected = table.chains.iter().map(|(name, chain)| {
        let rules = chain.rules.iter().map(|rule| rule.expressions.iter().map(read).collect());
        (name.clone(), ForeignChain { base: chain.base, rules: rules.collect() })
    });
    assert_eq!(found.chains, expected.collect());
    Ok(())
}

/// The full table without what the `nft` program (1.0.6) aborts on: a lookup whose key begins with
/// a register that another lookup has loaded.
fn readable_table() -> Table {
    let mut table = full_table();
    let through_map = |rule: &Rule| {
        let maps = rule.expressions.iter().filter(|one| matches!(one, Expression::Map { .. }));
        maps.count() > 1
    };
    table.chains.get_mut("forward").unwrap().rules.retain(|rule| !through_map(rule));
    table
}

fn the_nft_program_reads_our_tables() -> Result<(), String> {
    let mut bench = Bench::new();
    bench.executor.execute(&[change(table_creation(&readable_table()))]).unwrap();
    let nft = |arguments: &[&str]| {
        let run = std::process::Command::new("nft").args(arguments).output();
        run.map_err(|error| format!("no nft program to compare with: {error}"))
    };
    // An oracle, not a facility: its absence is said aloud, and never a failure.
    let listed = match nft(&["list", "table", "inet", TABLE]) {
        Ok(listed) => listed,
        Err(reason) => {
            println!("  SKIPPED: {reason}");
            return Ok(());
        }
    };
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    for part in [
        "type filter hook forward priority filter - 5; policy drop;",
        "comment \"rule-0\"",
        "reject with tcp reset",
        "masquerade",
        "dnat ip to",
        "jump inner",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    // A flush by another program leaves an owned table in force.
    nft(&["flush", "ruleset"])?;
    assert_eq!(observed(&mut bench), readable_table());
    // What another program adds to a table is seen, and equals nothing planned.
    bench.executor.execute(&[change(vec![Change::DeleteTable])]).unwrap();
    let foreign = "table inet netloom-test { comment \"netloom:test\"; \
                   chain c { ip saddr 1.2.3.4 log prefix \"x\" accept; }; }";
    let made = nft(&[foreign])?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let seen = observed(&mut bench);
    assert_eq!(seen.chains["c"].rules[0].name.as_deref(), Some(sys_nft::FOREIGN_RULE));
    Ok(())
}
