//! Preshared keys that agree and that do not, and ends that are not known.

use super::talking::ping_from;
use super::{Evidence, Psk};
use crate::traffic::ping;
use crate::wire::Wire;
use crate::world::{Joining, World};
use crate::{Family, Side, ground};
use anyhow::ensure;
use std::time::Duration;

/// How long a tunnel that must not come up is watched: one attempt at a handshake and the next.
const WATCH: Duration = Duration::from_millis(6500);
const KEYS: [[u8; 32]; 2] = [[0x5a; 32], [0xa5; 32]];

pub(super) fn psk(world: &mut World, initiator: Side, psk: Psk) -> anyhow::Result<Evidence> {
    let keys = match psk {
        Psk::Same => [Some(KEYS[0]); 2],
        Psk::Different => KEYS.map(Some),
        Psk::OnlyOurs => [Some(KEYS[0]), None],
        Psk::OnlyTheirs => [None, Some(KEYS[0])],
    };
    world.join(&Joining { psk: keys, ..Joining::new(initiator, Family::Ipv4) })?;
    if psk == Psk::Same {
        let first = ping_from(world, initiator, Family::Ipv6)?;
        ping_from(world, initiator.other(), Family::Ipv4)?;
        let words = format!("first reply after {first:.1?}");
        return Ok(Evidence { words, ..Evidence::default() });
    }
    let wire = Wire::open(world.host(Side::Ours))?;
    let to = ground::inner(initiator.other(), Family::Ipv4);
    let reply = ping(world.host(initiator), to, WATCH)?;
    ensure!(reply.is_none(), "a reply came without a common key");
    let seen = wire.drain()?;
    let attempts = seen.iter().filter(|one| (one.from, one.kind) == (initiator, 1)).count();
    ensure!(attempts > 0, "nobody tried");
    ensure!(seen.iter().all(|one| one.kind != 4), "data was sent without a common key");
    let ours = world.ours.peer_status(&world.key(Side::Theirs))?;
    ensure!(!ours.has_session && ours.handshakes == 0, "our end has a session: {ours:?}");
    let words = format!("{attempts} attempts in {WATCH:.1?}, no session");
    Ok(Evidence { words, ..Evidence::default() })
}

pub(super) fn stranger(world: &mut World, initiator: Side) -> anyhow::Result<Evidence> {
    let wire = Wire::open(world.host(Side::Ours))?;
    let joining = Joining::new(initiator, Family::Ipv4);
    let called = initiator.other();
    let target = world.endpoint(called, Family::Ipv4);
    world.introduce(initiator, &joining, Some(target))?;
    let to = ground::inner(called, Family::Ipv4);
    // Less than the interval of attempts, so that the next one shows what has changed.
    let reply = ping(world.host(initiator), to, Duration::from_secs(2))?;
    ensure!(reply.is_none(), "a stranger gets replies");
    let seen = wire.drain()?;
    let attempts = seen.iter().filter(|one| (one.from, one.kind) == (initiator, 1)).count();
    ensure!(attempts > 0, "nobody tried");
    let answers = seen.iter().filter(|one| one.from == called).count();
    ensure!(answers == 0, "a stranger was answered {answers} times");
    if called == Side::Ours {
        let refused = world.ours.dropped("UnknownPeer")?;
        ensure!(refused == attempts as u64, "{attempts} attempts, {refused} counted as refused");
    }
    // Once it is known, the same call is answered, so that nothing else was in its way.
    world.introduce(called, &joining, None)?;
    let first = ping_from(world, initiator, Family::Ipv4)?;
    let theirs = world.theirs.status(&world.key(Side::Ours))?;
    ensure!(theirs.rx_bytes > 0, "the other end has counted nothing");
    let words = format!("{attempts} attempts without answer; {first:.1?} once it is known");
    Ok(Evidence { words, ..Evidence::default() })
}
