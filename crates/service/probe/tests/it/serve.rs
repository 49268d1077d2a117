//! The built-in servers: HTTP, echo, their limits and their end.

use netloom_model::fabric::ServeKind;
use netloom_probe::{ServeError, Server};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// A server of one kind on a port of the kernel's choice.
pub(crate) fn start(kind: ServeKind) -> (Server, u16) {
    let server = Server::start("web-1", &[(kind, 0)]).unwrap();
    let port = server.addresses()[0].1.port();
    (server, port)
}

fn ask(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.write_all(request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn http_tells_who_answered_whom_and_keeps_the_connection() {
    let (server, port) = start(ServeKind::Http);
    let request = b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nHEAD /c HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = ask(port, request);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert!(answer.contains(&format!("web-1\naddress 127.0.0.1:{port}\ncaller 127.0.0.1:")));
    assert!(answer.contains("\npath /a?b\n"));
    assert!(!answer.contains("path /c"), "a HEAD has no body: {answer}");
    server.stop();
}

#[test]
fn http_refuses_what_it_does_not_serve() {
    let (server, port) = start(ServeKind::Http);
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(40_000));
    for (request, status) in [
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(), "405 "),
        (b"nonsense\r\n\r\n", "400 "),
        (long.as_bytes(), "431 "),
    ] {
        let answer = ask(port, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    server.stop();
}

#[test]
fn echoes_come_back_over_both_families() {
    let (tcp, tcp_port) = start(ServeKind::Tcp);
    let (udp, udp_port) = start(ServeKind::Udp);
    let data: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let hosts: [(std::net::IpAddr, &str); 2] =
        [(Ipv4Addr::LOCALHOST.into(), "127.0.0.1:0"), (Ipv6Addr::LOCALHOST.into(), "[::1]:0")];
    for (host, own) in hosts {
        let mut stream = TcpStream::connect((host, tcp_port)).unwrap();
        stream.write_all(&data).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        assert_eq!(back, data);

        let socket = UdpSocket::bind(own).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.connect(SocketAddr::new(host, udp_port)).unwrap();
        socket.send(&data[..1000]).unwrap();
        let mut buffer = [0; 2000];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], data[..1000]);
    }
    tcp.stop();
    udp.stop();
}

#[test]
fn a_taken_port_is_named_with_its_remedy() {
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = Server::start("web-1", &[(ServeKind::Http, port)]).unwrap_err();
    assert!(matches!(error, ServeError::PortTaken { kind: "http", port: taken } if taken == port));
    assert!(error.to_string().contains("attach.serve"), "{error}");
}

#[test]
fn stopping_cuts_connections_and_frees_the_port_at_once() {
    let server =
        Server::start("web-1", &[(ServeKind::Http, 0), (ServeKind::Tcp, 0), (ServeKind::Udp, 0)])
            .unwrap();
    let ports: Vec<u16> = server.addresses().iter().map(|(_, address)| address.port()).collect();
    let mut silent = TcpStream::connect((Ipv4Addr::LOCALHOST, ports[1])).unwrap();
    silent.write_all(b"a").unwrap();
    silent.read_exact(&mut [0]).unwrap();
    let stopper = server.stopper();
    let running = std::thread::spawn(move || server.run());
    let start = Instant::now();
    stopper.stop();
    running.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
    drop(stopper);
    drop(UdpSocket::bind(("0.0.0.0", ports[2])).unwrap());
    drop(TcpListener::bind(("0.0.0.0", ports[0])).unwrap());
}
