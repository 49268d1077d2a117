//! The engine's UDP socket on a real kernel, both IP versions on one port.

use super::Test;
use super::support::Bench;
use netloom_base::PacketBatch;
use netloom_state::{HostState, Link, LinkKind, Namespace, NamespaceState, Operation};
use netloom_sys::icmp::{EchoReply, EchoSocket};
use netloom_sys::packet::PacketSocket;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::udp::{Route, UdpError, UdpSocket};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = &[
    (
        "datagrams_that_cannot_be_handed_on_are_counted",
        datagrams_that_cannot_be_handed_on_are_counted,
    ),
    ("udp_batches_of_both_versions", udp_batches_of_both_versions),
    ("marks_of_congestion_are_sent_and_received", marks_of_congestion_are_sent_and_received),
    ("what_more_would_go_with_is_left", what_more_would_go_with_is_left),
    ("echoes_by_ping_and_raw_sockets", echoes_by_ping_and_raw_sockets),
    ("a_taken_port_is_named", a_taken_port_is_named),
];

/// This sandbox's own loopback, up.
fn loopback() -> Bench {
    let mut bench = Bench::new();
    let lo = Link { kind: LinkKind::Loopback, mtu_bytes: 65536, mac: None, up: true };
    let mut state = NamespaceState::default();
    state.links.insert("lo".into(), lo);
    bench.make(&HostState { namespaces: [(Namespace::Host, state)].into() });
    bench
}

/// Of both versions, in pieces and one by one, from and to sockets of one and of both.
fn marks_of_congestion_are_sent_and_received() -> Result<(), String> {
    let _bench = loopback();
    for (host, with_receive_offload) in
        [("127.0.0.1", false), ("::1", false), ("127.0.0.1", true), ("::1", true)]
    {
        let to = |socket: &UdpSocket| {
            SocketAddr::new(host.parse().unwrap(), socket.local_address().unwrap().port())
        };
        let mut any = UdpSocket::bind_any(0).unwrap();
        let mut one = UdpSocket::bind(SocketAddr::new(host.parse().unwrap(), 0)).unwrap();
        any.set_receive_offload(with_receive_offload);
        one.set_receive_offload(with_receive_offload);
        for is_back in [false, true] {
            let (from, at) = if is_back { (&mut one, &mut any) } else { (&mut any, &mut one) };
            let sent = [0, 0, 1, 1, 1, 2, 3, 3, 0, 2];
            let to = to(at);
            let routes = sent.map(|ecn| (Route { ecn, ..Route::from(to) }, &b"marked"[..]));
            assert_eq!(from.send(routes).packets, sent.len());
            let (mut batch, mut sources) = (PacketBatch::in_regions(16, 65_535, 64), Vec::new());
            let deadline = Instant::now() + Duration::from_secs(5);
            while batch.len() < sent.len() && Instant::now() < deadline {
                at.receive_batch(&mut batch, &mut sources).unwrap();
            }
            let found: Vec<u8> = (0..batch.len()).map(|index| batch.ecn(index)).collect();
            assert_eq!(found, sent, "{host}");
            assert!(batch.iter().all(|packet| packet == b"marked"));
        }
    }
    Ok(())
}

/// Of packets of 1,456 bytes a piece has 44, since 65,507 bytes are the most that a datagram of IPv4 could hold.
fn what_more_would_go_with_is_left() -> Result<(), String> {
    let _bench = loopback();
    let bind = || UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut receivers = [bind(), bind()];
    let to = [0, 1].map(|index: usize| receivers[index].local_address().unwrap());
    let (long, short) = (&[1; 1456][..], &[2; 900][..]);
    let longs = |count: usize, receiver: usize| vec![(to[receiver], long); count];
    let shorter_last = || [longs(46, 0), vec![(to[0], short)]].concat();
    for (name, packets, leave_max, with_segments, left) in [
        ("no more follow", longs(47, 0), 0, true, 0),
        ("a piece begun", longs(47, 0), 47, true, 3),
        ("another piece begun", longs(91, 0), 47, true, 3),
        ("all of them", longs(43, 0), 43, true, 43),
        ("more than may be left", longs(43, 0), 42, true, 0),
        ("a whole piece", longs(88, 0), 88, true, 0),
        ("a piece that a shorter one ends", shorter_last(), 47, true, 0),
        ("to another place", [longs(47, 0), longs(2, 1)].concat(), 49, true, 2),
        ("one by one", longs(3, 0), 3, false, 0),
    ] {
        let mut sender = bind();
        sender.set_send_offload(with_segments);
        let (written, found) = sender.send_leaving(packets.iter().copied(), leave_max);
        assert_eq!(found, left, "{name}");
        assert_eq!((written.packets, written.dropped), (packets.len() - left, 0), "{name}");
        let mut arrived = 0;
        for receiver in &mut receivers {
            let mut batch = PacketBatch::new(128, 1500);
            let received = receiver.receive_batch(&mut batch, &mut Vec::new());
            arrived += received.map_err(|error| error.to_string())?;
        }
        assert_eq!(arrived, packets.len() - left, "{name}");
    }
    Ok(())
}

fn datagrams_that_cannot_be_handed_on_are_counted() -> Result<(), String> {
    let _bench = loopback();
    let mut receiver = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut sender = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let to = receiver.local_address().unwrap();
    let (mut batch, mut sources) = (PacketBatch::new(8, 1500), Vec::new());
    let too_long = vec![0; 4000];
    let datagrams = [&b"first"[..], b"", &too_long, b"last"];
    // Each by itself, that one's length does not matter to the others.
    for datagram in datagrams {
        assert_eq!(sender.send([(to, datagram)]).packets, 1);
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while batch.len() < 2 && Instant::now() < deadline {
        receiver.receive_batch(&mut batch, &mut sources).unwrap();
    }
    assert_eq!(batch.iter().collect::<Vec<_>>(), [&b"first"[..], b"last"]);
    assert_eq!(sources.len(), 2);
    assert_eq!(receiver.take_unreadable(), 2);
    assert_eq!(receiver.take_unreadable(), 0, "they are told once");
    Ok(())
}

fn udp_batches_of_both_versions() -> Result<(), String> {
    const COUNT: u16 = 150;
    let _bench = loopback();
    let mut engine = UdpSocket::bind_any(0).unwrap();
    let port = engine.local_address().unwrap().port();
    let mut senders: Vec<(UdpSocket, SocketAddr)> = ["127.0.0.1", "::1"]
        .into_iter()
        .map(|host| {
            let ip = host.parse().unwrap();
            let socket = UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
            (socket, SocketAddr::new(ip, port))
        })
        .collect();
    let packets: Vec<[u8; 2]> = (0..COUNT).map(u16::to_be_bytes).collect();
    let (mut batch, mut sources) = (PacketBatch::new(64, 1500), Vec::new());
    for (socket, target) in &mut senders {
        let sent = socket.send(packets.iter().map(|packet| (*target, packet.as_slice())));
        assert_eq!((sent.packets, sent.dropped), (usize::from(COUNT), 0));
        let from = socket.local_address().unwrap();
        let mut received = Vec::new();
        while received.len() < packets.len() {
            let mut set = PollSet::new();
            set.add(engine.as_fd(), Interest::Read);
            assert_eq!(set.wait(Some(Duration::from_secs(5))).unwrap(), 1);
            batch.clear();
            sources.clear();
            let count = engine.receive_batch(&mut batch, &mut sources).unwrap();
            assert_eq!((count, batch.len()), (sources.len(), sources.len()));
            assert!(sources.iter().all(|source| *source == from));
            received.extend(batch.iter().map(<[u8]>::to_vec));
        }
        assert_eq!(received, packets, "all of them, in order");
        // In one piece from end to end, where both ends ask for it.
        if engine.set_receive_offload(true) {
            let mut large = PacketBatch::in_regions(4, 65_535, 400);
            let same = [[7; 100]; 30];
            let sent = socket.send(same.iter().map(|packet| (*target, packet.as_slice())));
            assert_eq!(sent.packets, same.len());
            sources.clear();
            while large.len() < same.len() {
                let mut set = PollSet::new();
                set.add(engine.as_fd(), Interest::Read);
                assert_eq!(set.wait(Some(Duration::from_secs(5))).unwrap(), 1);
                engine.receive_batch(&mut large, &mut sources).unwrap();
            }
            assert!(large.iter().all(|packet| packet == same[0]) && sources.len() == same.len());
            engine.set_receive_offload(false);
        }
        // And back, from the one socket, to either version.
        assert_eq!(engine.send([(from, &b"back"[..])]).packets, 1);
        batch.clear();
        socket.receive_batch(&mut batch, &mut sources).unwrap();
        assert_eq!(batch.packet(0), b"back");
    }
    // One that is refused does not hold up those after it.
    let (socket, target) = &mut senders[0];
    let nowhere: SocketAddr = "198.51.100.1:9".parse().unwrap();
    let too_long = vec![0; 70_000];
    let sent = socket.send([(nowhere, &b"x"[..]), (*target, &too_long), (*target, b"y")]);
    assert_eq!((sent.packets, sent.dropped), (1, 2));
    Ok(())
}

fn echoes_by_ping_and_raw_sockets() -> Result<(), String> {
    let mut bench = loopback();
    // At first no group may use ping sockets, so that the raw ones serve.
    for groups in [None, Some("0 0")] {
        if let Some(groups) = groups {
            let set = Operation::SetSysctl {
                namespace: Namespace::Host,
                key: "net/ipv4/ping_group_range".into(),
                value: groups.into(),
            };
            bench.executor.execute(&[set]).unwrap();
        }
        for host in ["127.0.0.1", "::1"] {
            let host: IpAddr = host.parse().unwrap();
            let socket = EchoSocket::open(host.is_ipv6(), 99).unwrap();
            assert_eq!(socket.receive().unwrap(), None);
            socket.send(host, 5, b"payload").unwrap();
            let mut set = PollSet::new();
            set.add(socket.as_fd(), Interest::Read);
            set.wait(Some(Duration::from_secs(5))).unwrap();
            let reply = socket.receive().unwrap().expect("a reply");
            let expected = EchoReply { source: host, sequence: 5, payload: b"payload".to_vec() };
            assert_eq!(reply, expected, "groups {groups:?}");
        }
    }
    Ok(())
}

fn a_taken_port_is_named() -> Result<(), String> {
    let _bench = loopback();
    let first = UdpSocket::bind_any(0).unwrap();
    let port = first.local_address().unwrap().port();
    let error = UdpSocket::bind_any(port).unwrap_err();
    assert!(matches!(error, UdpError::Bind { .. }));
    let text = error.to_string();
    assert!(text.contains(&port.to_string()) && text.contains("another program"), "{text}");
    let error = PacketSocket::open("nothing0").unwrap_err().to_string();
    assert!(error.contains("nothing0"), "{error}");
    Ok(())
}
