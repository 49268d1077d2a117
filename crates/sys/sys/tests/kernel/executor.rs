//! Executing a state makes exactly that state, twice as well as once, and it goes without a trace.

use super::Test;
use super::support::{Bench, end, own};
use netloom_state::nft::{
    BaseChain, Chain, ChainKind, CompareOperator, ConntrackKey, Element, ElementValue, Expression,
    Hook, MetaKey, PayloadBase, Register, RejectKind, Rule as Filter, Set, SetData, Table, Verdict,
};
use netloom_state::{
    Address, HostState, Link, LinkKind, Namespace, NamespaceState, Neighbour, Operation, Route,
    RouteKind, Rule, stop_metric,
};
use std::collections::BTreeMap;

pub(crate) const TESTS: &[Test] = &[
    ("executed_state_is_observed", executed_state_is_observed),
    ("executing_twice_is_harmless", executing_twice_is_harmless),
    ("deleting_leaves_nothing", deleting_leaves_nothing),
    ("what_is_not_ours_stays", what_is_not_ours_stays),
    ("what_another_fabric_is_making_is_not_ours", what_another_fabric_is_making_is_not_ours),
    ("sysctls_of_the_host_are_given_back", sysctls_of_the_host_are_given_back),
];

fn veth(peer: &Namespace, link: &str, mac: Option<[u8; 6]>) -> Link {
    let kind = LinkKind::Veth { peer: end(peer, link) };
    Link { kind, mtu_bytes: 1400, mac, up: true }
}

/// A router with a link to a leaf and one to the host, and everything that a state can hold.
pub(crate) fn full_state() -> HostState {
    let (router, leaf) = (own("router"), own("leaf"));
    let mac = [2, 0, 0, 0, 0, 7];
    let mut host = NamespaceState::default();
    host.links.insert("up0".into(), veth(&router, "down0", None));
    host.addresses.insert(address("up0", "192.0.2.1/24"));
    host.routes.insert(via(254, "10.9.0.0/16", 7, "up0", Some("192.0.2.2"), Some("192.0.2.1")));
    host.routes.insert(unreachable(254, "10.0.0.0/8"));
    let mut state = NamespaceState::default();
    state.links.insert(
        "lo".into(),
        Link { kind: LinkKind::Loopback, mtu_bytes: 65536, mac: None, up: true },
    );
    state.links.insert("down0".into(), veth(&Namespace::Host, "up0", None));
    state.links.insert("leaf0".into(), veth(&leaf, "eth0", Some([2, 0, 0, 0, 0, 9])));
    for (link, network) in
        [("down0", "192.0.2.2/24"), ("leaf0", "169.254.1.1/32"), ("leaf0", "fe80::1/128")]
    {
        state.addresses.insert(address(link, network));
    }
    state.addresses.insert(address("lo", "10.1.0.2/32"));
    let mut neighbour = |address: &str| {
        let address = address.parse().unwrap();
        state.neighbours.insert(Neighbour { link: "leaf0".into(), address, mac });
    };
    neighbour("10.1.0.9");
    neighbour("fd00:1::9");
    state.routes.insert(via(254, "10.1.0.9/32", 0, "leaf0", None, None));
    state.routes.insert(via(100, "fd00:1::9/128", 10, "leaf0", None, None));
    state.routes.insert(via(100, "0.0.0.0/0", 0, "leaf0", Some("10.1.0.9"), Some("10.1.0.2")));
    state.routes.insert(via(100, "::/0", 20, "leaf0", Some("fd00:1::9"), None));
    state.routes.insert(unreachable(254, "10.0.0.0/8"));
    state.routes.insert(unreachable(254, "fd00::/16"));
    state.rules.insert(rule(false, 100, Some("10.1.0.0/16"), None, None));
    state.rules.insert(rule(true, 101, None, Some("fd00::/8"), Some("leaf0")));
    for (key, value) in [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv6/conf/all/forwarding", "1"),
        ("net/ipv4/conf/leaf0/rp_filter", "2"),
        ("net/ipv4/ping_group_range", "0 0"),
    ] {
        state.sysctls.insert(key.into(), value.into());
    }
    state.tables.insert("netloom-test".into(), full_table());
    let mut other = NamespaceState::default();
    other.links.insert("eth0".into(), veth(&router, "leaf0", Some(mac)));
    other.addresses.insert(address("eth0", "10.1.0.9/32"));
    other.addresses.insert(address("eth0", "fd00:1::9/128"));
    HostState {
        namespaces: BTreeMap::from([(Namespace::Host, host), (router, state), (leaf, other)]),
    }
}

fn address(link: &str, network: &str) -> Address {
    Address { link: link.into(), address: network.parse().unwrap() }
}

fn via(
    table: u32,
    destination: &str,
    metric: u32,
    link: &str,
    gateway: Option<&str>,
    source: Option<&str>,
) -> Route {
    let address = |text: &str| text.parse().unwrap();
    let (gateway, source) = (gateway.map(address), source.map(address));
    let kind = RouteKind::Unicast { link: link.into(), gateway, source };
    Route { table, destination: destination.parse().unwrap(), metric, kind }
}

fn unreachable(table: u32, destination: &str) -> Route {
    let destination = destination.parse().unwrap();
    let metric = stop_metric("test");
    Route { table, destination, metric, kind: RouteKind::Unreachable }
}

fn rule(
    ipv6: bool,
    priority: u32,
    from: Option<&str>,
    to: Option<&str>,
    incoming: Option<&str>,
) -> Rule {
    let network = |text: &str| text.parse().unwrap();
    Rule {
        priority,
        ipv6,
        from: from.map(network),
        to: to.map(network),
        incoming: incoming.map(str::to_owned),
        table: 100,
    }
}

/// Every kind of chain, set and expression.
pub(crate) fn full_table() -> Table {
    let r = Register;
    let base = |kind, hook, priority, accept| Some(BaseChain { kind, hook, priority, accept });
    let rules = |programs: Vec<Vec<Expression>>| {
        let named = |(index, expressions)| {
            let name = (index % 2 == 0).then(|| format!("rule-{index}"));
            Filter { expressions, name }
        };
        programs.into_iter().enumerate().map(named).collect::<Vec<_>>()
    };
    let payload = |base, offset, length, to| Expression::Payload {
        base,
        offset,
        length,
        register: Register(to),
    };
    let load = |key, to| Expression::Meta { key, register: Register(to) };
    let ports = payload(PayloadBase::Transport, 2, 2, 7);
    let is = |register, data: &[u8]| Expression::Compare {
        register: Register(register),
        operator: CompareOperator::Equal,
        data: data.to_vec(),
    };
    let forward = rules(vec![
        vec![
            Expression::Conntrack { key: ConntrackKey::State, register: r(0) },
            Expression::Bitwise {
                register: r(0),
                mask: 6u32.to_ne_bytes().to_vec(),
                xor: vec![0; 4],
            },
            Expression::Compare {
                register: r(0),
                operator: CompareOperator::NotEqual,
                data: vec![0; 4],
            },
            Expression::Counter,
            Expression::Verdict(Verdict::Accept),
        ],
        vec![
            load(MetaKey::NfProtocol, 0),
            is(0, &[2]),
            payload(PayloadBase::Network, 12, 4, 4),
            Expression::Map { set: "identity".into(), register: r(4), destination: Some(r(5)) },
            load(MetaKey::L4Protocol, 6),
            ports.clone(),
            Expression::Map { set: "policy".into(), register: r(5), destination: None },
        ],
        vec![
            load(MetaKey::NfProtocol, 0),
            is(0, &[10]),
            payload(PayloadBase::Network, 8, 16, 1),
            Expression::Lookup { set: "blocked6".into(), register: r(1), inverted: true },
            Expression::Bitwise { register: r(1), mask: vec![0xff; 16], xor: vec![1; 16] },
            Expression::Load { register: r(9), data: vec![0, 0, 0, 7] },
            Expression::SetMark { register: r(9) },
            load(MetaKey::Mark, 10),
            Expression::Verdict(Verdict::Jump("inner".into())),
        ],
        vec![
            load(MetaKey::OutgoingName, 4),
            Expression::Lookup { set: "links".into(), register: r(4), inverted: false },
            Expression::Verdict(Verdict::Goto("inner".into())),
        ],
        vec![
            load(MetaKey::L4Protocol, 15),
            is(15, &[6]),
            Expression::Counter,
            Expression::Reject(RejectKind::TcpReset),
        ],
        vec![Expression::Counter, Expression::Reject(RejectKind::AdminProhibited)],
    ]);
    let inner = rules(vec![
        vec![Expression::Conntrack { key: ConntrackKey::Status, register: r(3) }],
        vec![load(MetaKey::IncomingName, 0), Expression::Verdict(Verdict::Return)],
        vec![Expression::Verdict(Verdict::Drop)],
    ]);
    let dnat = |ipv6| {
        let (protocol, bytes, set) = if ipv6 { (10, 16, "nat6") } else { (2, 4, "nat4") };
        let mut program = vec![load(MetaKey::NfProtocol, 0), is(0, &[protocol])];
        program.push(load(MetaKey::L4Protocol, 0));
        program.push(is(0, &[6]));
        program.push(payload(PayloadBase::Transport, 2, 2, 0));
        program.push(Expression::Map { set: set.into(), register: r(0), destination: Some(r(4)) });
        program.push(Expression::Load { register: r(8), data: vec![0, 80] });
        let port = (!ipv6).then_some(r(8));
        program.push(Expression::DestinationNat { ipv6, address: r(4), last_address: None, port });
        (program, bytes)
    };
    let prerouting = rules(vec![dnat(false).0, dnat(true).0]);
    let chains = BTreeMap::from([
        (
            "forward".into(),
            Chain { base: base(ChainKind::Filter, Hook::Forward, -5, false), rules: forward },
        ),
        ("inner".into(), Chain { base: None, rules: inner }),
        ("in".into(), Chain { base: base(ChainKind::Filter, Hook::Input, 0, true), rules: vec![] }),
        (
            "out".into(),
            Chain { base: base(ChainKind::Filter, Hook::Output, 10, true), rules: vec![] },
        ),
        (
            "pre".into(),
            Chain { base: base(ChainKind::Nat, Hook::Prerouting, -100, true), rules: prerouting },
        ),
        (
            "post".into(),
            Chain {
                base: base(ChainKind::Nat, Hook::Postrouting, 100, true),
                rules: rules(vec![vec![Expression::Masquerade]]),
            },
        ),
    ]);
    Table { chains, sets: full_sets() }
}

fn full_sets() -> BTreeMap<String, Set> {
    let element = |last: Option<&[u8]>, value| Element { last: last.map(<[u8]>::to_vec), value };
    let bytes = |value: &[u8]| ElementValue::Bytes(value.to_vec());
    let set = |key_bytes, data, interval, elements: Vec<(Vec<u8>, Element)>| Set {
        key_bytes,
        data,
        interval,
        elements: elements.into_iter().collect(),
    };
    let policy_key = |identity: u8, port: u16| {
        let [high, low] = port.to_be_bytes();
        vec![0, 0, 0, identity, 17, 0, 0, 0, high, low, 0, 0]
    };
    let verdict = |verdict| element(None, ElementValue::Verdict(verdict));
    let mut name = b"leaf0".to_vec();
    name.resize(16, 0);
    let low6 = [0u8; 16];
    let mut high6 = [0u8; 16];
    high6[..2].copy_from_slice(&[0xfd, 0]);
    let address6 = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    BTreeMap::from([
        (
            "identity".into(),
            set(
                4,
                SetData::Value(4),
                true,
                vec![
                    (vec![10, 0, 0, 0], element(Some(&[10, 0, 0, 255]), bytes(&[0, 0, 0, 1]))),
                    // Adjacent to the first, so that one's end and the other's start have one key.
                    (vec![10, 0, 1, 0], element(Some(&[10, 0, 1, 0]), bytes(&[0, 0, 0, 2]))),
                    (
                        vec![224, 0, 0, 0],
                        element(Some(&[255, 255, 255, 255]), bytes(&[0, 0, 0, 3])),
                    ),
                ],
            ),
        ),
        (
            "policy".into(),
            set(
                12,
                SetData::Verdict,
                false,
                vec![
                    (policy_key(1, 53), verdict(Verdict::Accept)),
                    (policy_key(1, 54), verdict(Verdict::Drop)),
                    (policy_key(2, 53), verdict(Verdict::Jump("inner".into()))),
                    (policy_key(2, 54), verdict(Verdict::Goto("inner".into()))),
                    (policy_key(3, 1), verdict(Verdict::Return)),
                ],
            ),
        ),
        (
            "blocked6".into(),
            set(
                16,
                SetData::None,
                true,
                vec![
                    (low6.to_vec(), element(Some(&low6), ElementValue::None)),
                    (high6.to_vec(), element(Some(&[0xff; 16]), ElementValue::None)),
                ],
            ),
        ),
        (
            "links".into(),
            set(16, SetData::None, false, vec![(name, element(None, ElementValue::None))]),
        ),
        (
            "nat4".into(),
            set(
                2,
                SetData::Value(4),
                false,
                vec![(vec![31, 144], element(None, bytes(&[10, 1, 0, 9])))],
            ),
        ),
        (
            "nat6".into(),
            set(
                2,
                SetData::Value(16),
                false,
                vec![(vec![31, 144], element(None, bytes(&address6)))],
            ),
        ),
        ("empty".into(), set(8, SetData::None, false, vec![])),
    ])
}

fn executed_state_is_observed() -> Result<(), String> {
    let (mut bench, desired) = (Bench::new(), full_state());
    bench.make(&desired);
    let observed = bench.executor.observe(&desired).unwrap();
    for (namespace, state) in &desired.namespaces {
        let seen = &observed.namespaces[namespace];
        assert_eq!(seen.links, state.links, "links of {namespace}");
        assert_eq!(seen.addresses, state.addresses, "addresses of {namespace}");
        assert_eq!(seen.neighbours, state.neighbours, "neighbours of {namespace}");
        assert_eq!(seen.routes, state.routes, "routes of {namespace}");
        assert_eq!(seen.rules, state.rules, "rules of {namespace}");
        assert_eq!(seen.sysctls, state.sysctls, "sysctls of {namespace}");
        for (name, table) in &state.tables {
            let found = &seen.tables[name];
            assert_eq!(found.sets, table.sets, "sets of {name}");
            for (chain, content) in &table.chains {
                assert_eq!(&found.chains[chain], content, "chain {chain} of {name}");
            }
        }
    }
    assert_eq!(observed, desired);
    Ok(())
}

fn executing_twice_is_harmless() -> Result<(), String> {
    let (mut bench, desired) = (Bench::new(), full_state());
    bench.make(&desired);
    bench.make(&desired);
    assert_eq!(bench.executor.observe(&desired).unwrap(), desired);
    // A second executor, as after a restart: the tables are orphans now, and it takes them over.
    bench.executor = super::support::executor(&bench.run_dir);
    assert_eq!(bench.executor.adopt_tables(&desired).unwrap(), 1);
    assert_eq!(bench.executor.adopt_tables(&desired).unwrap(), 0, "it has it already");
    bench.make(&desired);
    assert_eq!(bench.executor.observe(&desired).unwrap(), desired);
    Ok(())
}

fn deletion(state: &HostState) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (namespace, state) in &state.namespaces {
        let namespace = || namespace.clone();
        for rule in state.rules.iter().cloned() {
            operations.push(Operation::DeleteRule { namespace: namespace(), rule });
        }
        for route in state.routes.iter().cloned() {
            operations.push(Operation::DeleteRoute { namespace: namespace(), route });
        }
        for neighbour in state.neighbours.iter().cloned() {
            operations.push(Operation::DeleteNeighbour { namespace: namespace(), neighbour });
        }
        for address in state.addresses.iter().cloned() {
            operations.push(Operation::DeleteAddress { namespace: namespace(), address });
        }
        for name in state.links.keys().filter(|name| *name != "lo") {
            operations.push(Operation::DeleteLink { end: end(&namespace(), name) });
        }
        for (table, content) in &state.tables {
            let mut changes: Vec<_> = content
                .chains
                .keys()
                .map(|chain| netloom_state::nft::Change::FlushChain { chain: chain.clone() })
                .collect();
            changes.push(netloom_state::nft::Change::DeleteTable);
            operations.push(Operation::ChangeTable {
                namespace: namespace(),
                table: table.clone(),
                changes,
            });
        }
    }
    operations
}

fn deleting_leaves_nothing() -> Result<(), String> {
    let (mut bench, desired) = (Bench::new(), full_state());
    bench.make(&desired);
    let operations = deletion(&desired);
    for round in 0..2 {
        bench.executor.execute(&operations).unwrap_or_else(|e| panic!("round {round}: {e}"));
    }
    let observed = bench.executor.observe(&HostState::default()).unwrap();
    for (namespace, state) in &observed.namespaces {
        assert_eq!(state, &NamespaceState::default(), "{namespace}");
    }
    for name in ["router", "leaf"] {
        let delete = Operation::DeleteNamespace { namespace: own(name) };
        bench.executor.execute(&[delete.clone(), delete]).unwrap();
    }
    assert_eq!(bench.executor.observe(&desired).unwrap().namespaces.len(), 1, "only the host");
    assert!(!bench.run_dir.join("netns").exists());
    Ok(())
}

fn sysctls_of_the_host_are_given_back() -> Result<(), String> {
    const KEY: &str = "net/ipv4/ip_forward";
    let mut bench = Bench::new();
    let path = std::path::Path::new("/proc/sys").join(KEY);
    let now = || std::fs::read_to_string(&path).unwrap().trim().to_owned();
    std::fs::write(&path, "0").unwrap();
    let set = |value: &str| Operation::SetSysctl {
        namespace: Namespace::Host,
        key: KEY.to_owned(),
        value: value.to_owned(),
    };
    // Set twice, it was what it was before the first time.
    bench.executor.execute(&[set("1"), set("1")]).unwrap();
    assert_eq!(now(), "1");
    let mut later = netloom_sys::Executor::new("kernel-tests", &bench.run_dir).unwrap();
    assert_eq!(later.restore_sysctls().unwrap(), [format!("sysctl {KEY} = 0")]);
    assert_eq!(now(), "0");
    assert!(later.restore_sysctls().unwrap().is_empty());
    Ok(())
}

fn what_is_not_ours_stays() -> Result<(), String> {
    let mut bench = Bench::new();
    let mut other = netloom_sys::Executor::new("other", &bench.run_dir).unwrap();
    let (here, there) = (end(&Namespace::Host, "shared0"), end(&Namespace::Host, "shared1"));
    let create = Operation::CreateVeth { end: here.clone(), peer: there.clone() };
    other.execute(&[create]).unwrap();
    let route = Route { metric: stop_metric("other"), ..unreachable(254, "10.0.0.0/8") };
    let stop = Operation::AddRoute { namespace: Namespace::Host, route };
    other.execute(&[stop]).unwrap();
    let theirs = other.observe(&HostState::default()).unwrap();
    assert_eq!(theirs.namespaces[&Namespace::Host].links.len(), 2);
    assert_eq!(theirs.namespaces[&Namespace::Host].routes.len(), 1);
    let ours = bench.executor.observe(&HostState::default()).unwrap();
    assert_eq!(ours, HostState::default(), "what is another fabric's is not ours");
    let delete = Operation::DeleteLink { end: here.clone() };
    let error = bench.executor.execute(&[delete]).unwrap_err().to_string();
    assert!(error.contains("shared0") && error.contains("not of this fabric"), "{error}");
    let tunnel = Operation::CreateTunnel { end: there };
    let error = bench.executor.execute(&[tunnel]).unwrap_err().to_string();
    assert!(error.contains("not of this fabric"), "{error}");
    Ok(())
}

fn what_another_fabric_is_making_is_not_ours() -> Result<(), String> {
    const ROUNDS: usize = 500;
    let mut bench = Bench::new();
    let mut other = netloom_sys::Executor::new("other", &bench.run_dir).unwrap();
    let (here, there) = (end(&Namespace::Host, "shared0"), end(&Namespace::Host, "shared1"));
    let address = Address { link: here.link.clone(), address: "10.1.0.1/24".parse().unwrap() };
    let round = [
        Operation::CreateVeth { end: here.clone(), peer: there },
        Operation::AddAddress { namespace: Namespace::Host, address },
        Operation::DeleteLink { end: here },
    ];
    let making = std::thread::spawn(move || {
        for _ in 0..ROUNDS {
            other.execute(&round).unwrap();
        }
    });
    while !making.is_finished() {
        let ours = bench.executor.observe(&HostState::default()).unwrap();
        assert_eq!(ours, HostState::default(), "a link has its mark before it has an address");
    }
    making.join().unwrap();
    Ok(())
}
