//! A flood of initiations at the end that is called, which makes it ask who calls for a cookie (§5.3).

use super::Evidence;
use crate::flood::Flood;
use crate::traffic::ping;
use crate::wire::{Seen, Wire};
use crate::world::{Joining, World};
use crate::{Family, Side, ground};
use anyhow::ensure;
use std::time::{Duration, Instant};

/// How long the flood goes on before anybody calls.
const LEAD: Duration = Duration::from_millis(1500);
/// Longest until the tunnel is up: an attempt may be lost in the flood, and each waits five seconds.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long is waited for a reply before the wire is looked at again.
const TURN: Duration = Duration::from_millis(500);
/// What our end drops for that reason.
const COOKIE_SENT: &str = "Wireguard(CookieSent)";

pub(super) fn flooded(world: &mut World, initiator: Side) -> anyhow::Result<Evidence> {
    let (called, outer) = (initiator.other(), Family::Ipv4);
    let joining = Joining::new(initiator, outer);
    let target = world.endpoint(called, outer);
    world.introduce(called, &joining, None)?;
    let flood = Flood::start(world.router(), target, world.key(called))?;
    std::thread::sleep(LEAD);
    // The flood does not pass the host of the end that calls.
    let wire = Wire::at(world.host(initiator), initiator)?;
    world.introduce(initiator, &joining, Some(target))?;
    let to = ground::inner(called, Family::Ipv4);
    let (start, mut seen) = (Instant::now(), Vec::<Seen>::new());
    while ping(world.host(initiator), to, TURN)?.is_none() {
        seen.extend(wire.drain()?);
        ensure!(start.elapsed() < PATIENCE, "no reply while it is flooded: {}", told(&seen));
    }
    let took = start.elapsed();
    seen.extend(wire.drain()?);
    let sent = flood.stop()?;
    let cookies = seen.iter().filter(|one| (one.from, one.kind) == (called, 3)).count();
    ensure!(cookies > 0, "no cookie was asked for under {sent} initiations: {}", told(&seen));
    let proven = seen.iter().any(|one| (one.from, one.kind) == (initiator, 1) && one.has_mac2);
    ensure!(proven, "the cookie was not used: {}", told(&seen));
    if called == Side::Ours {
        let challenged = world.ours.dropped(COOKIE_SENT)?;
        ensure!(challenged > 0, "our end counts no initiation that it asked a cookie for");
    }
    let words = format!("{cookies} cookies, up after {took:.1?} beside {sent} initiations");
    Ok(Evidence { words, cookies: cookies as u64, ..Evidence::default() })
}

/// Kinds and directions, data left out.
fn told(seen: &[Seen]) -> String {
    let handshake = seen.iter().filter(|one| one.kind != 4);
    let words: Vec<String> = handshake.map(|one| format!("{} {}", one.from, one.kind)).collect();
    words.join(", ")
}
