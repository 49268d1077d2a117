//! Ends that move while data flows both ways.

use super::talking::{connect, ping_from};
use super::{Evidence, Move};
use crate::world::{Joining, PORT, World};
use crate::{Family, Side};
use anyhow::ensure;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Moves in one connection.
const MOVES: u64 = 2;
/// Moves of their host: wireguard-go sends from the address at which it was last reached, and when
/// the kernel refuses that, lets go of it only after 15 s without an answer.
const MOVES_OF_THEIR_HOST: u64 = 1;
/// Bytes that have to arrive at both ends before the first move and after each.
const BYTES_BETWEEN: u64 = 2 << 20;
const TRANSFER_BYTES_MIN: u64 = 10 << 20;
/// Longest until the new address is known.
const FOLLOWED_MAX: Duration = Duration::from_secs(25);

/// A translator before the host gives it other addresses and ports.
pub(super) fn rebinding(
    world: &mut World,
    initiator: Side,
    side: Side,
    outer: Family,
) -> anyhow::Result<Evidence> {
    let mut translator = world.translate(side, outer)?;
    let joining = Joining::new(initiator, outer);
    let target = if initiator == side { translator.inside } else { translator.outside };
    world.introduce(initiator.other(), &joining, None)?;
    world.introduce(initiator, &joining, Some(target))?;
    ping_from(world, initiator, Family::Ipv4)?;
    ensure_known(world, side, translator.outside)?;
    follow(world, initiator, side, MOVES, |_| {
        translator.rebind()?;
        Ok(translator.outside)
    })
}

/// The host moves, or the end on it does.
pub(super) fn moving(
    world: &mut World,
    initiator: Side,
    side: Side,
    how: Move,
    outer: Family,
) -> anyhow::Result<Evidence> {
    world.join(&Joining::new(initiator, outer))?;
    ping_from(world, initiator, Family::Ipv4)?;
    let theirs = (side, how) == (Side::Theirs, Move::Host);
    let moves = if theirs { MOVES_OF_THEIR_HOST } else { MOVES };
    let mut port = PORT;
    follow(world, initiator, side, moves, |world| {
        if how == Move::Host {
            world.move_host(side)?;
        } else {
            port += 1;
            world.end(side).move_to_port(port)?;
        }
        Ok(SocketAddr::new(world.endpoint(side, outer).ip(), port))
    })
}

/// Moves the end again and again; the other must follow, and no byte be lost.
fn follow(
    world: &mut World,
    initiator: Side,
    side: Side,
    moves: u64,
    mut go: impl FnMut(&mut World) -> anyhow::Result<SocketAddr>,
) -> anyhow::Result<Evidence> {
    let data = connect(world, initiator, Family::Ipv6, TRANSFER_BYTES_MIN)?;
    data.wait_for(BYTES_BETWEEN)?;
    let mut longest = Duration::ZERO;
    for _ in 0..moves {
        let address = go(world)?;
        let start = Instant::now();
        while ensure_known(world, side, address).is_err() && start.elapsed() < FOLLOWED_MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        ensure_known(world, side, address)?;
        longest = longest.max(start.elapsed());
        data.wait_for(BYTES_BETWEEN)?;
    }
    let done = data.finish()?;
    ping_from(world, side.other(), Family::Ipv4)?;
    let handshakes = world.ours.peer_status(&world.key(Side::Theirs))?.handshakes;
    let words = format!(
        "{moves} moves followed within {longest:.1?}, {:.1} MB, handshakes {handshakes}",
        done.bytes as f64 / 1e6
    );
    Ok(Evidence { words, bytes: done.bytes, moves, ..Evidence::default() })
}

/// Whether the other end knows where this one is.
fn ensure_known(world: &mut World, side: Side, address: SocketAddr) -> anyhow::Result<()> {
    let key = world.key(side);
    let found = world.end(side.other()).status(&key)?.endpoint;
    ensure!(found == Some(address), "{side} is at {address} and looked for at {found:?}");
    Ok(())
}
