//! New handshakes while traffic flows: forced, and by the age of the session.

use super::Evidence;
use super::talking::{connect, connect_paced, ping_from};
use crate::wire::{Seen, Wire};
use crate::world::{Joining, World};
use crate::{Family, Side, ground};
use anyhow::{Context as _, ensure};
use netloom_sys::icmp::EchoSocket;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Rekeys in one connection.
const REKEYS: u64 = 2;
const BYTES_BETWEEN: u64 = 2 << 20;
const TRANSFER_BYTES_MIN: u64 = 10 << 20;
/// The time of a handshake may be told by a clock that is compared with another one each time.
const SAME_HANDSHAKE: Duration = Duration::from_millis(10);
/// Between two sessions: gotatun tells the time of a handshake by a clock that moves on only every
/// 250 ms, so two within that would look like one.
const SESSION_AGE_MIN: Duration = Duration::from_millis(300);
/// Longest until the new session is there. An end waits five seconds between its handshakes.
const REKEYED_MAX: Duration = Duration::from_secs(12);

/// The age at which the initiator replaces a session (§6.1), with room for timers on their side.
const AGE: [Duration; 2] = [Duration::from_secs(118), Duration::from_secs(130)];
/// Between blocks of the connection beside the pings, so that many such trials share a machine.
const BLOCK_INTERVAL: Duration = Duration::from_millis(100);
/// How long pings go on after the new session.
const AFTERWARDS: Duration = Duration::from_secs(3);
const PING_INTERVAL: Duration = Duration::from_millis(50);
/// Longest wait for the last replies.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// The initiator is made to forget its session, so that it starts anew while data flows.
pub(super) fn forced(world: &mut World, initiator: Side) -> anyhow::Result<Evidence> {
    let joining = Joining::new(initiator, Family::Ipv4);
    world.join(&joining)?;
    ping_from(world, initiator, Family::Ipv4)?;
    let (called, key) = (initiator.other(), world.key(initiator));
    let data = connect(world, initiator, Family::Ipv4, TRANSFER_BYTES_MIN)?;
    let mut longest = Duration::ZERO;
    for _ in 0..REKEYS {
        data.wait_for(BYTES_BETWEEN)?;
        std::thread::sleep(SESSION_AGE_MIN);
        let before = world.end(called).status(&key)?.last_handshake;
        let peer = world.key(called);
        let target = world.endpoint(called, Family::Ipv4);
        world.end(initiator).forget_peer(&peer)?;
        world.introduce(initiator, &joining, Some(target))?;
        let start = Instant::now();
        while world.end(called).status(&key)?.last_handshake.abs_diff(before) < SAME_HANDSHAKE {
            ensure!(start.elapsed() < REKEYED_MAX, "no new handshake");
            std::thread::sleep(Duration::from_millis(5));
        }
        longest = longest.max(start.elapsed());
        data.wait_for(BYTES_BETWEEN)?;
    }
    let done = data.finish()?;
    if called == Side::Ours {
        let count = world.ours.peer_status(&world.key(Side::Theirs))?.handshakes;
        ensure!(count > REKEYS, "our end counts {count} handshakes");
    }
    let megabytes = done.bytes as f64 / 1e6;
    let words = format!("{REKEYS} new sessions, each within {longest:.1?}, {megabytes:.1} MB");
    Ok(Evidence { words, bytes: done.bytes, rekeys: REKEYS, ..Evidence::default() })
}

/// Waits for the initiator to find its session old while a connection sends both ways; no ping may be
/// lost.
pub(super) fn by_age(world: &mut World, initiator: Side) -> anyhow::Result<Evidence> {
    let wire = Wire::open(world.host(Side::Ours))?;
    world.join(&Joining::new(initiator, Family::Ipv4))?;
    ping_from(world, initiator, Family::Ipv4)?;
    ping_from(world, initiator.other(), Family::Ipv4)?;
    let data = connect_paced(world, initiator, Family::Ipv4, TRANSFER_BYTES_MIN, BLOCK_INTERVAL)?;
    let mut streams = [Stream::open(world, Side::Ours)?, Stream::open(world, Side::Theirs)?];
    let first = initiations(&wire.drain()?).next().context("no initiation was seen")?.at;
    let mut second: Option<Seen> = None;
    while second.is_none_or(|second| second.at.elapsed() < AFTERWARDS) {
        ensure!(first.elapsed() < AGE[1] + AFTERWARDS, "no new handshake");
        second = second.or(initiations(&wire.drain()?).next());
        streams.iter_mut().for_each(Stream::send);
        std::thread::sleep(PING_INTERVAL);
        streams.iter_mut().for_each(Stream::receive);
    }
    let done = data.finish()?;
    let end = Instant::now();
    while streams.iter().any(|stream| stream.lost() > 0) && end.elapsed() < STRAGGLERS {
        std::thread::sleep(PING_INTERVAL);
        streams.iter_mut().for_each(Stream::receive);
    }
    let second = second.context("no new handshake")?;
    let age = second.at.duration_since(first);
    ensure!(second.from == initiator, "{} started the new handshake", second.from);
    ensure!(age >= AGE[0], "the new handshake came after {age:.1?}");
    let handshakes = world.ours.peer_status(&world.key(Side::Theirs))?.handshakes;
    ensure!(handshakes == 2, "our end counts {handshakes} handshakes");
    let (sent, lost) = (streams[0].sent + streams[1].sent, streams[0].lost() + streams[1].lost());
    ensure!(lost == 0, "{lost} of {sent} pings lost");
    let megabytes = done.bytes as f64 / 1e6;
    let words =
        format!("after {age:.1?}, none of {sent} pings lost, {megabytes:.1} MB beside them");
    Ok(Evidence { words, bytes: done.bytes, rekeys: 1, ..Evidence::default() })
}

fn initiations(seen: &[Seen]) -> impl Iterator<Item = Seen> + '_ {
    seen.iter().copied().filter(|one| one.kind == 1)
}

/// Pings at a steady pace.
struct Stream {
    socket: EchoSocket,
    to: IpAddr,
    sent: u64,
    received: u64,
}

impl Stream {
    fn open(world: &World, from: Side) -> anyhow::Result<Self> {
        let to = ground::inner(from.other(), Family::Ipv4);
        let socket = world.host(from).run(|| EchoSocket::open(false, 9))??;
        Ok(Self { socket, to, sent: 0, received: 0 })
    }

    fn send(&mut self) {
        // One that cannot be sent counts as lost.
        let _ = self.socket.send(self.to, self.sent as u16, b"netloom");
        self.sent += 1;
    }

    fn receive(&mut self) {
        while let Ok(Some(_)) = self.socket.receive() {
            self.received += 1;
        }
    }

    fn lost(&self) -> u64 {
        self.sent - self.received.min(self.sent)
    }
}
