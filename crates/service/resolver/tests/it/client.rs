//! A client that asks, and an upstream that answers everything with one address.

use netloom_dns::{Data, Message, Question, Rcode, Record, RecordType, client};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const ID: u16 = 0x4e4c;
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(10));

pub(crate) fn question(name: &str, record_type: RecordType) -> Question {
    Question::new(name.parse().unwrap(), record_type)
}

pub(crate) fn data(message: &Message) -> Vec<String> {
    message.answers.iter().map(|record| Data::of(record).to_string()).collect()
}

pub(crate) fn ask_udp(server: SocketAddr, question: &Question) -> Message {
    let own = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(own).unwrap();
    socket.set_read_timeout(TIMEOUT).unwrap();
    socket.connect(server).unwrap();
    socket.send(&client::query(ID, question)).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    client::answer(ID, question, &buffer[..length]).unwrap()
}

pub(crate) fn ask_tcp(server: SocketAddr, question: &Question) -> Message {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(TIMEOUT).unwrap();
    send(&mut stream, &client::query(ID, question));
    client::answer(ID, question, &receive(&mut stream)).unwrap()
}

fn send(stream: &mut TcpStream, message: &[u8]) {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, message].concat()).unwrap();
}

fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

/// A resolver that gives one address for every name.
pub(crate) struct Upstream {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Upstream {
    /// One that, if it cuts, answers over UDP only that the answer does not fit. Its threads end
    /// with the test's process.
    pub(crate) fn start(answer: [u8; 4], cut: bool) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (over_udp, over_tcp) = (Arc::clone(&asked), Arc::clone(&asked));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, source)) = udp.recv_from(&mut buffer) {
                over_udp.fetch_add(1, Ordering::SeqCst);
                let reply = reply(&buffer[..length], answer, cut);
                udp.send_to(&reply, source).unwrap();
            }
        });
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = tcp.accept() {
                over_tcp.fetch_add(1, Ordering::SeqCst);
                let query = receive(&mut stream);
                send(&mut stream, &reply(&query, answer, false));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn reply(query: &[u8], answer: [u8; 4], cut: bool) -> Vec<u8> {
    let mut message = Message::parse(query).unwrap();
    message.header = message.header.reply(Rcode::NOERROR);
    message.header.truncated = cut;
    if !cut {
        let name = message.questions[0].name.clone();
        message.answers = vec![Record::new(name, RecordType::A, 300, answer.to_vec())];
    }
    message.to_bytes(4096)
}
