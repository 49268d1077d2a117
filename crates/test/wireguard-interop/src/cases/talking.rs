//! Handshake, data both ways, and a tunnel held open without any.

use super::Evidence;
use crate::traffic::{Duplex, ping};
use crate::wire::{Seen, Wire};
use crate::world::{Joining, World};
use crate::{Family, Side, ground};
use anyhow::{Context as _, ensure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Longest wait for a reply; two attempts at a handshake take five seconds and some.
pub(super) const REPLY_MAX: Duration = Duration::from_secs(12);
/// Bytes that each end sends at least.
const TRANSFER_BYTES_MIN: u64 = 10 << 20;
/// The port of the inner connection.
const INNER_PORT: u16 = 5001;
/// The persistent keepalive, the shortest that there is.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// How long the tunnel is watched without traffic.
const WATCH: Duration = Duration::from_millis(4500);
/// Keepalives that have to be seen in that time.
const KEEPALIVES_MIN: usize = 3;

/// Pings from one end to the other until the first reply.
pub(super) fn ping_from(world: &World, from: Side, family: Family) -> anyhow::Result<Duration> {
    let to = ground::inner(from.other(), family);
    let reply = ping(world.host(from), to, REPLY_MAX)?;
    reply.with_context(|| format!("{from}: no reply from {to}"))
}

/// Begins a connection through the tunnel, from the end that starts it.
pub(super) fn connect(
    world: &World,
    initiator: Side,
    inner: Family,
    bytes_min: u64,
) -> anyhow::Result<Duplex> {
    connect_paced(world, initiator, inner, bytes_min, Duration::ZERO)
}

/// The same with a pause after each block.
pub(super) fn connect_paced(
    world: &World,
    initiator: Side,
    inner: Family,
    bytes_min: u64,
    pause: Duration,
) -> anyhow::Result<Duplex> {
    let address = SocketAddr::new(ground::inner(initiator.other(), inner), INNER_PORT);
    Duplex::start(world.host(initiator), world.host(initiator.other()), address, bytes_min, pause)
}

pub(super) fn handshake(
    world: &mut World,
    initiator: Side,
    outer: Family,
) -> anyhow::Result<Evidence> {
    let wire = Wire::open(world.host(Side::Ours))?;
    world.join(&Joining::new(initiator, outer))?;
    let first = ping_from(world, initiator, Family::Ipv4)?;
    for from in Side::BOTH {
        for family in Family::BOTH {
            ping_from(world, from, family)?;
        }
    }
    let seen = wire.drain()?;
    let handshake: Vec<(Side, u8)> =
        seen.iter().filter(|one| one.kind != 4).map(|one| (one.from, one.kind)).collect();
    let expected = [(initiator, 1), (initiator.other(), 2)];
    ensure!(handshake == expected, "the handshake was {handshake:?}");
    let ours = world.ours.peer_status(&world.key(Side::Theirs))?;
    ensure!(ours.handshakes == 1, "our end counts {} handshakes", ours.handshakes);
    let theirs = world.theirs.status(&world.key(Side::Ours))?;
    ensure!(!theirs.last_handshake.is_zero(), "the other end knows of no handshake");
    for side in Side::BOTH {
        let key = world.key(side.other());
        let (found, expected) =
            (world.end(side).status(&key)?.endpoint, world.endpoint(side.other(), outer));
        ensure!(found == Some(expected), "{side}: the other is at {found:?}, not {expected}");
    }
    Ok(Evidence { words: format!("first reply after {first:.1?}"), ..Evidence::default() })
}

pub(super) fn transfer(
    world: &mut World,
    initiator: Side,
    outer: Family,
    inner: Family,
) -> anyhow::Result<Evidence> {
    world.join(&Joining::new(initiator, outer))?;
    let done = connect(world, initiator, inner, TRANSFER_BYTES_MIN)?.finish()?;
    let rate = done.bytes as f64 / done.duration.as_secs_f64() / 1e6;
    let words = format!("{:.1} MB at {rate:.0} MB/s", done.bytes as f64 / 1e6);
    Ok(Evidence { words, bytes: done.bytes, ..Evidence::default() })
}

pub(super) fn keepalive(world: &mut World, initiator: Side) -> anyhow::Result<Evidence> {
    let wire = Wire::open(world.host(Side::Ours))?;
    let joining = Joining { keepalive: Some(KEEPALIVE), ..Joining::new(initiator, Family::Ipv4) };
    world.join(&joining)?;
    let key = world.key(Side::Theirs);
    let start = Instant::now();
    while !world.ours.peer_status(&key)?.has_session {
        ensure!(start.elapsed() < REPLY_MAX, "a keepalive opens no session");
        std::thread::sleep(Duration::from_millis(20));
    }
    let opening = wire.drain()?;
    let started = opening.first().map(|one| (one.from, one.kind));
    ensure!(started == Some((initiator, 1)), "the first message was {started:?}");
    std::thread::sleep(WATCH);
    let seen = wire.drain()?;
    let count = |from| seen.iter().filter(|one| one.from == from && one.is_keepalive()).count();
    let (sent, returned) = (count(initiator), count(initiator.other()));
    ensure!(sent >= KEEPALIVES_MIN, "{sent} keepalives in {WATCH:?}: {seen:?}");
    ensure!(returned <= 1, "keepalives were answered {returned} times");
    let others = seen.iter().filter(|one: &&Seen| !one.is_keepalive()).count();
    ensure!(others == 0, "{others} other messages without traffic: {seen:?}");
    let words = format!("{sent} keepalives in {WATCH:.1?}");
    Ok(Evidence { words, ..Evidence::default() })
}
