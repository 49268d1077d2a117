//! All the peers of the interface: our own machines on real sockets, many to each.

use crate::interface::{Ground, OUTER, PORT};
use crate::shaken::Shaken;
use anyhow::{Context as _, ensure};
use netloom_base::{Seed, Time, WallTime};
use netloom_sys::clock::{monotonic_now, wall_now};
use netloom_wireguard::limits::REKEY_AFTER_TIME;
use netloom_wireguard::{
    Identity, IndexTable, Message, PresharedKey, PrivateKey, PublicKey, Suite, Tunnel,
    TunnelConfig, TunnelEvent,
};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the peers call from.
pub const SOURCES: &str = "10.200.0.0/16";
/// The addresses that they have inside.
pub const ADDRESSES: &str = "10.128.0.0/9";
/// Most addresses, each with a socket: under load a source gets a few handshakes a second.
const SOCKETS_MAX: usize = 2048;
/// How long all handshakes together may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time without a completed handshake after which others call beside those that wait.
const STALL: Duration = Duration::from_secs(1);
const MTU_BYTES: usize = 1420;

/// The private key of a peer.
pub fn key(number: u32) -> PrivateKey {
    PrivateKey::from_seed(Seed::from_number(1_000_000 + u64::from(number)))
}

/// The address that a peer has inside.
pub fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 1)) + number)
}

/// The peers.
#[derive(Debug)]
pub struct Swarm {
    /// Number of the first one.
    first: u32,
    sockets: Vec<UdpSocket>,
    tunnels: Vec<Tunnel>,
    identities: Vec<Arc<Identity>>,
    server: PublicKey,
    indexes: IndexTable,
    /// What the first peer has received, when last, and the longest time between two.
    received: u32,
    last: Option<Instant>,
    gap: Duration,
    /// Initiations that were sent, and those that a cookie came back for.
    calls: u64,
    cookies: u64,
}

impl Swarm {
    /// Those with numbers of a range.
    pub fn new(ground: &Ground, server: &PublicKey, numbers: Range<u32>) -> anyhow::Result<Self> {
        let count = numbers.len();
        let far = ground.far()?;
        let bind = |number: usize| {
            let source = u32::from(Ipv4Addr::new(10, 200, 1, 0)) + numbers.start + number as u32;
            let socket = UdpSocket::bind((Ipv4Addr::from(source), 0))?;
            socket.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        let sockets =
            far.run(|| (0..count.min(SOCKETS_MAX)).map(bind).collect::<Result<Vec<_>, _>>())?;
        let mut swarm = Self {
            sockets: sockets.context("sockets of the peers")?,
            tunnels: Vec::new(),
            first: numbers.start,
            identities: numbers.clone().map(|one| Arc::new(Identity::new(key(one)))).collect(),
            server: *server,
            indexes: IndexTable::new(Seed([3; 32])),
            received: 0,
            last: None,
            gap: Duration::ZERO,
            calls: 0,
            cookies: 0,
        };
        for number in 0..count {
            let tunnel = swarm.tunnel(number, 0)?;
            swarm.tunnels.push(tunnel);
        }
        Ok(swarm)
    }

    fn tunnel(&self, number: usize, run: u64) -> anyhow::Result<Tunnel> {
        let config = TunnelConfig {
            remote: self.server,
            preshared: PresharedKey::default(),
            suite: Suite::default(),
            endpoint: Some(SocketAddr::new(OUTER.parse()?, PORT)),
            keepalive: None,
            mtu_bytes: MTU_BYTES,
            timestamp_floor: None,
            agrees_keys: false,
            rekey_after: REKEY_AFTER_TIME,
        };
        let seed = Seed::from_number(run << 32 | (u64::from(self.first) + number as u64));
        // There are fewer than 2^32 peers.
        let owner = number as u32;
        let identity = Arc::clone(&self.identities[number]);
        Ok(Tunnel::new(identity, config, owner, seed, monotonic_now())?)
    }

    /// Peers forget their sessions, as after a restart.
    pub fn start_anew(&mut self, which: Range<usize>) {
        for number in which {
            self.tunnels[number].close(&mut self.indexes);
            if let Ok(tunnel) = self.tunnel(number, 1) {
                self.tunnels[number] = tunnel;
            }
        }
    }

    /// Lets peers shake hands, so many at a time; gives how long that took.
    pub fn shake_hands(&mut self, which: Range<usize>, at_once: usize) -> anyhow::Result<Duration> {
        let wanted = which.len();
        let Shaken { done, time, .. } = self.shake_hands_within(which, at_once, PATIENCE)?;
        ensure!(done >= wanted, "{done} of {wanted} handshakes completed");
        Ok(time)
    }

    /// The same, but no longer than `limit`.
    pub fn shake_hands_within(
        &mut self,
        which: Range<usize>,
        at_once: usize,
        limit: Duration,
    ) -> anyhow::Result<Shaken> {
        let start = Instant::now();
        let (mut next, mut window) = (which.start, at_once);
        let (mut shaken, mut last) = (Shaken::default(), start);
        while shaken.done < which.len() && start.elapsed() < limit {
            let now = monotonic_now();
            while next < which.end && next - which.start - shaken.done < window {
                self.tunnels[next].enqueue(
                    now,
                    &packet(address(self.first + next as u32)),
                    usize::MAX,
                );
                self.drive(next, now);
                next += 1;
                // What comes back must not wait behind what goes out.
                if next % 32 == 0 {
                    break;
                }
            }
            let completed = self.receive()?;
            shaken.note(completed, which.len(), start.elapsed());
            if completed > 0 {
                last = Instant::now();
            } else if last.elapsed() > STALL {
                // Those that wait for an answer are not to be waited for.
                (window, last) = (window + at_once, Instant::now());
            }
            // Who was refused, or asked for a cookie, calls again.
            let now = monotonic_now();
            for number in which.start..next {
                let due = self.tunnels[number].poll_timeout();
                if due.is_some_and(|(due, _)| due <= now) {
                    self.drive(number, now);
                }
            }
        }
        shaken.time = start.elapsed();
        Ok(shaken)
    }

    /// Receives for a while.
    pub fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.receive()?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// How many packets came to the first peer, and the longest time between two.
    pub fn watched(&self) -> (u32, Duration) {
        (self.received, self.gap)
    }

    /// How many initiations were sent.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How many of them were answered by a cookie.
    pub fn cookies(&self) -> u64 {
        self.cookies
    }

    /// Does what is due, and sends what a peer has to say.
    fn drive(&mut self, number: usize, now: Time) -> usize {
        let tunnel = &mut self.tunnels[number];
        if tunnel.poll_timeout().is_some_and(|(due, _)| due <= now) {
            let WallTime(wall) = wall_now();
            tunnel.handle_timeout(now, WallTime(wall), &mut self.indexes);
        }
        while let Some(transmit) = tunnel.poll_transmit() {
            let is_call = matches!(Message::parse(&transmit.datagram), Ok(Message::Initiation(_)));
            self.calls += u64::from(is_call);
            // What the socket has no room for is lost, as on any wire.
            let _ =
                self.sockets[number % self.sockets.len()].send_to(&transmit.datagram, transmit.to);
        }
        let mut completed = 0;
        while let Some(event) = tunnel.poll_event() {
            completed += usize::from(matches!(event, TunnelEvent::HandshakeCompleted { .. }));
        }
        completed
    }

    /// Takes what has come; gives how many handshakes that completed.
    fn receive(&mut self) -> anyhow::Result<usize> {
        let (mut completed, mut buffer) = (0, [0; 2048]);
        for place in 0..self.sockets.len() {
            // A socket at a time, but none for ever.
            for _ in 0..64 {
                let Ok((bytes, from)) = self.sockets[place].recv_from(&mut buffer) else { break };
                completed += self.handle(from, &mut buffer[..bytes]).unwrap_or(0);
            }
        }
        Ok(completed)
    }

    fn handle(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Option<usize> {
        let now = monotonic_now();
        let index = match Message::parse(datagram).ok()? {
            Message::Response(response) => response.receiver(),
            Message::CookieReply(reply) => reply.receiver(),
            Message::Data(data) => data.receiver,
            Message::Initiation(_) => return None,
        };
        let number = self.indexes.owner(index)? as usize;
        let tunnel = self.tunnels.get_mut(number)?;
        match Message::parse(datagram).ok()? {
            Message::Response(response) => {
                tunnel.handle_response(now, from, &response, &mut self.indexes).ok()?;
            }
            Message::CookieReply(reply) => {
                self.cookies += 1;
                tunnel.handle_cookie_reply(now, &reply).ok()?;
            }
            Message::Data(data) => {
                let key = Arc::clone(tunnel.open_key(now, index).ok()?);
                let opened = key.open(data.counter, datagram);
                if opened && tunnel.accept(index, data.counter).is_ok() {
                    let bytes = datagram.len() as u64;
                    tunnel.received(now, from, index, true, bytes, &mut self.indexes);
                    if number == 0 {
                        self.note();
                    }
                }
            }
            Message::Initiation(_) => {}
        }
        Some(self.drive(number, now))
    }

    fn note(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.gap = self.gap.max(now - last);
        }
        self.received += 1;
    }
}

/// A UDP packet that a peer sends to the interface's own network: 28 bytes, nothing in it.
fn packet(from: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0; 28];
    packet[0] = 0x45;
    packet[3] = 28;
    (packet[8], packet[9]) = (64, 17);
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&[10, 127, 0, 1]);
    packet
}
