//! `lookup` against a server made of a zone.

use netloom_dns::zone::{ServicePlace, ZoneInput};
use netloom_dns::{Handling, ResolvConf, Transport, Zone, handle};
use netloom_probe::lookup::{lookup_at, server};
use netloom_probe::{LookupError, RecordType};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

fn zone() -> Zone {
    let mut input = ZoneInput { domain: "app.internal".into(), ..ZoneInput::default() };
    let web: Vec<IpAddr> = vec!["10.0.1.10".parse().unwrap(), "fd00:10::10".parse().unwrap()];
    input.reverse = web.iter().map(|address| (*address, "web-1.app.internal".into())).collect();
    input.addresses.insert("web-1.app.internal".into(), web);
    let many = (0..200).map(|host| IpAddr::from([10, 0, 2, host])).collect();
    input.addresses.insert("many.app.internal".into(), many);
    let target = "web-1.app.internal".into();
    let place = ServicePlace { priority: 0, weight: 1, port: 80, target };
    input.services.insert("_web._tcp.svc.app.internal".into(), vec![place]);
    Zone::new(&input).unwrap()
}

/// Answers over UDP and TCP until the test's process ends.
fn start() -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, source)) = udp.recv_from(&mut buffer) {
            if let Handling::Reply(reply) = handle(&zone(), &buffer[..length], Transport::Udp) {
                // One that is forged comes first.
                let mut forged = reply.bytes.clone();
                forged[0] ^= 1;
                udp.send_to(&forged, source).unwrap();
                udp.send_to(&reply.bytes, source).unwrap();
            }
        }
    });
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = tcp.accept() {
            let mut buffer = [0; 2048];
            let length = stream.read(&mut buffer).unwrap();
            if let Handling::Reply(reply) = handle(&zone(), &buffer[2..length], Transport::Tcp) {
                let size = u16::try_from(reply.bytes.len()).unwrap().to_be_bytes();
                stream.write_all(&[&size, reply.bytes.as_slice()].concat()).unwrap();
            }
        }
    });
    address
}

fn conf() -> ResolvConf {
    ResolvConf::parse("search other.internal app.internal\noptions timeout:2 attempts:1")
}

#[test]
fn the_type_follows_the_name_and_the_search_list_is_used() {
    let servers = [start()];
    for (name, expected) in [
        ("web-1.app.internal", vec!["10.0.1.10", "fd00:10::10"]),
        ("10.0.1.10", vec!["web-1.app.internal"]),
        ("fd00:10::10", vec!["web-1.app.internal"]),
        ("_web._tcp.svc.app.internal", vec!["0 1 80 web-1.app.internal"]),
    ] {
        let report = lookup_at(name, None, &servers, &conf()).unwrap();
        let json = report.to_json();
        let answers = json["answers"].as_array().unwrap().iter();
        let found: Vec<&str> = answers
            .flat_map(|answer| answer["records"].as_array().unwrap())
            .map(|record| record["data"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{name}");
        assert!(report.is_found());
    }
    let short = ResolvConf::parse("search svc.app.internal app.internal");
    let report = lookup_at("web-1", None, &servers, &short).unwrap();
    assert_eq!(report.answered[0].question.name.to_string(), "web-1.app.internal");
    assert!(report.to_string().contains("with authority"), "{report}");
}

#[test]
fn what_does_not_fit_udp_comes_over_tcp() {
    let report = lookup_at("many.app.internal", Some(RecordType::A), &[start()], &conf()).unwrap();
    assert_eq!(report.answered[0].records.len(), 200);
    assert_eq!(report.answered[0].transport, Transport::Tcp);
}

#[test]
fn a_name_without_records_is_a_result_in_words() {
    let servers = [start()];
    let report = lookup_at("no.app.internal.", None, &servers, &conf()).unwrap();
    assert!(report.to_string().starts_with("no.app.internal does not exist\n"), "{report}");
    assert_eq!(report.to_string().matches("does not exist").count(), 1);
    let text = Some(RecordType::TXT);
    let report = lookup_at("web-1.app.internal.", text, &servers, &conf()).unwrap();
    assert!(report.to_string().starts_with("web-1.app.internal has no TXT\n"), "{report}");
    assert!(!report.is_found());
}

#[test]
fn servers_that_do_not_answer_are_named_and_the_next_is_asked() {
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = lookup_at("web-1.app.internal.", None, &[dead], &conf()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("{dead}: refused: no DNS server listens there")), "{text}");
    let report = lookup_at("web-1.app.internal.", None, &[dead, start()], &conf()).unwrap();
    assert!(report.is_found());
}

#[test]
fn servers_are_written_as_addresses() {
    assert_eq!(server("@10.0.0.2").unwrap(), "10.0.0.2:53".parse().unwrap());
    assert_eq!(server("fd00::2").unwrap(), "[fd00::2]:53".parse().unwrap());
    assert_eq!(server("10.0.0.2:5353").unwrap(), "10.0.0.2:5353".parse().unwrap());
    assert!(matches!(server("dns.example"), Err(LookupError::Server { .. })));
}
