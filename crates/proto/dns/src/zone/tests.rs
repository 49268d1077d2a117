//! The zone's answers, message by message.

use super::*;
use crate::data::Data;
use crate::message::{Edns, Header, Question};
use crate::query::{Handling, Transport, handle};

fn zone() -> Zone {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let mut input = ZoneInput {
        domain: "app.internal".into(),
        serial: 7,
        server: vec![address("10.0.0.2")],
        ..ZoneInput::default()
    };
    let web = vec![address("10.0.1.10"), address("fd00:10::10")];
    for address in &web {
        input.reverse.insert(*address, "web-1.app.internal".into());
    }
    input.reverse.insert(address("198.18.0.9"), "pub.app.internal".into());
    input.addresses.insert("web-1.app.internal".into(), web);
    input.addresses.insert("alpha.nodes.app.internal".into(), vec![address("fd00::1")]);
    input.addresses.insert("bare.app.internal".into(), Vec::new());
    let all: Vec<IpAddr> = (1..=100).map(|host| IpAddr::from([10, 0, 2, host])).collect();
    input.addresses.insert("api.services.app.internal".into(), all);
    let place =
        ServicePlace { priority: 0, weight: 1, port: 8080, target: "web-1.app.internal".into() };
    input.services.insert("_api._tcp.services.app.internal".into(), vec![place]);
    Zone::new(&input).unwrap()
}

fn query(name: &str, record_type: RecordType) -> Message {
    Message {
        header: Header::query(0x1234),
        questions: vec![Question::new(name.parse().unwrap(), record_type)],
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
        edns: None,
    }
}

/// The reply's bytes; `None` if the query is to be forwarded.
fn bytes(message: &Message, transport: Transport) -> Option<Vec<u8>> {
    match handle(&zone(), &message.to_bytes(65_535), transport) {
        Handling::Reply(reply) => Some(reply.bytes),
        Handling::Forward(_) => None,
        Handling::Drop(reason) => panic!("{reason:?}"),
    }
}

fn ask(name: &str, record_type: RecordType) -> Option<Message> {
    let reply = bytes(&query(name, record_type), Transport::Udp)?;
    Some(Message::parse(&reply).unwrap())
}

fn data(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| Data::of(record).to_string()).collect()
}

#[test]
fn addresses_services_and_reverse_names_are_answered_with_authority() {
    for (name, record_type, expected) in [
        ("web-1.app.internal", RecordType::A, "10.0.1.10"),
        ("WEB-1.App.INTERNAL", RecordType::AAAA, "fd00:10::10"),
        ("10.1.0.10.in-addr.arpa", RecordType::PTR, "web-1.app.internal"),
        ("9.0.18.198.in-addr.arpa", RecordType::PTR, "pub.app.internal"),
        ("_api._tcp.services.app.internal", RecordType::SRV, "0 1 8080 web-1.app.internal"),
        ("app.internal", RecordType::NS, "app.internal"),
        ("app.internal", RecordType::A, "10.0.0.2"),
        (
            "app.internal",
            RecordType::SOA,
            "app.internal hostmaster.app.internal serial 7 negative 5s",
        ),
        ("localhost", RecordType::A, "127.0.0.1"),
    ] {
        let reply = ask(name, record_type).unwrap();
        assert_eq!(data(&reply.answers), [expected], "{name}");
        assert!(reply.header.authoritative && reply.header.response);
        assert_eq!(reply.header.id, 0x1234);
        assert_eq!(reply.question().unwrap().name.to_string(), name, "case is kept");
    }
}

#[test]
fn a_service_brings_the_addresses_of_its_targets() {
    let reply = ask("_api._tcp.services.app.internal", RecordType::SRV).unwrap();
    assert_eq!(data(&reply.additionals), ["10.0.1.10", "fd00:10::10"]);
}

#[test]
fn a_name_without_the_type_is_told_from_one_that_does_not_exist() {
    for (name, record_type, rcode, apex) in [
        ("nothing.app.internal", RecordType::A, Rcode::NXDOMAIN, "app.internal"),
        ("web-1.app.internal", RecordType::TXT, Rcode::NOERROR, "app.internal"),
        ("bare.app.internal", RecordType::A, Rcode::NOERROR, "app.internal"),
        // Only names below them exist.
        ("nodes.app.internal", RecordType::A, Rcode::NOERROR, "app.internal"),
        ("_tcp.services.app.internal", RecordType::A, Rcode::NOERROR, "app.internal"),
        ("1.168.192.in-addr.arpa", RecordType::PTR, Rcode::NXDOMAIN, "168.192.in-addr.arpa"),
        ("1.0.10.in-addr.arpa", RecordType::PTR, Rcode::NOERROR, "10.in-addr.arpa"),
        ("168.192.in-addr.arpa", RecordType::NS, Rcode::NOERROR, "168.192.in-addr.arpa"),
        ("a.invalid", RecordType::A, Rcode::NXDOMAIN, "invalid"),
    ] {
        let reply = ask(name, record_type).unwrap();
        assert_eq!(reply.header.rcode, rcode, "{name}");
        assert!(reply.answers.is_empty(), "{name}");
        let [authority] = reply.authorities.as_slice() else { panic!("{name}: no SOA") };
        assert_eq!(authority.record_type, RecordType::SOA);
        assert_eq!(authority.name.to_string(), apex);
        assert_eq!(authority.ttl_seconds, ZONE_NEGATIVE_TTL_SECONDS);
    }
}

#[test]
fn names_outside_go_on_if_the_client_wants_that() {
    assert_eq!(ask("example.org", RecordType::A), None);
    assert_eq!(ask("8.8.8.8.in-addr.arpa", RecordType::PTR), None);
    assert_eq!(ask("xapp.internal", RecordType::A), None);
    let mut iterative = query("example.org", RecordType::A);
    iterative.header.recursion_desired = false;
    let reply = Message::parse(&bytes(&iterative, Transport::Udp).unwrap()).unwrap();
    assert_eq!(reply.header.rcode, Rcode::REFUSED);
}

#[test]
fn any_gets_one_set() {
    let reply = ask("web-1.app.internal", RecordType::ANY).unwrap();
    assert_eq!(data(&reply.answers), ["10.0.1.10"]);
}

#[test]
fn sizes_follow_transport_and_edns() {
    let mut message = query("api.services.app.internal", RecordType::A);
    let plain = bytes(&message, Transport::Udp).unwrap();
    let parsed = Message::parse(&plain).unwrap();
    assert!(plain.len() <= 512 && parsed.header.truncated && parsed.edns.is_none());
    assert!(!parsed.answers.is_empty());

    message.edns = Some(Edns { udp_bytes: 4096, version: 0, dnssec_ok: true });
    let extended = bytes(&message, Transport::Udp).unwrap();
    let parsed = Message::parse(&extended).unwrap();
    assert!((1100..=1232).contains(&extended.len()) && parsed.header.truncated);
    assert_eq!(parsed.edns.map(|edns| edns.dnssec_ok), Some(true));

    let whole = Message::parse(&bytes(&message, Transport::Tcp).unwrap()).unwrap();
    assert!(!whole.header.truncated);
    assert_eq!(whole.answers.len(), 100);
}

#[test]
fn answers_begin_at_different_addresses() {
    let first = |id| {
        let mut message = query("api.services.app.internal", RecordType::A);
        message.header.id = id;
        let reply = Message::parse(&bytes(&message, Transport::Udp).unwrap()).unwrap();
        data(&reply.answers)[0].clone()
    };
    assert_ne!(first(1), first(2));
}

#[test]
fn what_is_not_served_says_so() {
    let rcode = |message: &Message| {
        Message::parse(&bytes(message, Transport::Udp).unwrap()).unwrap().header.rcode
    };
    let mut notify = query("app.internal", RecordType::SOA);
    notify.header.opcode = 4;
    assert_eq!(rcode(&notify), Rcode::NOTIMP);
    assert_eq!(rcode(&query("app.internal", RecordType::AXFR)), Rcode::REFUSED);
    assert_eq!(rcode(&query("app.internal", RecordType(250))), Rcode::NOTIMP);
    let mut chaos = query("version.bind", RecordType::TXT);
    chaos.questions[0].class = crate::kind::Class(3);
    assert_eq!(rcode(&chaos), Rcode::REFUSED);
    let mut double = query("web-1.app.internal", RecordType::A);
    double.questions.push(double.questions[0].clone());
    assert_eq!(rcode(&double), Rcode::FORMERR);
    let mut newer = query("web-1.app.internal", RecordType::A);
    newer.edns = Some(Edns { udp_bytes: 1232, version: 1, dnssec_ok: false });
    assert_eq!(rcode(&newer), Rcode::BADVERS);
}

#[test]
fn what_is_no_query_is_answered_or_dropped() {
    let mut garbage = query("a", RecordType::A).to_bytes(512);
    garbage.truncate(14);
    let Handling::Reply(reply) = handle(&zone(), &garbage, Transport::Udp) else { panic!() };
    assert_eq!((reply.bytes.len(), reply.bytes[3] & 0x0f), (12, 1));
    assert!(matches!(handle(&zone(), &garbage[..11], Transport::Udp), Handling::Drop(_)));
    garbage[2] |= 0x80;
    assert!(matches!(handle(&zone(), &garbage, Transport::Udp), Handling::Drop(_)));
}

#[test]
fn names_outside_the_domain_make_no_zone() {
    let mut input = ZoneInput { domain: "a.internal".into(), ..ZoneInput::default() };
    input.addresses.insert("web.b.internal".into(), Vec::new());
    let error = Zone::new(&input).unwrap_err();
    assert_eq!(
        error.to_string(),
        "web.b.internal is not below the domain a.internal; only names of the network are answered"
    );
}

/// A zone with two peered domains beside its own: one of them within its own, the other with names that
/// it has too.
fn zone_with_others() -> Zone {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let named = |names: &[(&str, &str)]| -> BTreeMap<String, Vec<IpAddr>> {
        names.iter().map(|(name, at)| ((*name).to_owned(), vec![address(at)])).collect()
    };
    let place = |target: &str| {
        vec![ServicePlace { priority: 0, weight: 1, port: 80, target: target.into() }]
    };
    Zone::new(&ZoneInput {
        domain: "corp.internal".into(),
        serial: 7,
        server: vec![address("10.0.0.2")],
        addresses: named(&[("web.corp.internal", "10.0.1.1"), ("a.db.corp.internal", "10.0.1.2")]),
        reverse: [(address("10.9.0.1"), "web.corp.internal".into())].into(),
        beside: vec![
            Domain {
                domain: "db.corp.internal".into(),
                addresses: named(&[
                    ("a.db.corp.internal", "10.8.0.1"),
                    ("b.db.corp.internal", "10.8.0.2"),
                ]),
                reverse: [(address("10.9.0.1"), "b.db.corp.internal".into())].into(),
                services: [("_sql._tcp.svc.db.corp.internal".into(), place("b.db.corp.internal"))]
                    .into(),
            },
            Domain {
                domain: "corp.internal".into(),
                addresses: named(&[
                    ("web.corp.internal", "10.9.0.1"),
                    ("job.corp.internal", "10.9.0.2"),
                ]),
                ..Domain::default()
            },
            Domain {
                domain: "corp.internal".into(),
                addresses: named(&[("job.corp.internal", "10.7.0.2")]),
                services: [("_none._tcp.svc.corp.internal".into(), Vec::new())].into(),
                ..Domain::default()
            },
        ],
        ..ZoneInput::default()
    })
    .unwrap()
}

#[test]
fn names_of_other_domains_are_answered_and_ones_own_come_first() {
    let zone = zone_with_others();
    let ask = |name: &str, record_type: RecordType| {
        let bytes = query(name, record_type).to_bytes(65_535);
        match handle(&zone, &bytes, Transport::Udp) {
            Handling::Reply(reply) => Some(Message::parse(&reply.bytes).unwrap()),
            Handling::Forward(_) => None,
            Handling::Drop(reason) => panic!("{reason:?}"),
        }
    };
    for (name, record_type, expected) in [
        ("web.corp.internal", RecordType::A, "10.0.1.1"),
        ("a.db.corp.internal", RecordType::A, "10.0.1.2"),
        ("b.db.corp.internal", RecordType::A, "10.8.0.2"),
        ("job.corp.internal", RecordType::A, "10.9.0.2"),
        ("_sql._tcp.svc.db.corp.internal", RecordType::SRV, "0 1 80 b.db.corp.internal"),
        ("1.0.9.10.in-addr.arpa", RecordType::PTR, "web.corp.internal"),
        // The server of what is answered here is this one, whatever the domain.
        ("db.corp.internal", RecordType::NS, "db.corp.internal"),
        ("db.corp.internal", RecordType::A, "10.0.0.2"),
    ] {
        let reply = ask(name, record_type).unwrap();
        assert_eq!(data(&reply.answers), [expected], "{name}");
        assert!(reply.header.authoritative, "{name}");
    }
    for (name, rcode, apex) in [
        ("c.db.corp.internal", Rcode::NXDOMAIN, "db.corp.internal"),
        ("c.corp.internal", Rcode::NXDOMAIN, "corp.internal"),
        ("_none._tcp.svc.corp.internal", Rcode::NOERROR, "corp.internal"),
    ] {
        let reply = ask(name, RecordType::A).unwrap();
        assert_eq!((reply.header.rcode, reply.answers.len()), (rcode, 0), "{name}");
        assert_eq!(reply.authorities[0].name.to_string(), apex, "{name}");
    }
    let targets = ask("_sql._tcp.svc.db.corp.internal", RecordType::SRV).unwrap().additionals;
    assert_eq!(data(&targets), ["10.8.0.2"]);
    assert!(ask("web.other.internal", RecordType::A).is_none());
}
