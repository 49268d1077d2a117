//! Peers of the next and of the last version: fields and messages that this version does not know.

use crate::world::{World, agent_config, control_config, framed, message};
use netloom_base::{Seed, Time};
use netloom_cbor::{Encode, Encoder};
use netloom_control_protocol::message::Message;
use netloom_control_protocol::{
    AgentEvent, AgentSession, ControlEvent, ControlSession, End, Failure, FailureCode, ResourceSet,
    VERSION_MAX, VERSION_MIN, Versions,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A frame's message with a field added behind those that it has.
fn with_field(frame: &[u8], key: i64, value: &impl Encode) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.integer(key);
    encoder.value(value);
    let body = [&frame[4..], encoder.as_bytes()].concat();
    assert!((0xa0..0xb7).contains(&body[0]), "a map of few pairs");
    framed(&[&[body[0] + 1], &body[1..]].concat())
}

/// A message of a type that this version does not know.
fn unknown(number: i64) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.record(|record| {
        record.field(0, &number);
        record.field(1, &"something new".to_owned());
        record.field(-1, &vec![1u8, 2]);
    });
    framed(encoder.as_bytes())
}

fn sessions(agent: Versions, control: Versions) -> (AgentSession, ControlSession, World) {
    let mut configs = (agent_config(), control_config());
    (configs.0.versions, configs.1.versions) = (agent, control);
    let world = World::new(1, ResourceSet::new());
    let seeds = [1, 2].map(Seed::from_number);
    let agent = AgentSession::new(configs.0, ResourceSet::new(), 0, seeds[0], Time::ZERO);
    (agent, ControlSession::new(configs.1, seeds[1], Time::ZERO), world)
}

/// Exchanges the greetings, each changed as the peer of another version would have it, and gives
/// what control has to say about it.
fn greet(
    (agent, control, world): &mut (AgentSession, ControlSession, World),
    change_hello: impl Fn(&[u8]) -> Vec<u8>,
    change_welcome: impl Fn(&[u8]) -> Vec<u8>,
) -> Option<ControlEvent> {
    control.handle_input(Time::ZERO, &change_hello(&agent.poll_transmit().unwrap()));
    let event = control.poll_event();
    if let Some(ControlEvent::Hello(_)) = event {
        control.accept(Time::ZERO, 0, &world.feed).unwrap();
    }
    while let Some(frame) = control.poll_transmit() {
        let is_welcome = matches!(message(&frame), Message::Welcome(_));
        let frame = if is_welcome { change_welcome(&frame) } else { frame };
        agent.handle_input(Time::ZERO, &frame);
    }
    event
}

fn version(agent: &mut AgentSession) -> Option<u64> {
    match agent.poll_event() {
        Some(AgentEvent::Welcomed(welcome)) => Some(welcome.version),
        _ => None,
    }
}

fn same(frame: &[u8]) -> Vec<u8> {
    frame.to_vec()
}

#[test]
fn the_next_and_the_last_version_are_understood() {
    let (last, both, next) =
        (Versions { min: 1, max: 1 }, Versions { min: 1, max: 2 }, Versions { min: 2, max: 3 });
    for (agent, control, expected) in [
        (last, last, 1),
        (both, last, 1),
        (last, both, 1),
        (both, both, 2),
        (both, next, 2),
        (next, both, 2),
        (Versions::OURS, Versions { min: VERSION_MIN, max: VERSION_MAX + 1 }, VERSION_MAX),
        (Versions { min: VERSION_MIN, max: VERSION_MAX + 1 }, Versions::OURS, VERSION_MAX),
    ] {
        let mut ends = sessions(agent, control);
        greet(&mut ends, same, same);
        assert_eq!(version(&mut ends.0), Some(expected), "{agent} and {control}");
    }
}

#[test]
fn without_a_version_in_common_both_ends_are_told_both_ranges() {
    let (old, new) = (Versions { min: 1, max: 1 }, Versions { min: 2, max: 3 });
    for (agent, control, solution) in [(old, new, "the node"), (new, old, "control")] {
        let mut ends = sessions(agent, control);
        let event = greet(&mut ends, same, same);
        let Some(ControlEvent::Ended(End::Failed(failure))) = event else { panic!("{event:?}") };
        assert_eq!(failure.code, FailureCode::VERSION);
        for range in ["version 1", "versions 2 to 3"] {
            assert!(failure.text.contains(range), "{failure}");
        }
        assert!(failure.solution.contains(solution), "{failure}");
        assert_eq!(ends.0.poll_event(), Some(AgentEvent::Ended(End::Refused(failure))));
    }
}

#[test]
fn a_welcome_to_a_version_that_was_not_offered_is_refused() {
    let mut ends = sessions(Versions { min: 2, max: 2 }, Versions { min: 2, max: 2 });
    ends.0 = sessions(Versions::OURS, Versions::OURS).0;
    let hello = sessions(Versions { min: 1, max: 2 }, Versions::OURS).0.poll_transmit().unwrap();
    greet(&mut ends, |_| hello.clone(), same);
    let Some(AgentEvent::Ended(End::Failed(failure))) = ends.0.poll_event() else { panic!() };
    assert_eq!(failure.code, FailureCode::VERSION);
    assert!(failure.text.contains("version 2") && failure.text.contains("version 1"), "{failure}");
}

#[test]
fn greetings_of_the_next_version_with_new_fields_are_read() {
    let mut ends = sessions(Versions { min: 1, max: 2 }, Versions { min: 1, max: 2 });
    greet(
        &mut ends,
        |hello| with_field(&with_field(hello, 9, &"zone".to_owned()), 100, &vec![1u8]),
        |welcome| with_field(welcome, 5, &7u8),
    );
    assert_eq!(version(&mut ends.0), Some(2));
}

#[test]
fn fields_that_must_be_known_end_the_session() {
    let mut ends = sessions(Versions::OURS, Versions::OURS);
    let event = greet(&mut ends, |hello| with_field(hello, -5, &true), same);
    let Some(ControlEvent::Ended(End::Failed(failure))) = event else { panic!("{event:?}") };
    assert_eq!(failure.code, FailureCode::UNKNOWN);
    assert!(failure.text.contains("the critical key -5 is unknown"), "{failure}");
}

#[test]
fn the_whole_session_with_a_peer_of_the_next_version() {
    // Every frame of either end gets a field, and messages of unknown types stand between them.
    let mut world = World::new(1, [crate::world::resource("a", b"1")].into_iter().collect());
    let mut expected = 0;
    for round in 0..20u8 {
        while let Some(event) = world.control.poll_event() {
            if matches!(event, ControlEvent::Hello(_)) {
                world.control.accept(world.now, 0, &world.feed).unwrap();
            }
            world.control.publish(world.now, &world.feed);
        }
        while let Some(event) = world.agent.poll_event() {
            if let AgentEvent::Delta(delta) = event {
                world.agent.acknowledge(world.now, delta.sequence, vec![]).unwrap();
            }
        }
        if round % 4 == 3 && round < 16 {
            world.apply(crate::world::upsert("b", &[round]));
        }
        while let Some(frame) = world.agent.poll_transmit() {
            world.control.handle_input(world.now, &unknown(3 + i64::from(round)));
            world.control.handle_input(world.now, &with_field(&frame, 77, &round));
            expected += 1;
        }
        while let Some(frame) = world.control.poll_transmit() {
            world.agent.handle_input(world.now, &unknown(1_000));
            world.agent.handle_input(world.now, &with_field(&frame, 77, &round));
            expected += 1;
        }
    }
    assert!(world.has_converged());
    let skipped = [world.agent.counters(), world.control.counters()];
    assert_eq!(skipped[0].skipped_messages + skipped[1].skipped_messages, expected);
    assert!(expected > 10);
}

#[test]
fn a_message_that_must_be_known_ends_the_session() {
    let mut world = World::new(1, ResourceSet::new());
    world.run(SECOND);
    world.agent.handle_input(world.now, &unknown(-9));
    world.run(SECOND);
    let Some(AgentEvent::Ended(End::Failed(Failure { code, text, .. }))) =
        world.agent_events.last()
    else {
        panic!()
    };
    assert_eq!(*code, FailureCode::UNKNOWN);
    assert!(text.contains("type -9"), "{text}");
    let is_told = |event: &ControlEvent| matches!(event, ControlEvent::Ended(End::Refused(_)));
    assert!(world.control_events.last().is_some_and(is_told));
}
