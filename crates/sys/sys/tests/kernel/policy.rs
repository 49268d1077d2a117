//! A verdict map on a routed veth decides over real packets, counted and tracked.

use super::Test;
use super::support::{Bench, end, own};
use netloom_state::nft::{
    BaseChain, Chain, ChainKind, CompareOperator, ConntrackKey, Element, ElementValue, Expression,
    Hook, MetaKey, PayloadBase, Register, RejectKind, Rule, Set, SetData, Table, Verdict, ct_state,
};
use netloom_state::{
    Address, HostState, Link, LinkKind, Namespace, NamespaceState, Neighbour, Route, RouteKind,
};
use netloom_sys::conntrack::TupleDetail;
use netloom_sys::icmp::EchoSocket;
use netloom_sys::packet::{PacketSocket, inject_packet};
use netloom_sys::poll::{Interest, PollSet};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Duration;

pub(crate) const TESTS: &[Test] = &[
    ("one_port_is_open_and_the_other_shut", one_port_is_open_and_the_other_shut),
    ("spoofed_sources_do_not_pass", spoofed_sources_do_not_pass),
];

const OPEN_PORT: u16 = 5000;
const SHUT_PORT: u16 = 5001;
const CLIENT: &str = "10.1.0.10";
const SERVER: &str = "10.1.0.20";
const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn mac(name: &str) -> [u8; 6] {
    [2, 0, 0, 0, 1, name.len() as u8]
}

/// A router with two leaves on routed veths, and the policy of the test.
fn state() -> HostState {
    let router = own("router");
    let mut host = HostState::default();
    let mut inside = NamespaceState::default();
    for (name, address) in [("client", CLIENT), ("server1", SERVER)] {
        let veth = |peer, mac| Link {
            kind: LinkKind::Veth { peer },
            mtu_bytes: 1400,
            mac: Some(mac),
            up: true,
        };
        inside.links.insert(name.into(), veth(end(&own(name), "eth0"), ROUTER_MAC));
        inside.routes.insert(Route {
            table: 254,
            destination: format!("{address}/32").parse().unwrap(),
            metric: 0,
            kind: RouteKind::Unicast { link: name.into(), gateway: None, source: None },
        });
        inside.neighbours.insert(Neighbour {
            link: name.into(),
            address: address.parse().unwrap(),
            mac: mac(name),
        });
        let mut leaf = NamespaceState::default();
        leaf.links.insert("eth0".into(), veth(end(&router, name), mac(name)));
        let network = format!("{address}/32").parse().unwrap();
        leaf.addresses.insert(Address { link: "eth0".into(), address: network });
        let gateway = "169.254.1.1".parse().unwrap();
        leaf.neighbours.insert(Neighbour {
            link: "eth0".into(),
            address: gateway,
            mac: ROUTER_MAC,
        });
        leaf.routes.insert(Route {
            table: 254,
            destination: "0.0.0.0/0".parse().unwrap(),
            metric: 0,
            kind: RouteKind::Unicast {
                link: "eth0".into(),
                gateway: Some(gateway),
                source: Some(address.parse().unwrap()),
            },
        });
        host.namespaces.insert(own(name), leaf);
    }
    inside.sysctls.insert("net/ipv4/ip_forward".into(), "1".into());
    inside.tables.insert("netloom-test".into(), policy());
    host.namespaces.insert(router, inside);
    host
}

fn policy() -> Table {
    let (r, drop) = (Register, || Expression::Verdict(Verdict::Drop));
    let network = |offset, register| Expression::Payload {
        base: PayloadBase::Network,
        offset,
        length: 4,
        register: r(register),
    };
    let rule = |name: &str, expressions| Rule { expressions, name: Some(name.to_owned()) };
    let mut source_key = b"client".to_vec();
    source_key.resize(16, 0);
    source_key.extend([10, 1, 0, 10]);
    let mut server_key = b"server1".to_vec();
    server_key.resize(16, 0);
    server_key.extend([10, 1, 0, 20]);
    let plain = |value| Element { last: None, value };
    let sources = Set {
        key_bytes: 20,
        data: SetData::None,
        interval: false,
        elements: [source_key, server_key].map(|key| (key, plain(ElementValue::None))).into(),
    };
    let [high, low] = OPEN_PORT.to_be_bytes();
    let verdicts = Set {
        key_bytes: 8,
        data: SetData::Verdict,
        interval: false,
        elements: BTreeMap::from([(
            vec![17, 0, 0, 0, high, low, 0, 0],
            plain(ElementValue::Verdict(Verdict::Accept)),
        )]),
    };
    let spoof = vec![
        Expression::Meta { key: MetaKey::IncomingName, register: r(0) },
        network(12, 4),
        Expression::Lookup { set: "sources".into(), register: r(0), inverted: true },
        Expression::Counter,
        drop(),
    ];
    let known = vec![
        Expression::Conntrack { key: ConntrackKey::State, register: r(0) },
        Expression::Bitwise {
            register: r(0),
            mask: (ct_state::ESTABLISHED | ct_state::RELATED).to_ne_bytes().to_vec(),
            xor: vec![0; 4],
        },
        Expression::Compare {
            register: r(0),
            operator: CompareOperator::NotEqual,
            data: vec![0; 4],
        },
        Expression::Verdict(Verdict::Accept),
    ];
    let decide = vec![
        Expression::Meta { key: MetaKey::L4Protocol, register: r(0) },
        Expression::Payload { base: PayloadBase::Transport, offset: 2, length: 2, register: r(1) },
        Expression::Counter,
        Expression::Map { set: "verdicts".into(), register: r(0), destination: None },
    ];
    let deny = vec![Expression::Counter, Expression::Reject(RejectKind::AdminProhibited)];
    let base = |hook, priority, accept| {
        Some(BaseChain { kind: ChainKind::Filter, hook, priority, accept })
    };
    Table {
        chains: BTreeMap::from([
            (
                "source".into(),
                Chain {
                    base: base(Hook::Prerouting, -310, true),
                    rules: vec![rule("spoofed", spoof)],
                },
            ),
            (
                "forward".into(),
                Chain {
                    base: base(Hook::Forward, 0, false),
                    rules: vec![rule("known", known), rule("decide", decide), rule("denied", deny)],
                },
            ),
        ]),
        sets: BTreeMap::from([("sources".into(), sources), ("verdicts".into(), verdicts)]),
    }
}

fn udp(bench: &mut Bench, namespace: &Namespace, address: &str) -> UdpSocket {
    let inside = bench.executor.namespace(namespace).unwrap();
    let socket = inside.run(|| UdpSocket::bind(address)).unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket
}

fn one_port_is_open_and_the_other_shut() -> Result<(), String> {
    let (mut bench, desired) = (Bench::new(), state());
    bench.make(&desired);
    assert_eq!(bench.executor.observe(&desired).unwrap(), desired);
    let client = udp(&mut bench, &own("client"), "0.0.0.0:0");
    let [open, shut] = [OPEN_PORT, SHUT_PORT]
        .map(|port| udp(&mut bench, &own("server1"), &format!("0.0.0.0:{port}")));
    let mut buffer = [0; 64];
    client.send_to(b"open", (SERVER, OPEN_PORT)).unwrap();
    let (length, from) = open.recv_from(&mut buffer).expect("the open port is reached");
    assert_eq!((&buffer[..length], from.ip().to_string()), (&b"open"[..], CLIENT.to_owned()));
    open.send_to(b"back", from).unwrap();
    assert_eq!(client.recv(&mut buffer).expect("answers pass"), 4);
    let shut_address: SocketAddr = format!("{SERVER}:{SHUT_PORT}").parse().unwrap();
    client.connect(shut_address).unwrap();
    client.send(b"shut").unwrap();
    let error = client.recv(&mut buffer).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc_code::EHOSTUNREACH), "prohibited, not silent");
    let silence = shut.recv(&mut buffer).unwrap_err();
    assert_eq!(silence.kind(), io::ErrorKind::WouldBlock);
    // An echo request is refused as well, and the answer to it is an error at once.
    let inside = bench.executor.namespace(&own("client")).unwrap();
    let echo = inside.run(|| EchoSocket::open(false, 1)).unwrap().unwrap();
    echo.send(SERVER.parse().unwrap(), 1, b"").unwrap();
    let mut set = PollSet::new();
    set.add(echo.as_fd(), Interest::Read);
    assert_eq!(set.wait(Some(Duration::from_secs(5))).unwrap(), 1);
    assert_eq!(echo.receive().unwrap_err().raw_os_error(), Some(libc_code::EHOSTUNREACH));
    assert_eq!(echo.receive().unwrap(), None, "and the error is told once");
    // Named counters tell of all.
    let router = own("router");
    let counters = bench.executor.counters(&router, "netloom-test").unwrap();
    assert_eq!((counters["decide"].packets, counters["denied"].packets), (3, 2));
    assert_eq!(counters["denied"].bytes, (20 + 8 + 4) + (20 + 8));
    tracked_until_deleted(&mut bench, &router);
    Ok(())
}

fn tracked_until_deleted(bench: &mut Bench, router: &Namespace) {
    let ours = |bench: &mut Bench| {
        let flows = bench.executor.flows(router).unwrap();
        flows.into_iter().find(|flow| {
            matches!(flow.original.detail, TupleDetail::Ports { destination: OPEN_PORT, .. })
        })
    };
    let flow = ours(bench).expect("the connection is tracked");
    let tracking = bench.executor.tracking(router).unwrap();
    let flows = bench.executor.flows(router).unwrap();
    assert_eq!(tracking.connections as usize, flows.len(), "what is counted is what is there");
    assert!(tracking.connections_max > tracking.connections, "{tracking:?}");
    assert_eq!(tracking.dropped, 0);
    assert_eq!(flow.original.source.to_string(), CLIENT);
    assert_eq!(flow.reply.source.to_string(), SERVER);
    bench.executor.delete_flow(router, &flow).unwrap();
    assert!(ours(bench).is_none(), "it is forgotten");
    bench.executor.delete_flow(router, &flow).unwrap();
}

fn spoofed_sources_do_not_pass() -> Result<(), String> {
    let (mut bench, desired) = (Bench::new(), state());
    bench.make(&desired);
    let open = udp(&mut bench, &own("server1"), &format!("0.0.0.0:{OPEN_PORT}"));
    let inside = bench.executor.namespace(&own("server1")).unwrap();
    let capture = inside.run(|| PacketSocket::open("eth0")).unwrap().unwrap();
    let client = bench.executor.namespace(&own("client")).unwrap();
    for source in [[10, 1, 0, 10], [10, 1, 0, 99]] {
        client.run(|| inject_packet(&datagram(source))).unwrap().unwrap();
    }
    let mut buffer = [0; 2000];
    assert_eq!(open.recv(&mut buffer).expect("the true source passes"), 2);
    open.recv(&mut buffer).expect_err("the forged one does not");
    let mut sources = Vec::new();
    while let Some(frame) = capture.read(&mut buffer).unwrap() {
        if !frame.outgoing && frame.length >= 34 {
            sources.push(buffer[26..30].to_vec());
        }
    }
    assert_eq!(sources, [vec![10, 1, 0, 10]], "and only that was on the link");
    assert_eq!(capture.statistics().unwrap().1, 0, "the capture missed nothing");
    let counters = bench.executor.counters(&own("router"), "netloom-test").unwrap();
    assert_eq!(counters["spoofed"].packets, 1);
    Ok(())
}

/// A UDP packet to the open port, from whoever.
fn datagram(source: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(source);
    packet.extend([10, 1, 0, 20]);
    packet.extend([0x30, 0x39]);
    packet.extend(OPEN_PORT.to_be_bytes());
    packet.extend([0, 10, 0, 0, b'h', b'i']);
    packet
}

/// Error numbers of Linux, which the standard library does not name.
mod libc_code {
    pub(crate) const EHOSTUNREACH: i32 = 113;
}
