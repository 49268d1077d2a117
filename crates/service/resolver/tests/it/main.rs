//! A resolver on loopback: real sockets, upstreams made by hand.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod client;

use client::{Upstream, ask_tcp, ask_udp, data, question};
use netloom_dns::zone::ZoneInput;
use netloom_dns::{Message, Rcode, RecordType, Zone, client as stub};
use netloom_plan::names::{Names, ServicePlace};
use netloom_resolver::{Dropped, Resolver, ResolverConfig, ResolverError, zone_of};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn zone(address: [u8; 4]) -> Arc<Zone> {
    let mut input = ZoneInput { domain: "app.internal".into(), ..ZoneInput::default() };
    input.addresses.insert("web-1.app.internal".into(), vec![address.into()]);
    let many = (0..200).map(|host| IpAddr::from([10, 0, 2, host])).collect();
    input.addresses.insert("many.app.internal".into(), many);
    Arc::new(Zone::new(&input).unwrap())
}

fn start(upstreams: Vec<SocketAddr>) -> (Resolver, SocketAddr) {
    let config = ResolverConfig {
        listen: vec![(Ipv4Addr::LOCALHOST.into(), zone([10, 0, 1, 10]))],
        port: 0,
        upstreams,
    };
    let resolver = Resolver::start(config, |open| {
        open();
        Ok(())
    })
    .unwrap();
    let address = resolver.addresses()[0];
    (resolver, address)
}

#[test]
fn names_of_the_network_are_answered_over_both_transports() {
    let (resolver, address) = start(Vec::new());
    let web = question("web-1.app.internal", RecordType::A);
    assert_eq!(data(&ask_udp(address, &web)), ["10.0.1.10"]);
    assert_eq!(data(&ask_tcp(address, &web)), ["10.0.1.10"]);
    let missing = ask_udp(address, &question("no.app.internal", RecordType::A));
    assert_eq!(missing.header.rcode, Rcode::NXDOMAIN);
    let many = question("many.app.internal", RecordType::A);
    assert!(ask_udp(address, &many).header.truncated);
    assert_eq!(ask_tcp(address, &many).answers.len(), 200);
    let counters = resolver.counters();
    assert_eq!((counters.queries_udp, counters.queries_tcp), (3, 2));
    assert_eq!((counters.answers(Rcode::NOERROR), counters.answers(Rcode::NXDOMAIN)), (4, 1));
    resolver.stop();
}

#[test]
fn answers_leave_from_the_address_that_was_asked_over_both_families() {
    let listen = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)].map(IpAddr::V4);
    let listen = listen.into_iter().chain([Ipv6Addr::LOCALHOST.into()]);
    let config = ResolverConfig {
        listen: listen.map(|address| (address, zone([10, 0, 1, 10]))).collect(),
        port: 0,
        upstreams: Vec::new(),
    };
    let resolver = Resolver::start(config, |open| {
        open();
        Ok(())
    })
    .unwrap();
    // The client's socket is connected: it hears nothing from elsewhere.
    for address in resolver.addresses() {
        let reply = ask_udp(*address, &question("web-1.app.internal", RecordType::A));
        assert_eq!(data(&reply), ["10.0.1.10"]);
    }
    resolver.stop();
}

#[test]
fn other_names_are_asked_of_the_upstreams_and_kept() {
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let upstream = Upstream::start([198, 51, 100, 1], false);
    let (resolver, address) = start(vec![dead, upstream.address()]);
    let outside = question("example.org", RecordType::A);
    for _ in 0..3 {
        assert_eq!(data(&ask_udp(address, &outside)), ["198.51.100.1"]);
    }
    assert_eq!(data(&ask_tcp(address, &outside)), ["198.51.100.1"]);
    assert_eq!(upstream.asked(), 1);
    let counters = resolver.counters();
    assert_eq!((counters.forwarded, counters.forwarder.cached), (4, 3));
    resolver.stop();
}

#[test]
fn an_answer_too_long_for_udp_is_fetched_over_tcp() {
    let upstream = Upstream::start([198, 51, 100, 2], true);
    let (resolver, address) = start(vec![upstream.address()]);
    let reply = ask_udp(address, &question("example.org", RecordType::A));
    assert_eq!(data(&reply), ["198.51.100.2"]);
    assert_eq!(upstream.asked(), 2);
    resolver.stop();
}

#[test]
fn without_an_upstream_that_answers_the_client_is_told() {
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (resolver, address) = start(vec![dead]);
    let start = Instant::now();
    let reply = ask_udp(address, &question("example.org", RecordType::A));
    assert_eq!(reply.header.rcode, Rcode::SERVFAIL);
    assert!(start.elapsed() < Duration::from_secs(2), "refusals are heard, not waited for");
    resolver.stop();
}

#[test]
fn queries_on_one_connection_may_follow_each_other_at_once() {
    let upstream = Upstream::start([198, 51, 100, 3], false);
    let (resolver, address) = start(vec![upstream.address()]);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut queries = Vec::new();
    for id in 0..100u16 {
        let name = if id % 2 == 0 { "web-1.app.internal" } else { "example.org" };
        let query = stub::query(id, &question(name, RecordType::A));
        queries.extend_from_slice(&u16::try_from(query.len()).unwrap().to_be_bytes());
        queries.extend_from_slice(&query);
    }
    // Cut where no query ends.
    let (first, second) = queries.split_at(777);
    stream.write_all(first).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    stream.write_all(second).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    let (mut rest, mut ids) = (answers.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (message, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        let message = Message::parse(message).unwrap();
        assert_eq!(message.header.rcode, Rcode::NOERROR);
        ids.push(message.header.id);
        rest = after;
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<u16>>());
    resolver.stop();
}

#[test]
fn the_zone_is_swapped_while_queries_go_on() {
    let (resolver, address) = start(Vec::new());
    let asking = std::thread::spawn(move || {
        let web = question("web-1.app.internal", RecordType::A);
        (0..400).map(|_| data(&ask_udp(address, &web)).remove(0)).collect::<Vec<String>>()
    });
    for change in 0..100u8 {
        std::thread::sleep(Duration::from_millis(1));
        resolver.set_zones(&[(address.ip(), zone([10, 0, 9, change]))]);
    }
    // A query that is not answered would have ended the thread by its timeout.
    let seen = asking.join().unwrap();
    assert!(seen.iter().all(|address| address.starts_with("10.0.")));
    let last = ask_udp(address, &question("web-1.app.internal", RecordType::A));
    assert_eq!(data(&last), ["10.0.9.99"]);
    resolver.stop();
}

#[test]
fn each_address_answers_from_its_own_zone() {
    let [one, two] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)].map(IpAddr::V4);
    let config = ResolverConfig {
        listen: vec![(one, zone([10, 0, 1, 1])), (two, zone([10, 0, 1, 2]))],
        port: 0,
        upstreams: Vec::new(),
    };
    let resolver = Resolver::start(config, |open| {
        open();
        Ok(())
    })
    .unwrap();
    let web = question("web-1.app.internal", RecordType::A);
    let answers = |resolver: &Resolver| -> Vec<String> {
        let ask = |address: &SocketAddr| [ask_udp(*address, &web), ask_tcp(*address, &web)];
        resolver.addresses().iter().flat_map(ask).flat_map(|reply| data(&reply)).collect()
    };
    assert_eq!(answers(&resolver), ["10.0.1.1", "10.0.1.1", "10.0.1.2", "10.0.1.2"]);
    resolver.set_zones(&[(two, zone([10, 0, 1, 3]))]);
    assert_eq!(answers(&resolver), ["10.0.1.1", "10.0.1.1", "10.0.1.3", "10.0.1.3"]);
    resolver.stop();
}

#[test]
fn hostile_bytes_are_counted_and_dropped() {
    let (resolver, address) = start(Vec::new());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"short", address).unwrap();
    socket.send_to(&[0xff; 600], address).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&[0, 3, 1, 2, 3]).unwrap();
    let web = question("web-1.app.internal", RecordType::A);
    assert_eq!(data(&ask_udp(address, &web)), ["10.0.1.10"]);
    assert_eq!(data(&ask_tcp(address, &web)), ["10.0.1.10"]);
    let counters = resolver.counters();
    assert_eq!(counters.dropped(Dropped::Response), 1);
    assert_eq!(counters.dropped(Dropped::Short), 2);
    resolver.stop();
}

#[test]
fn a_taken_port_is_an_error_with_its_remedy_and_stopping_frees_it() {
    let (resolver, address) = start(Vec::new());
    let config = ResolverConfig {
        listen: vec![(address.ip(), zone([10, 0, 1, 1]))],
        port: address.port(),
        upstreams: Vec::new(),
    };
    let open = |open: &mut (dyn FnMut() + Send)| {
        open();
        Ok(())
    };
    let error = Resolver::start(config.clone(), open).unwrap_err();
    assert!(matches!(error, ResolverError::Bind { transport: "udp", .. }));
    assert!(error.to_string().contains("another DNS server has it"), "{error}");
    let start = Instant::now();
    resolver.stop();
    assert!(start.elapsed() < Duration::from_secs(1));
    Resolver::start(config, open).unwrap().stop();
}

#[test]
fn what_the_planner_knows_becomes_a_zone() {
    let mut names = Names { domain: "app.internal".into(), ..Names::default() };
    names.addresses.insert("web-1.app.internal".into(), vec![[10, 0, 1, 10].into()]);
    names.reverse.insert([10, 0, 1, 10].into(), "web-1.app.internal".into());
    let target = "web-1.app.internal".into();
    let place = ServicePlace { priority: 0, weight: 1, port: 80, target };
    names.services.insert("_web._tcp.svc.app.internal".into(), vec![place]);
    let mut peered = Names { domain: "ops.internal".into(), ..Names::default() };
    peered.addresses.insert("cron-1.ops.internal".into(), vec![[10, 7, 1, 10].into()]);
    let zone = zone_of(&names, &[peered], 1, &[[10, 0, 0, 2].into()]).unwrap();
    assert_eq!(zone.domain().to_string(), "app.internal");
}
