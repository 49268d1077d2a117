//! Peers that lie, flood, read nothing or speak out of turn end their session, and nothing else.

use crate::world::{
    FABRIC, NODE, World, agent_config, control_config, frame, framed, key, message, resource, sign,
    upsert,
};
use netloom_base::{Seed, Time};
use netloom_control_protocol::limits::{
    DELTA_BYTES_MAX, EVENTS_MAX, FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX, REQUESTS_MAX,
};
use netloom_control_protocol::message::{
    Applied, DeltaPart, Exchange, Message, Nonce, Status, Welcome,
};
use netloom_control_protocol::{
    AgentEvent, AgentSession, ControlEvent, ControlSession, Digest, End, FabricId, Failure,
    FailureCode, ResourceSet, Seal, SendError, statement,
};
use std::collections::BTreeSet;
use std::time::Duration;

fn open() -> World {
    let mut world = World::new(1, ResourceSet::new());
    world.run(Duration::from_secs(1));
    assert!(world.has_converged());
    world
}

/// How control ends when it hears `bytes`, and that the agent is told so.
fn control_ends(world: &mut World, bytes: &[u8]) -> Failure {
    world.control.handle_input(world.now, bytes);
    world.run(Duration::from_secs(1));
    let failed = world.control_events.pop();
    let refused = world.agent_events.pop();
    let Some(ControlEvent::Ended(End::Failed(failure))) = failed else { panic!("{failed:?}") };
    assert_eq!(refused, Some(AgentEvent::Ended(End::Refused(failure.clone()))));
    failure
}

/// How the agent ends when it hears `bytes`, and that control is told so.
fn agent_ends(world: &mut World, bytes: &[u8]) -> Failure {
    world.agent.handle_input(world.now, bytes);
    world.run(Duration::from_secs(1));
    let failed = world.agent_events.pop();
    let refused = world.control_events.pop();
    let Some(AgentEvent::Ended(End::Failed(failure))) = failed else { panic!("{failed:?}") };
    assert_eq!(refused, Some(ControlEvent::Ended(End::Refused(failure.clone()))));
    failure
}

fn part(world: &World, sequence: u64) -> DeltaPart {
    let held = world.agent.held().digest();
    let signature = sign(&statement(&FABRIC, NODE, 9, &held, 0));
    DeltaPart {
        sequence,
        revision: 9,
        base: held,
        target: held,
        upserts: vec![],
        removals: vec![],
        seal: Some(Seal { time_ms: 0, signature }),
        resyncs: 0,
    }
}

#[test]
fn long_frames_and_bytes_that_are_no_message_end_the_session() {
    let long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    assert_eq!(control_ends(&mut open(), &long).code, FailureCode::LIMIT);
    assert_eq!(agent_ends(&mut open(), &long).code, FailureCode::LIMIT);
    for body in [&b""[..], b"\x80", b"\xa0", b"\xa1\x00\x61a", b"\xa1\x01\x00", b"\xa1\x00\x00\x00"]
    {
        let failure = control_ends(&mut open(), &framed(body));
        assert_eq!(failure.code, FailureCode::MALFORMED, "{body:?}: {failure}");
        assert!(failure.text.contains("at byte"), "{failure}");
        assert_eq!(agent_ends(&mut open(), &framed(body)).code, FailureCode::MALFORMED);
    }
}

#[test]
fn after_its_end_a_session_says_and_hears_nothing() {
    let mut world = open();
    world.control.fail(world.now, FailureCode::STOPPING, "control stops", "connect again");
    world.control.fail(world.now, FailureCode::INTERNAL, "again", "");
    let failure = world.control.poll_transmit().unwrap();
    assert!(
        matches!(message(&failure), Message::Failure(Failure { code, .. }) if code == FailureCode::STOPPING)
    );
    world.control.handle_input(world.now, &frame(&Message::Ping(Nonce { nonce: 1 })));
    world.control.publish(world.now, &world.feed);
    assert_eq!(world.control.poll_transmit(), None);
    assert_eq!(world.control.poll_timeout(), None);
    assert_eq!(world.control.respond(world.now, 1, vec![]), Err(SendError::Ended));
    world.agent.handle_input(world.now, &failure);
    assert_eq!(world.agent.poll_transmit(), None);
    assert_eq!(world.agent.status(world.now, vec![]), Err(SendError::Ended));
    assert_eq!(world.agent.acknowledge(world.now, 1, vec![]), Err(SendError::Ended));
}

#[test]
fn messages_out_of_turn_end_the_session() {
    let welcome = Message::Welcome(Welcome {
        version: 1,
        features: BTreeSet::new(),
        time_ms: 0,
        revision: 0,
    });
    let applied = |sequence| {
        let digest = Digest::of_nothing();
        Message::Applied(Applied { sequence, digest, refused: vec![], more_refused: None })
    };
    let mut world = open();
    let hello =
        AgentSession::new(agent_config(), ResourceSet::new(), 0, Seed::from_number(1), Time::ZERO)
            .poll_transmit()
            .unwrap();
    for bytes in [frame(&welcome), frame(&applied(1)), frame(&applied(7)), hello.clone()] {
        assert_eq!(control_ends(&mut open(), &bytes).code, FailureCode::UNEXPECTED);
    }
    let delta = frame(&Message::Delta(part(&world, 1)));
    assert_eq!(control_ends(&mut world, &delta).code, FailureCode::UNEXPECTED);
    for bytes in [frame(&welcome), frame(&applied(1)), hello] {
        assert_eq!(agent_ends(&mut open(), &bytes).code, FailureCode::UNEXPECTED);
    }

    // Before the greeting, nothing but it.
    let now = Time::ZERO;
    let mut control = ControlSession::new(control_config(), Seed::from_number(1), now);
    control.handle_input(now, &frame(&Message::Ping(Nonce { nonce: 1 })));
    let event = control.poll_event();
    assert!(
        matches!(event, Some(ControlEvent::Ended(End::Failed(f))) if f.code == FailureCode::UNEXPECTED)
    );
    let mut agent =
        AgentSession::new(agent_config(), ResourceSet::new(), 0, Seed::from_number(1), now);
    agent.handle_input(now, &delta);
    let event = agent.poll_event();
    assert!(
        matches!(event, Some(AgentEvent::Ended(End::Failed(f))) if f.code == FailureCode::UNEXPECTED)
    );
}

#[test]
fn a_delta_is_acknowledged_once_and_only_when_all_of_it_was_sent() {
    let mut world = open();
    let upserts: Vec<_> =
        (0..2_000).map(|number| resource(&number.to_string(), &[0; 200])).collect();
    world.apply(netloom_control_protocol::Changes { upserts, removals: vec![] });
    let first = world.control.poll_transmit().unwrap();
    let Message::Delta(part) = message(&first) else { panic!() };
    let applied = Message::Applied(Applied {
        sequence: part.sequence,
        digest: part.target,
        refused: vec![],
        more_refused: None,
    });
    assert_eq!(control_ends(&mut world, &frame(&applied)).code, FailureCode::UNEXPECTED);
}

#[test]
fn an_agent_that_holds_something_else_gets_everything() {
    let mut world = open();
    world.apply(upsert("a", b"1"));
    while let Some(bytes) = world.control.poll_transmit() {
        world.agent.handle_input(world.now, &bytes);
    }
    let Some(AgentEvent::Delta(delta)) = world.agent.poll_event() else { panic!() };
    let lie = Message::Applied(Applied {
        sequence: delta.sequence,
        digest: Digest([1; 32]),
        refused: vec![],
        more_refused: None,
    });
    world.agent.acknowledge(world.now, delta.sequence, vec![]).unwrap();
    while world.agent.poll_transmit().is_some() {}
    world.control.handle_input(world.now, &frame(&lie));
    world.run(Duration::from_secs(1));
    assert!(world.has_converged());
    assert_eq!(world.control.sent().fulls, 1);
    assert!(world.ends().is_empty());
}

#[test]
fn parts_that_contradict_each_other_end_the_session() {
    let changes: [fn(&mut DeltaPart); 3] =
        [|part| part.revision += 1, |part| part.base.0[0] ^= 1, |part| part.target.0[0] ^= 1];
    for change in changes {
        let mut world = open();
        let mut first = part(&world, 5);
        first.seal = None;
        let mut second = part(&world, 5);
        change(&mut second);
        let bytes = [frame(&Message::Delta(first)), frame(&Message::Delta(second))].concat();
        assert_eq!(agent_ends(&mut world, &bytes).code, FailureCode::MALFORMED);
    }
}

#[test]
fn deltas_come_in_their_order_and_one_at_a_time() {
    let mut world = open();
    let twice = [5, 6].map(|sequence| frame(&Message::Delta(part(&world, sequence)))).concat();
    assert_eq!(agent_ends(&mut world, &twice).code, FailureCode::UNEXPECTED);
    for (sequence, resyncs) in [(0, 0), (5, 1)] {
        let mut world = open();
        let mut late = part(&world, sequence);
        late.resyncs = resyncs;
        let failure = agent_ends(&mut world, &frame(&Message::Delta(late)));
        assert_eq!(failure.code, FailureCode::UNEXPECTED);
    }
}

#[test]
fn a_delta_that_never_ends_is_given_up() {
    let mut world = open();
    let mut large = part(&world, 5);
    large.seal = None;
    large.upserts = vec![resource("large", &vec![0; PAYLOAD_BYTES_MAX])];
    let bytes = frame(&Message::Delta(large));
    let parts = DELTA_BYTES_MAX / PAYLOAD_BYTES_MAX;
    for _ in 0..parts - 1 {
        world.agent.handle_input(world.now, &bytes);
    }
    assert_eq!(world.agent.poll_event(), None);
    assert_eq!(agent_ends(&mut world, &bytes).code, FailureCode::LIMIT);
    assert_eq!(world.agent.held().get(&key("large")), None);
}

#[test]
fn floods_of_events_and_requests_end_the_session() {
    let status = frame(&Message::Status(Status { body: vec![1].into() }));
    let mut world = open();
    world.control.handle_input(world.now, &status.repeat(EVENTS_MAX));
    assert!(!matches!(world.control.poll_event(), Some(ControlEvent::Ended(_))));
    assert_eq!(control_ends(&mut world, &status.repeat(EVENTS_MAX + 1)).code, FailureCode::LIMIT);

    let request = |id| frame(&Message::Request(Exchange { id, body: vec![].into() }));
    let many: Vec<u8> = (0..=u32::try_from(REQUESTS_MAX).unwrap()).flat_map(request).collect();
    assert_eq!(agent_ends(&mut open(), &many).code, FailureCode::LIMIT);
    let twice = [request(1), request(1)].concat();
    assert_eq!(agent_ends(&mut open(), &twice).code, FailureCode::LIMIT);
}

#[test]
fn an_end_that_reads_nothing_is_given_up() {
    let mut world = open();
    let mut failure = None;
    // Each request is answered with as much as an answer may hold, and none of it is read.
    for id in 0..1_000 {
        let request = frame(&Message::Request(Exchange { id, body: vec![].into() }));
        world.control.handle_input(world.now, &request);
        while let Some(event) = world.control.poll_event() {
            if let ControlEvent::Ended(End::Failed(end)) = event {
                failure = Some((id, end));
            }
        }
        if failure.is_some() {
            break;
        }
        world.control.respond(world.now, id, vec![0; 256 << 10]).unwrap();
    }
    let (id, failure) = failure.unwrap();
    assert_eq!(failure.code, FailureCode::LIMIT);
    assert!(failure.text.contains("does not read"), "{failure}");
    assert!((180..200).contains(&id), "48 MiB of answers of 256 KiB: {id}");
    let last: Vec<Vec<u8>> = std::iter::from_fn(|| world.control.poll_transmit()).collect();
    assert_eq!(last.len(), 1, "only the failure is still sent");
}

#[test]
fn a_node_of_another_fabric_or_name_gets_nothing() {
    let cases: [(FabricId, &str, FailureCode, &str); 2] = [
        ([8; 16], "a", FailureCode::FABRIC, "another fabric"),
        ([7; 16], "b", FailureCode::NAME, "has proven \"a\""),
    ];
    for (fabric, node, code, text) in cases {
        let now = Time::ZERO;
        let mut config = agent_config();
        (config.fabric, config.node) = (fabric, node.into());
        let mut agent = AgentSession::new(config, ResourceSet::new(), 0, Seed::from_number(1), now);
        let mut control = ControlSession::new(control_config(), Seed::from_number(2), now);
        control.handle_input(now, &agent.poll_transmit().unwrap());
        let Some(ControlEvent::Ended(End::Failed(failure))) = control.poll_event() else {
            panic!()
        };
        assert_eq!(failure.code, code);
        assert!(failure.text.contains(text) && !failure.solution.is_empty(), "{failure}");
        let feed = netloom_control_protocol::Feed::new(
            FABRIC,
            "a",
            [resource("secret", b"")].into_iter().collect(),
            1,
            0,
            sign,
        );
        assert_eq!(control.accept(now, 0, &feed), Err(SendError::Ended));
        agent.handle_input(now, &control.poll_transmit().unwrap());
        assert_eq!(control.poll_transmit(), None);
        assert_eq!(agent.poll_event(), Some(AgentEvent::Ended(End::Refused(failure))));
    }
}

#[test]
fn nothing_is_sent_before_the_hello_is_accepted() {
    let now = Time::ZERO;
    let mut control = ControlSession::new(control_config(), Seed::from_number(2), now);
    let feed = World::new(1, [resource("secret", b"")].into_iter().collect()).feed;
    assert_eq!(control.accept(now, 0, &feed), Err(SendError::NotWaitedFor));
    control.publish(now, &feed);
    assert_eq!(control.poll_transmit(), None);
    let mut agent =
        AgentSession::new(agent_config(), ResourceSet::new(), 0, Seed::from_number(1), now);
    control.handle_input(now, &agent.poll_transmit().unwrap());
    control.publish(now, &feed);
    assert_eq!(control.poll_transmit(), None);
    control.fail(now, FailureCode::UNDECLARED, "the node is not declared", "declare it");
    let said = control.poll_transmit().unwrap();
    assert!(matches!(message(&said), Message::Failure(_)));
}
