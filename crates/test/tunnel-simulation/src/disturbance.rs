//! What may happen to hosts and links while traffic flows.

use crate::host::{NETWORK, private_key};
use crate::link::Link;
use crate::world::World;
use netloom_base::{Seed, Time, WallTime};
use netloom_node::wireguard::limits::REKEY_AFTER_TIME;
use netloom_node::wireguard::{
    Identity, IndexTable, PresharedKey, PrivateKey, Suite, Tunnel, TunnelConfig,
};
use rand_core::RngCore as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One kind of thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// The link becomes another: worse, better, or so that it reorders.
    LinkChanges,
    /// For a while nothing comes through.
    Blackout,
    /// Somebody on the way sends again what was sent lately, from where it came or from elsewhere.
    Replay,
    /// Somebody on the way alters bits of what was sent lately, and sends it.
    Forgery,
    /// A node's wall clock steps, forward or back, by up to a year.
    ClockStep,
    /// A node is started again.
    Restart,
    /// A node is started again, and calls the others at once.
    RestartAndCall,
    /// A node is at another address and port from now on.
    Roaming,
    /// A node calls the others: their sessions are replaced.
    Rekey,
    /// One end changes the preshared key; the other follows with a later disturbance of this kind.
    PskChange,
    /// A node asks for another suite from now on.
    SuiteChange,
    /// A stranger who knows a node's key sends it initiations, which costs cookies under load.
    StrangersFlood,
    /// Bytes of no meaning, and of types that are not WireGuard's.
    Noise,
    /// Nothing happens for minutes: sessions grow old.
    Silence,
}

/// The address of somebody who is no host.
fn elsewhere(world: &mut World) -> SocketAddr {
    ([203, 0, 113, world.below(250) as u8], 1 + world.below(60_000) as u16).into()
}

impl Disturbance {
    /// Lets it happen.
    pub fn happen(self, world: &mut World, handshakes_per_second: u32) {
        world.totals.disturbances += 1;
        let host = world.below(world.hosts.len());
        match self {
            Self::LinkChanges => world.link = any_link(world),
            Self::Blackout => blackout(world),
            Self::Replay => replay(world),
            Self::Forgery => forge(world),
            Self::ClockStep => step_clock(world, host),
            Self::Restart => restart(world, host, handshakes_per_second),
            Self::RestartAndCall => {
                restart(world, host, handshakes_per_second);
                call(world, host);
            }
            Self::Roaming => roam(world, host),
            Self::Rekey => call(world, host),
            Self::PskChange => {
                let psk = [None, Some(1), Some(2)][world.below(3)];
                world.hosts[host].psk = psk;
                world.declare_all(host);
            }
            Self::SuiteChange => {
                let suites = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];
                world.hosts[host].suite = suites[world.below(2)];
                world.declare_all(host);
            }
            Self::StrangersFlood => flood(world, host),
            Self::Noise => noise(world, host),
            Self::Silence => {
                let seconds = 60 + world.below(600) as u64;
                world.pass(Duration::from_secs(seconds));
            }
        }
    }
}

fn any_link(world: &mut World) -> Link {
    Link {
        delay_ms: 1 + world.below(150) as u64,
        jitter_ms: world.below(80) as u64,
        loss_per_mille: [0, 10, 100, 400][world.below(4)],
        repeat_per_mille: [0, 50, 300][world.below(3)],
        harm_per_mille: [0, 0, 20, 200][world.below(4)],
    }
}

fn blackout(world: &mut World) {
    let before = world.link;
    world.link.loss_per_mille = 1_000;
    let end = world.now + Duration::from_secs(1 + world.below(240) as u64);
    while world.now < end {
        let (from, to) = two(world);
        world.send(from, to, 1);
        world.pass(Duration::from_millis(700));
    }
    world.link = before;
}

/// Two hosts that are not the same.
pub(crate) fn two(world: &mut World) -> (usize, usize) {
    let from = world.below(world.hosts.len());
    let step = 1 + world.below(world.hosts.len() - 1);
    (from, (from + step) % world.hosts.len())
}

fn replay(world: &mut World) {
    for _ in 0..=world.below(40) {
        let place = world.below(world.recorded.len());
        let Some((from, to, datagram)) = world.recorded.get(place).cloned() else { return };
        let from = if world.below(3) == 0 { elsewhere(world) } else { from };
        world.deliver(from, to, &datagram);
    }
}

fn forge(world: &mut World) {
    for _ in 0..=world.below(40) {
        let place = world.below(world.recorded.len());
        let Some((from, to, mut datagram)) = world.recorded.get(place).cloned() else { return };
        let from = if world.below(3) == 0 { elsewhere(world) } else { from };
        let at = world.below(datagram.len());
        datagram[at] ^= 1 << world.below(8);
        world.deliver(from, to, &datagram);
    }
}

fn step_clock(world: &mut World, host: usize) {
    let span_ns = [1, 60, 86_400, 31_536_000][world.below(4)] * 1_000_000_000_u64;
    let step = world.rng.next_u64() % span_ns;
    let clock = &mut world.hosts[host].wall_ns;
    *clock = if step.is_multiple_of(2) { *clock + step } else { clock.saturating_sub(step) };
}

fn restart(world: &mut World, host: usize, handshakes_per_second: u32) {
    let (seed, now) = (world.rng.next_u64(), world.now);
    world.add_drops(host);
    world.hosts[host].restart(seed, handshakes_per_second, now);
    world.declare_all(host);
}

fn call(world: &mut World, host: usize) {
    let now = world.now;
    for other in (0..world.hosts.len()).filter(|other| *other != host) {
        let key = world.hosts[other].key();
        world.hosts[host].node.call_peer(now, NETWORK, &key);
    }
    world.pass(Duration::ZERO);
}

/// Moves, and sends something at once, without which nobody could know.
fn roam(world: &mut World, host: usize) {
    let port = 1_024 + world.below(60_000) as u16;
    world.hosts[host].address = ([198, 51, 100, host as u8 + 1], port).into();
    for other in (0..world.hosts.len()).filter(|other| *other != host) {
        world.send(host, other, 1);
    }
    world.pass(Duration::from_secs(1));
}

fn flood(world: &mut World, host: usize) {
    let from = elsewhere(world);
    let (to, now) = (world.hosts[host].address, world.now);
    let config = TunnelConfig {
        remote: private_key(host).public(),
        preshared: PresharedKey::default(),
        suite: Suite::ChaCha20Poly1305,
        endpoint: Some(to),
        keepalive: None,
        mtu_bytes: crate::host::MTU_BYTES,
        timestamp_floor: None,
        agrees_keys: false,
        rekey_after: REKEY_AFTER_TIME,
    };
    for _ in 0..=world.below(30) {
        let seed = Seed::from_number(world.rng.next_u64());
        let identity = Arc::new(Identity::new(PrivateKey::from_seed(seed)));
        let mut indexes = IndexTable::new(seed);
        let Ok(mut tunnel) = Tunnel::new(identity, config.clone(), 0, seed, Time::ZERO) else {
            return;
        };
        tunnel.call(now);
        tunnel.handle_timeout(now, WallTime(now.0), &mut indexes);
        while let Some(transmit) = tunnel.poll_transmit() {
            world.deliver(from, to, &transmit.datagram);
        }
    }
}

fn noise(world: &mut World, host: usize) {
    let (from, to) = (elsewhere(world), world.hosts[host].address);
    for _ in 0..=world.below(40) {
        let mut bytes = vec![0; world.below(1_500)];
        world.rng.fill_bytes(&mut bytes);
        let kind = world.below(24) as u8;
        bytes.iter_mut().zip([kind, 0, 0, 0]).for_each(|(to, from)| *to = from);
        let length = [bytes.len(), 148, 92, 64, 32][world.below(5)];
        bytes.resize(length, 0);
        world.deliver(from, to, &bytes);
    }
}
