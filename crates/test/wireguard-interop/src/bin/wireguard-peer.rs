//! A stock WireGuard peer without a device: it holds a session, sends echo requests into the tunnel, and refuses
//! TCP connections out of it. It needs neither rights nor other programs, so that shows can run it anywhere in a lab.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it says what it has seen")]

use anyhow::Context as _;
use clap::Parser as _;
use netloom_base::{Seed, Time, WallTime, checksum};
use netloom_wireguard::limits::REKEY_AFTER_TIME;
use netloom_wireguard::message::DATA_HEADER_BYTES;
use netloom_wireguard::{
    Identity, IndexTable, Message, PresharedKey, PrivateKey, PublicKey, Suite, TAG_BYTES, Tunnel,
    TunnelConfig,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MTU_BYTES: usize = 1420;
/// How often it looks whether something is due.
const TICK: Duration = Duration::from_millis(20);
/// How often it sends an echo request until one is answered.
const ECHO_INTERVAL: Duration = Duration::from_secs(1);
const IPV4_HEADER_BYTES: usize = 20;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const RST_ACK: u8 = 0x14;
const SYN: u8 = 0x02;

/// A stock WireGuard peer without a device.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// Its private key is made of this number.
    #[arg(long)]
    key: u64,
    /// Prints its public key, and does nothing else.
    #[arg(long)]
    public_key: bool,
    /// The node's public key.
    #[arg(long, required_unless_present = "public_key")]
    node_key: Option<PublicKey>,
    /// Where the node is.
    #[arg(long, required_unless_present = "public_key")]
    endpoint: Option<SocketAddr>,
    /// Its own address in the tunnel.
    #[arg(long, required_unless_present = "public_key")]
    address: Option<Ipv4Addr>,
    /// Who is sent echo requests.
    #[arg(long, required_unless_present = "public_key")]
    echo: Option<Ipv4Addr>,
    /// How long it runs.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Ends as soon as an echo request was answered.
    #[arg(long)]
    once: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let key = PrivateKey::from_seed(Seed::from_number(arguments.key));
    if arguments.public_key {
        println!("{}", key.public());
        return Ok(());
    }
    Peer::new(&arguments, key)?.run(Duration::from_secs(arguments.seconds), arguments.once)
}

struct Peer {
    tunnel: Tunnel,
    indexes: IndexTable,
    socket: UdpSocket,
    address: Ipv4Addr,
    echo: Ipv4Addr,
    start: Instant,
    answered: bool,
}

impl Peer {
    fn new(arguments: &Arguments, key: PrivateKey) -> anyhow::Result<Self> {
        let config = TunnelConfig {
            remote: arguments.node_key.context("--node-key is missing")?,
            preshared: PresharedKey::default(),
            agrees_keys: false,
            rekey_after: REKEY_AFTER_TIME,
            suite: Suite::default(),
            endpoint: arguments.endpoint,
            keepalive: None,
            mtu_bytes: MTU_BYTES,
            timestamp_floor: None,
        };
        let seed = Seed::from_number(u64::from(std::process::id()));
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("cannot open a port")?;
        socket.set_read_timeout(Some(TICK)).context("cannot set a timeout")?;
        Ok(Self {
            tunnel: Tunnel::new(Arc::new(Identity::new(key)), config, 0, seed, Time(0))?,
            indexes: IndexTable::new(seed),
            socket,
            address: arguments.address.context("--address is missing")?,
            echo: arguments.echo.context("--echo is missing")?,
            start: Instant::now(),
            answered: false,
        })
    }

    fn run(mut self, lifetime: Duration, once: bool) -> anyhow::Result<()> {
        let mut echo_at = Duration::ZERO;
        while self.start.elapsed() < lifetime && !(once && self.answered) {
            if !self.answered && self.start.elapsed() >= echo_at {
                let request = ipv4(self.address, self.echo, ICMP, &echo_request());
                self.send(&request);
                echo_at = self.start.elapsed() + ECHO_INTERVAL;
            }
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let wall = WallTime(u64::try_from(wall.as_nanos())?);
            self.tunnel.handle_timeout(self.now(), wall, &mut self.indexes);
            while let Some(transmit) = self.tunnel.poll_transmit() {
                // Where nobody listens yet the next one may arrive.
                let _ = self.socket.send_to(&transmit.datagram, transmit.to);
            }
            let mut datagram = [0; 2048];
            if let Ok((length, from)) = self.socket.recv_from(&mut datagram) {
                self.received(from, &mut datagram[..length]);
            }
        }
        Ok(())
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn send(&mut self, packet: &[u8]) {
        let now = self.now();
        match self.tunnel.seal_packet(now, packet) {
            Some(transmit) => drop(self.socket.send_to(&transmit.datagram, transmit.to)),
            None => self.tunnel.enqueue(now, packet, usize::MAX),
        }
    }

    fn received(&mut self, from: SocketAddr, datagram: &mut [u8]) {
        let now = self.now();
        let data = match Message::parse(datagram) {
            Ok(Message::Response(response)) => {
                let done = self.tunnel.handle_response(now, from, &response, &mut self.indexes);
                return if done.is_ok() {
                    println!("session")
                };
            }
            Ok(Message::Data(data)) => data,
            Ok(_) | Err(_) => return,
        };
        let Ok(key) = self.tunnel.open_key(now, data.receiver) else { return };
        let is_new = key.clone().open(data.counter, datagram)
            && self.tunnel.accept(data.receiver, data.counter).is_ok();
        if is_new {
            let packet = &datagram[DATA_HEADER_BYTES..datagram.len() - TAG_BYTES];
            let (has_data, bytes) = (!packet.is_empty(), datagram.len() as u64);
            self.tunnel.received(now, from, data.receiver, has_data, bytes, &mut self.indexes);
            self.inner(packet);
        }
    }

    /// A packet out of the tunnel.
    fn inner(&mut self, packet: &[u8]) {
        let (Some(header), Some(payload)) =
            (packet.first_chunk::<IPV4_HEADER_BYTES>(), packet.get(IPV4_HEADER_BYTES..))
        else {
            return;
        };
        let from = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
        match (header[9], payload) {
            (ICMP, [0, ..]) if !self.answered => {
                self.answered = true;
                println!("{from} answered");
            }
            (TCP, segment) if segment.get(13).is_some_and(|flags| flags & SYN != 0) => {
                println!("{from} called port {}", u16::from_be_bytes([segment[2], segment[3]]));
                let refusal = refusal(self.address, from, segment);
                self.send(&ipv4(self.address, from, TCP, &refusal));
            }
            _ => {}
        }
    }
}

fn echo_request() -> [u8; 8] {
    let mut message = [8, 0, 0, 0, 0, 1, 0, 1];
    let sum = checksum::internet(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// What a host answers where nobody listens (RFC 9293 §3.5.2).
fn refusal(from: Ipv4Addr, to: Ipv4Addr, syn: &[u8]) -> [u8; 20] {
    let mut segment = [0; 20];
    segment[..2].copy_from_slice(&syn[2..4]);
    segment[2..4].copy_from_slice(&syn[..2]);
    let number = u32::from_be_bytes([syn[4], syn[5], syn[6], syn[7]]).wrapping_add(1);
    segment[8..12].copy_from_slice(&number.to_be_bytes());
    segment[12] = 5 << 4;
    segment[13] = RST_ACK;
    let sum = checksum::transport(IpAddr::V4(from), IpAddr::V4(to), TCP, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(IPV4_HEADER_BYTES + payload.len()).expect("packets here are short");
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum::internet(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}
