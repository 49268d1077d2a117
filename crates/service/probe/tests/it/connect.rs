//! `connect` against servers that answer, refuse and stay silent.

use crate::serve::start;
use netloom_model::fabric::ServeKind;
use netloom_probe::connect::Outcome;
use netloom_probe::{Refusal, Transport, connect};
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn a_server_that_speaks_first_is_quoted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-x\r\n").unwrap();
    });
    let report = connect("127.0.0.1", port, Transport::Tcp, TIMEOUT).unwrap();
    server.join().unwrap();
    assert!(report.is_reached());
    assert!(report.to_string().contains(r#"and said "SSH-2.0-x\r\n""#), "{report}");
    assert_eq!(report.to_json()["attempts"][0]["first_bytes"], "SSH-2.0-x\r\n");
}

#[test]
fn an_echo_over_udp_is_recognised() {
    let (server, port) = start(ServeKind::Udp);
    let report = connect("127.0.0.1", port, Transport::Udp, TIMEOUT).unwrap();
    assert!(report.to_string().contains("sent back what it was sent"), "{report}");
    server.stop();
}

#[test]
fn a_port_where_nothing_listens_is_refused() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (port, transport) in [(tcp, Transport::Tcp), (udp, Transport::Udp)] {
        let report = connect("127.0.0.1", port, transport, TIMEOUT).unwrap();
        let Outcome::Failed { refusal, elapsed } = &report.attempts[0].outcome else {
            panic!("{report}")
        };
        assert_eq!(*refusal, Refusal::Refused, "{report}");
        assert!(*elapsed < TIMEOUT);
        assert!(report.to_string().contains("nothing listens"), "{report}");
    }
}

#[test]
fn silence_is_a_timeout_and_names_the_next_step() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let timeout = Duration::from_millis(50);
    let report = connect("127.0.0.1", port, Transport::Udp, timeout).unwrap();
    assert_eq!(report.to_json()["attempts"][0]["outcome"], "timeout");
    assert!(report.to_string().contains("netloom explain FROM 127.0.0.1:"), "{report}");
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let report = connect("localhost", port, Transport::Tcp, TIMEOUT).unwrap();
    assert!(report.is_reached(), "{report}");
}
