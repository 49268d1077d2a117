//! What a session does when all goes well, and what it costs.

use crate::world::{World, key, message, resource, upsert};
use netloom_control_protocol::message::Message;
use netloom_control_protocol::{
    AgentEvent, Call, Changes, ControlEvent, Refusal, ResourceSet, SendError, Welcome,
};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A set of `count` resources.
fn many(count: usize) -> ResourceSet {
    (0..count).map(|number| resource(&format!("r{number}"), &[7; 100])).collect()
}

#[test]
fn a_fresh_agent_gets_everything_and_then_only_what_changes() {
    let mut world = World::new(1, many(5_000));
    world.run(SECOND * 5);
    assert!(world.has_converged());
    assert_eq!((world.control.sent().fulls, world.control.sent().items), (1, 5_000));
    assert!(matches!(&world.agent_events[0], AgentEvent::Welcomed(Welcome {
        version: 1, features, time_ms: 5, revision: 1,
    }) if *features == BTreeSet::from(["both".into()])));

    let before = (world.control.sent(), world.trace.len());
    world.apply(Changes { removals: vec![key("r7")], ..upsert("r9", b"new") });
    world.run(SECOND);
    assert!(world.has_converged());
    let after = world.control.sent();
    assert_eq!((after.deltas, after.fulls), (before.0.deltas + 1, before.0.fulls));
    assert_eq!(after.items, before.0.items + 2);
    let bytes: usize = world.trace[before.1..].iter().map(|(_, _, bytes)| bytes.len()).sum();
    assert!(bytes < 1_000, "{bytes} bytes for two of 5,000 resources");
    let delta = world.deltas()[1];
    assert_eq!((delta.was_full, delta.changes.len()), (false, 2));
}

#[test]
fn a_large_delta_takes_several_parts_and_others_pass_between_them() {
    let mut world = World::new(2, many(5_000));
    let hello = world.agent.poll_transmit().unwrap();
    world.control.handle_input(world.now, &hello);
    world.control.accept(world.now, 5, &world.feed).unwrap();
    let parts = |world: &mut World, most: usize| -> Vec<Message> {
        std::iter::from_fn(|| world.control.poll_transmit())
            .take(most)
            .map(|frame| message(&frame))
            .collect()
    };
    let first = parts(&mut world, 3);
    assert!(matches!(&first[..], [Message::Welcome(_), Message::Delta(_), Message::Delta(_)]));
    let id = world.control.request(world.now, b"between".to_vec()).unwrap();
    let rest = parts(&mut world, 1_000);
    assert!(matches!(&rest[0], Message::Request(request) if request.id == id));
    assert!(rest.len() > 5, "{} parts", rest.len());
    for (index, message) in rest.iter().enumerate().skip(1) {
        let Message::Delta(part) = message else { panic!("{message:?}") };
        assert_eq!(part.seal.is_some(), index + 1 == rest.len());
    }
}

#[test]
fn a_part_has_no_more_removals_than_an_agent_takes() {
    let mut world = World::new(12, (0..10_000).map(|n| resource(&n.to_string(), b"")).collect());
    world.run(SECOND * 5);
    let removals = (0..10_000).map(|n| key(&n.to_string())).collect();
    world.apply(Changes { upserts: vec![], removals });
    let mut sizes = vec![];
    while let Some(frame) = world.control.poll_transmit() {
        let Message::Delta(part) = message(&frame) else { panic!() };
        sizes.push(part.removals.len());
        world.agent.handle_input(world.now, &frame);
    }
    assert_eq!(sizes, [4_096, 4_096, 1_808]);
    world.run(SECOND);
    assert!(world.has_converged() && world.agent.held().is_empty());
}

#[test]
fn changes_during_a_delta_become_one_delta_afterwards() {
    let mut world = World::new(3, many(10));
    world.run(SECOND);
    world.work = SECOND * 5;
    let before = world.control.sent();
    for number in 0..200u8 {
        world.apply(upsert("busy", &[number]));
        world.run(Duration::from_millis(10));
    }
    world.run(SECOND * 20);
    assert!(world.has_converged());
    let after = world.control.sent();
    assert_eq!(after.deltas - before.deltas, 2, "the first change, and all that came meanwhile");
    assert_eq!(after.items - before.items, 2);
    assert_eq!(world.deltas().len(), 3);
}

#[test]
fn a_delta_beyond_what_the_feed_remembers_becomes_everything() {
    let mut world = World::new(4, many(10));
    world.run(SECOND);
    world.work = SECOND * 5;
    for number in 0..5_000u32 {
        world.apply(upsert("busy", &number.to_be_bytes()));
    }
    world.run(SECOND * 20);
    assert!(world.has_converged());
    let sent = world.control.sent();
    assert_eq!((sent.fulls, sent.deltas), (2, 1));
    assert!(world.deltas()[2].was_full);
    assert_eq!(world.deltas()[2].changes.len(), 1, "against what is held, only one is another");
}

#[test]
fn refused_resources_are_held_and_named() {
    let mut world = World::new(5, many(3));
    world.refused_names = "bad";
    world.run(SECOND);
    world.apply(Changes {
        upserts: vec![resource("bad", b"1"), resource("good", b"1")],
        ..Changes::default()
    });
    world.run(SECOND);
    assert!(world.has_converged());
    let Some(ControlEvent::Applied { refused, more_refused: 0, revision: 2, digest }) =
        world.control_events.last()
    else {
        panic!("{:?}", world.control_events)
    };
    assert_eq!(refused, &[Refusal::new(&resource("bad", b"1"), "no")]);
    assert_eq!(*digest, world.feed.digest());
    assert!(world.agent.held().get(&key("bad")).is_some());
}

#[test]
fn of_many_refusals_the_first_are_named_and_the_rest_counted() {
    let mut world = World::new(6, many(1_000));
    world.refused_names = "r";
    world.run(SECOND * 5);
    assert!(world.has_converged());
    let applied = world.control_events.iter().find_map(|event| match event {
        ControlEvent::Applied { refused, more_refused, .. } => Some((refused.len(), *more_refused)),
        _ => None,
    });
    assert_eq!(applied, Some((512, 488)));
}

#[test]
fn after_a_reconnect_only_what_changed_meanwhile_is_sent() {
    let mut world = World::new(7, many(100));
    world.run(SECOND);
    for number in 0..5u8 {
        // The session is gone, so nothing is published; the feed goes on.
        let revision = world.feed.revision() + 1;
        world.feed.apply(revision, upsert("busy", &[number]), 0, crate::world::sign).unwrap();
    }
    world.reconnect();
    world.run(SECOND);
    assert!(world.has_converged());
    let sent = world.control.sent();
    assert_eq!((sent.deltas, sent.fulls, sent.items), (1, 0, 1));
    // Control that has forgotten, or never known, sends everything; the agent sees what differs.
    let set = world.feed.set().clone();
    let (id, node) = (crate::world::FABRIC, crate::world::NODE);
    world.feed = netloom_control_protocol::Feed::new(id, node, set, 50, 0, crate::world::sign);
    world.feed.apply(51, upsert("new", b""), 0, crate::world::sign).unwrap();
    let before = world.agent.held().clone();
    world.reconnect();
    world.run(SECOND);
    assert!(world.has_converged());
    assert_eq!(world.control.sent().deltas, 1, "the state before the last change is remembered");
    let set = world.feed.set().clone();
    world.feed = netloom_control_protocol::Feed::new(id, node, set, 52, 0, crate::world::sign);
    let (config, seed) = (crate::world::agent_config(), netloom_base::Seed::from_number(9));
    world.reconnect();
    world.agent = netloom_control_protocol::AgentSession::new(config, before, 50, seed, world.now);
    world.run(SECOND);
    assert!(world.has_converged());
    assert_eq!(world.control.sent().fulls, 1);
    let last = *world.deltas().last().unwrap();
    assert_eq!((last.was_full, last.changes.upserts.len()), (true, 1));
}

#[test]
fn an_agent_can_ask_for_everything_at_any_time() {
    let mut world = World::new(8, many(50));
    world.run(SECOND);
    world.agent.resync(world.now, "the disk is full").unwrap();
    world.run(SECOND);
    let sent = world.control.sent();
    assert_eq!((sent.fulls, sent.items), (2, 100));
    assert!(world.has_converged());
    assert!(world.control_events.iter().any(
        |event| matches!(event, ControlEvent::ResyncAsked { text, .. } if text == "the disk is full")
    ));
    // While a delta is staged: it is dropped, and cannot be acknowledged any more.
    world.work = SECOND * 3600;
    world.apply(upsert("new", b"1"));
    world.run(SECOND);
    let sequence = world.deltas().last().unwrap().sequence;
    world.agent.resync(world.now, "again").unwrap();
    let late = world.agent.acknowledge(world.now, sequence, vec![]);
    assert_eq!(late, Err(SendError::NotWaitedFor));
    world.work = Duration::ZERO;
    world.run(SECOND);
    assert!(world.has_converged());
}

#[test]
fn deltas_begun_before_control_knows_that_everything_is_wanted_are_ignored() {
    let mut world = World::new(9, many(50));
    world.run(SECOND);
    world.apply(upsert("new", b"1"));
    // The delta is on its way when the agent asks.
    let delta = world.control.poll_transmit().unwrap();
    world.agent.resync(world.now, "").unwrap();
    world.agent.handle_input(world.now, &delta);
    assert_eq!(world.agent.counters().ignored_parts, 1);
    world.run(SECOND);
    assert!(world.has_converged());
    assert!(world.ends().is_empty(), "{:?}", world.ends());
}

#[test]
fn statuses_arrive_and_only_the_newest_waits() {
    let mut world = World::new(10, many(1));
    world.run(SECOND);
    for number in 0..3u8 {
        world.agent.status(world.now, vec![number]).unwrap();
    }
    world.run(SECOND);
    assert_eq!(world.control_events.last(), Some(&ControlEvent::Status(vec![2])));
    let statuses =
        world.control_events.iter().filter(|event| matches!(event, ControlEvent::Status(_)));
    assert_eq!(statuses.count(), 1);
    let error = world.agent.status(world.now, vec![0; (256 << 10) + 1]).unwrap_err();
    assert_eq!(error, SendError::TooLong { bytes: (256 << 10) + 1, max: 256 << 10 });
}

#[test]
fn requests_are_answered_both_ways() {
    let mut world = World::new(11, many(1));
    assert_eq!(world.agent.request(world.now, vec![]), Err(SendError::NotOpen));
    world.run(SECOND);
    let ids = [b"abc", b"def"].map(|body| world.agent.request(world.now, body.to_vec()).unwrap());
    let asked = world.control.request(world.now, b"who are you?".to_vec()).unwrap();
    world.run(SECOND);
    for (id, body) in [(ids[0], b"cba"), (ids[1], b"fed")] {
        let answer = AgentEvent::Call(Call::Answered { id, body: body.to_vec() });
        assert!(world.agent_events.contains(&answer));
    }
    assert!(
        world
            .agent_events
            .contains(&AgentEvent::Call(Call::Asked { id: asked, body: b"who are you?".to_vec() }))
    );
    world.agent.respond(world.now, asked, b"a".to_vec()).unwrap();
    assert_eq!(world.agent.respond(world.now, asked, vec![]), Err(SendError::NotWaitedFor));
    world.run(SECOND);
    let answer = ControlEvent::Call(Call::Answered { id: asked, body: b"a".to_vec() });
    assert_eq!(world.control_events.last(), Some(&answer));
}
