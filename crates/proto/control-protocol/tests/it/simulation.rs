//! Random changes, cuts, tampering, slow agents and broken streams: in the end both hold the same.

use crate::world::{World, key, resource};
use netloom_cbor::{Encoder, from_bytes};
use netloom_control_protocol::message::{DeltaPart, Message};
use netloom_control_protocol::{
    Changes, ControlEvent, Digest, End, FailureCode, Resource, ResourceSet,
};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use std::sync::Arc;
use std::time::Duration;

fn below(rng: &mut ChaCha20Rng, bound: u32) -> u32 {
    rng.next_u32() % bound
}

/// Changes of a few of twelve names, some of which change nothing.
fn random_changes(rng: &mut ChaCha20Rng) -> Changes {
    let mut changes = Changes::default();
    for number in 0..12 {
        match below(rng, 8) {
            0 => {
                let payload = vec![below(rng, 3) as u8; below(rng, 100) as usize * 50];
                changes.upserts.push(resource(&format!("r{number}"), &payload));
            }
            1 => changes.removals.push(key(&format!("r{number}"))),
            _ => {}
        }
    }
    changes
}

/// A resource whose payload is not that of its version.
fn forged(resource: &Resource) -> Arc<Resource> {
    let mut encoder = Encoder::new();
    encoder.record(|record| {
        record.field(1, &resource.key().kind);
        record.field(2, &resource.key().name);
        record.field(3, resource.version());
        record.field(4, &netloom_cbor::Bytes([resource.payload(), b"!"].concat()));
    });
    Arc::new(from_bytes(encoder.as_bytes()).unwrap())
}

/// What an error in control could do to a delta.
fn tamper(rng: &mut ChaCha20Rng, message: &mut Message) {
    let Message::Delta(part) = message else { return };
    let DeltaPart { base, target, upserts, removals, .. } = part;
    match below(rng, 6) {
        0 if *base != Digest::of_nothing() => base.0[3] ^= 1,
        0 | 1 => target.0[31] ^= 0x80,
        2 if !upserts.is_empty() => upserts[0] = forged(&upserts[0]),
        3 if !upserts.is_empty() => drop(upserts.pop()),
        4 if !removals.is_empty() => drop(removals.pop()),
        _ => upserts.push(resource("stray", b"from another node")),
    }
}

fn random_set(rng: &mut ChaCha20Rng) -> ResourceSet {
    random_changes(rng).upserts.into_iter().collect()
}

/// What one seed does: changes, pauses, and a new session now and then.
fn life(world: &mut World, reconnects: bool) {
    for _ in 0..12 {
        let changes = random_changes(&mut world.rng);
        world.apply(changes);
        if below(&mut world.rng, 3) == 0 {
            let pause = u64::from(below(&mut world.rng, 3_000));
            world.run(Duration::from_millis(pause));
        }
        if reconnects && below(&mut world.rng, 6) == 0 {
            world.reconnect();
        }
        world.work = Duration::from_millis(u64::from(below(&mut world.rng, 500)));
    }
}

#[test]
fn both_ends_converge_over_a_stream_that_is_cut_anywhere() {
    for seed in 0..600 {
        let set = random_set(&mut netloom_base::Seed::from_number(seed + 90_000).rng());
        let mut world = World::new(seed, set);
        life(&mut world, false);
        world.run(Duration::from_secs(20));
        assert!(world.has_converged(), "seed {seed}");
        assert!(world.ends().is_empty(), "seed {seed}: {:?}", world.ends());
        assert!(world.control.sent().fulls <= 1, "seed {seed}: {:?}", world.control.sent());
    }
}

#[test]
fn both_ends_converge_over_sessions_that_break() {
    for seed in 1_000..1_500 {
        let mut world = World::new(seed, ResourceSet::new());
        life(&mut world, true);
        world.run(Duration::from_secs(20));
        assert!(world.has_converged(), "seed {seed}");
        assert!(world.ends().is_empty(), "seed {seed}: {:?}", world.ends());
    }
}

#[test]
fn what_is_tampered_with_is_found_and_mended() {
    let (mut mended, mut failures) = (0, 0);
    for seed in 2_000..2_300 {
        let mut world = World::new(seed, ResourceSet::new());
        world.tamper = Some((300, tamper));
        for _ in 0..4 {
            life(&mut world, false);
            world.run(Duration::from_secs(10));
            // Three attempts in a row may all be tampered with; nothing else ends a session.
            let is_allowed = |end: &&End| match end {
                End::Failed(failure) | End::Refused(failure) => {
                    failure.code == FailureCode::DIVERGED
                }
                End::Silent => false,
            };
            assert!(world.ends().iter().all(is_allowed), "seed {seed}: {:?}", world.ends());
            let events = world.control_events.iter();
            let asks = |event: &&ControlEvent| matches!(event, ControlEvent::ResyncAsked { .. });
            mended += events.filter(asks).count();
            if !world.ends().is_empty() {
                failures += 1;
                world.reconnect();
            }
            world.agent_events.clear();
            world.control_events.clear();
            // What the agent holds is always some state that control has wanted, never a mixture.
            assert!(world.agent.held().get(&key("stray")).is_none(), "seed {seed}");
        }
        world.tamper = None;
        world.run(Duration::from_secs(20));
        assert!(world.has_converged(), "seed {seed}");
    }
    assert!(mended > 1_000 && failures > 0, "{mended} mended, {failures} given up");
}

#[test]
fn control_that_contradicts_itself_is_given_up() {
    let mut world = World::new(7, random_set(&mut netloom_base::Seed::from_number(1).rng()));
    world.tamper = Some((1_000, tamper));
    world.run(Duration::from_secs(20));
    let ends = world.ends();
    assert_eq!(ends.len(), 2, "{ends:?}");
    for end in ends {
        let (End::Failed(failure) | End::Refused(failure)) = end else { panic!("{end:?}") };
        assert_eq!(failure.code, FailureCode::DIVERGED);
        assert!(failure.text.contains("3 attempts"), "{failure}");
    }
    assert!(world.agent.held().is_empty());
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed: u64| {
        let mut world = World::new(seed, ResourceSet::new());
        world.tamper = Some((200, tamper));
        life(&mut world, true);
        world.run(Duration::from_secs(60));
        world.trace
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}
