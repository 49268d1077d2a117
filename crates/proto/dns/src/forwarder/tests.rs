//! The forwarder on virtual time, against upstreams made by hand.

use super::*;
use crate::data::Data;
use crate::kind::RecordType;
use crate::limits::{CACHE_ENTRIES_MAX, UPSTREAM_TIMEOUT};
use crate::message::Question;
use crate::record::Record;
use crate::zone::{Zone, ZoneInput};
use std::time::Duration;

fn upstream(host: u8) -> SocketAddr {
    ([192, 0, 2, host], 53).into()
}

fn forwarder(upstreams: u8) -> Forwarder {
    let config = ForwarderConfig { upstreams: (1..=upstreams).map(upstream).collect() };
    Forwarder::new(config, Seed::from_number(1), Time::ZERO)
}

fn question(name: &str) -> Question {
    Question::new(name.parse().unwrap(), RecordType::A)
}

fn ask(forwarder: &mut Forwarder, now: Time, client: u64, name: &str) {
    let query = Query::internal(question(name));
    forwarder.handle_input(now, Input::Query { client: ClientId(client), query });
}

/// The answer to what was sent: with an address, or with another code.
fn answer(transmit: &Transmit, rcode: Rcode, change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::parse(&transmit.bytes).unwrap();
    message.header = message.header.reply(rcode);
    if rcode == Rcode::NOERROR {
        let name = message.questions[0].name.clone();
        message.answers = vec![Record::new(name, RecordType::A, 60, vec![198, 51, 100, 1])];
    }
    change(&mut message);
    message.to_bytes(65_535)
}

fn deliver(forwarder: &mut Forwarder, now: Time, transmit: &Transmit, bytes: &[u8]) {
    let (exchange, source) = (transmit.exchange, transmit.upstream);
    let transport = transmit.transport;
    forwarder.handle_input(now, Input::Answer { exchange, source, transport, bytes });
}

/// Clients answered so far, with code and TTL of the first record.
fn replies(forwarder: &mut Forwarder) -> Vec<(u64, Rcode, Option<u32>)> {
    std::iter::from_fn(|| forwarder.poll_event())
        .filter_map(|event| match event {
            Event::Reply { client, reply } => {
                let message = Message::parse(&reply.bytes).unwrap();
                assert_eq!(message.header.rcode, reply.rcode);
                let ttl = message.answers.first().map(|record| record.ttl_seconds);
                Some((client.0, message.header.rcode, ttl))
            }
            Event::Finished(_) => None,
        })
        .collect()
}

#[test]
fn equal_questions_are_asked_once_and_the_answer_is_kept() {
    let mut forwarder = forwarder(1);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    ask(&mut forwarder, Time::ZERO, 2, "EXAMPLE.org");
    let sent = forwarder.poll_transmit().unwrap();
    assert_eq!(forwarder.poll_transmit(), None);
    let bytes = answer(&sent, Rcode::NOERROR, |_| {});
    deliver(&mut forwarder, Time::ZERO, &sent, &bytes);
    let noerror = |client, ttl| (client, Rcode::NOERROR, Some(ttl));
    assert_eq!(replies(&mut forwarder), [noerror(1, 60), noerror(2, 60)]);
    ask(&mut forwarder, Time::from_millis(20_500), 3, "example.org");
    assert_eq!(replies(&mut forwarder), [noerror(3, 40)]);
    assert_eq!(forwarder.poll_timeout(), None);
    ask(&mut forwarder, Time::from_millis(60_000), 4, "example.org");
    assert!(forwarder.poll_transmit().is_some(), "it has expired");
}

#[test]
fn silent_and_failing_upstreams_are_passed_over_and_remembered() {
    let mut forwarder = forwarder(3);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    let first = forwarder.poll_transmit().unwrap();
    let (time, _) = forwarder.poll_timeout().unwrap();
    assert_eq!(time, Time::ZERO + UPSTREAM_TIMEOUT);
    forwarder.handle_timeout(time);
    let second = forwarder.poll_transmit().unwrap();
    assert_ne!(Message::parse(&first.bytes).unwrap().header.id, {
        Message::parse(&second.bytes).unwrap().header.id
    });
    let bytes = answer(&second, Rcode::SERVFAIL, |_| {});
    deliver(&mut forwarder, time, &second, &bytes);
    let third = forwarder.poll_transmit().unwrap();
    let bytes = answer(&third, Rcode::NOERROR, |_| {});
    deliver(&mut forwarder, time, &third, &bytes);
    let asked = [first.upstream, second.upstream, third.upstream];
    assert_eq!(asked, [upstream(1), upstream(2), upstream(3)]);
    assert_eq!(replies(&mut forwarder).len(), 1);
    ask(&mut forwarder, time, 2, "example.net");
    assert_eq!(forwarder.poll_transmit().unwrap().upstream, upstream(3));
}

#[test]
fn a_late_answer_is_still_good() {
    let mut forwarder = forwarder(2);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    let first = forwarder.poll_transmit().unwrap();
    let time = Time::ZERO + UPSTREAM_TIMEOUT;
    forwarder.handle_timeout(time);
    let bytes = answer(&first, Rcode::NOERROR, |_| {});
    deliver(&mut forwarder, time, &first, &bytes);
    assert_eq!(replies(&mut forwarder), [(1, Rcode::NOERROR, Some(60))]);
}

#[test]
fn when_all_fail_the_client_is_told() {
    let mut forwarder = forwarder(2);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    let mut attempts = 0;
    while let Some(Transmit { exchange, upstream, transport, .. }) = forwarder.poll_transmit() {
        attempts += 1;
        forwarder.handle_input(Time::ZERO, Input::Failed { exchange, upstream, transport });
    }
    assert_eq!(attempts, 4);
    assert_eq!(replies(&mut forwarder), [(1, Rcode::SERVFAIL, None)]);
    let mut alone = self::forwarder(0);
    ask(&mut alone, Time::ZERO, 1, "example.org");
    assert_eq!(replies(&mut alone), [(1, Rcode::SERVFAIL, None)]);
}

#[test]
fn silence_ends_within_the_lifetime() {
    let mut forwarder = forwarder(8);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    let mut last = Time::ZERO;
    while let Some((time, _)) = forwarder.poll_timeout() {
        last = time;
        forwarder.handle_timeout(time);
    }
    assert_eq!(last, Time::ZERO + QUERY_LIFETIME);
    assert_eq!(replies(&mut forwarder), [(1, Rcode::SERVFAIL, None)]);
}

#[test]
fn answers_that_do_not_match_are_dropped() {
    let mut forwarder = forwarder(2);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    let sent = forwarder.poll_transmit().unwrap();
    let good = answer(&sent, Rcode::NOERROR, |_| {});
    let wrong_id = answer(&sent, Rcode::NOERROR, |message| message.header.id ^= 1);
    let other = |message: &mut Message| message.questions = vec![question("example.net")];
    let wrong_question = answer(&sent, Rcode::NOERROR, other);
    let wrong_source = Transmit { upstream: upstream(2), ..sent.clone() };
    let wrong_exchange = Transmit { exchange: ExchangeId(9), ..sent.clone() };
    let wrong_transport = Transmit { transport: Transport::Tcp, ..sent.clone() };
    let forged = [
        (&sent, &wrong_id),
        (&sent, &wrong_question),
        (&sent, &sent.bytes),
        (&wrong_source, &good),
        (&wrong_exchange, &good),
        (&wrong_transport, &good),
    ];
    for (transmit, bytes) in forged {
        deliver(&mut forwarder, Time::ZERO, transmit, bytes);
    }
    assert_eq!(forwarder.counters().foreign, 6);
    assert_eq!(replies(&mut forwarder), []);
    deliver(&mut forwarder, Time::ZERO, &sent, &good);
    assert_eq!(replies(&mut forwarder).len(), 1);
}

#[test]
fn what_was_cut_short_is_asked_again_over_tcp() {
    let mut forwarder = forwarder(1);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    let udp = forwarder.poll_transmit().unwrap();
    let cut = answer(&udp, Rcode::NOERROR, |message| message.header.truncated = true);
    deliver(&mut forwarder, Time::ZERO, &udp, &cut);
    let tcp = forwarder.poll_transmit().unwrap();
    assert_eq!((tcp.transport, tcp.upstream), (Transport::Tcp, udp.upstream));
    let whole = answer(&tcp, Rcode::NOERROR, |_| {});
    deliver(&mut forwarder, Time::ZERO, &tcp, &whole);
    assert_eq!(replies(&mut forwarder), [(1, Rcode::NOERROR, Some(60))]);
}

#[test]
fn an_upstream_from_before_edns_is_asked_without() {
    let mut forwarder = forwarder(1);
    ask(&mut forwarder, Time::ZERO, 1, "example.org");
    let first = forwarder.poll_transmit().unwrap();
    let refused = answer(&first, Rcode::FORMERR, |message| message.edns = None);
    deliver(&mut forwarder, Time::ZERO, &first, &refused);
    let second = forwarder.poll_transmit().unwrap();
    assert!(Message::parse(&first.bytes).unwrap().edns.is_some());
    assert!(Message::parse(&second.bytes).unwrap().edns.is_none());
}

#[test]
fn negative_answers_are_kept_by_their_soa() {
    let mut forwarder = forwarder(1);
    let zone = Zone::new(&ZoneInput { domain: "example.org".into(), ..ZoneInput::default() });
    let negative = zone.unwrap().answer(&Query::internal(question("no.example.org"))).unwrap();
    let soa = negative.authorities[0].clone();
    assert!(matches!(Data::of(&soa), Data::Authority { negative_ttl_seconds: 5, .. }));
    ask(&mut forwarder, Time::ZERO, 1, "no.example.org");
    let sent = forwarder.poll_transmit().unwrap();
    let bytes = answer(&sent, Rcode::NXDOMAIN, |message| message.authorities = vec![soa]);
    deliver(&mut forwarder, Time::ZERO, &sent, &bytes);
    ask(&mut forwarder, Time::from_millis(4_999), 2, "no.example.org");
    let nxdomain = |client| (client, Rcode::NXDOMAIN, None);
    assert_eq!(replies(&mut forwarder), [nxdomain(1), nxdomain(2)]);
    ask(&mut forwarder, Time::from_millis(5_000), 3, "no.example.org");
    assert!(forwarder.poll_transmit().is_some());
}

#[test]
fn everything_is_bounded() {
    let mut forwarder = forwarder(1);
    for client in 0..EXCHANGES_MAX as u64 + 10 {
        ask(&mut forwarder, Time::ZERO, client, &format!("host-{client}.example.org"));
    }
    assert_eq!(replies(&mut forwarder).len(), 10);
    for client in 0..WAITERS_MAX as u64 + 10 {
        ask(&mut forwarder, Time::ZERO, client, "host-0.example.org");
    }
    assert_eq!(replies(&mut forwarder).len(), 11);
    assert_eq!(forwarder.counters().overloaded, 21);

    let mut forwarder = self::forwarder(1);
    for client in 0..CACHE_ENTRIES_MAX as u64 + 100 {
        let now = Time::from_millis(client);
        ask(&mut forwarder, now, client, &format!("host-{client}.example.org"));
        let sent = forwarder.poll_transmit().unwrap();
        let bytes = answer(&sent, Rcode::NOERROR, |_| {});
        deliver(&mut forwarder, now, &sent, &bytes);
    }
    let late = Time::from_millis(2_000) + Duration::from_secs(1);
    for (host, kept) in [(0, false), (99, false), (100, true)] {
        ask(&mut forwarder, late, host, &format!("host-{host}.example.org"));
        assert_eq!(forwarder.poll_transmit().is_none(), kept, "host-{host}");
    }
}
