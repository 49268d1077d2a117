//! Pings, silence, greetings that never come, and requests that nobody answers.

use crate::world::{World, agent_config, control_config, frame, framed, message};
use netloom_base::{Seed, Time};
use netloom_control_protocol::limits::REQUESTS_MAX;
use netloom_control_protocol::message::{Message, Nonce};
use netloom_control_protocol::{
    AgentEvent, AgentSession, Call, ControlEvent, ControlSession, End, ResourceSet, SendError,
    Timing,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    let mut world = World::new(1, ResourceSet::new());
    world.run(SECOND);
    world
}

#[test]
fn an_idle_session_lives_on_few_pings() {
    let mut world = world();
    let before = world.trace.len();
    world.run(SECOND * 600);
    assert!(world.ends().is_empty());
    let bytes: usize = world.trace[before..].iter().map(|(_, _, bytes)| bytes.len()).sum();
    // One ping and one pong for every ten seconds and either end, at most.
    assert!((600..6_000).contains(&bytes), "{bytes}");
    assert!(world.agent.round_trip().is_some() || world.control.round_trip().is_some());
}

#[test]
fn an_end_that_says_something_needs_no_pings() {
    let mut world = world();
    for number in 0..20 {
        world.now = world.now + SECOND * 8;
        world.agent.handle_timeout(world.now);
        // So that it does not give control up.
        world.agent.handle_input(world.now, &frame(&Message::Pong(Nonce { nonce: 0 })));
        if number % 2 == 0 {
            world.agent.status(world.now, vec![number]).unwrap();
        } else {
            world.agent.request(world.now, vec![number]).unwrap();
        }
        while let Some(frame) = world.agent.poll_transmit() {
            assert!(!matches!(message(&frame), Message::Ping(_)), "{number}");
        }
    }
}

#[test]
fn an_end_that_hears_nothing_gives_the_other_up() {
    let mut world = world();
    let start = world.now;
    let mut pings = 0;
    // What control sends is lost from now on, and so is what the agent sends.
    while let Some(due) = world.control.poll_timeout() {
        world.control.handle_timeout(due);
        while let Some(frame) = world.control.poll_transmit() {
            assert!(matches!(message(&frame), Message::Ping(_)));
            pings += 1;
        }
        assert!(due <= start + SECOND * 30);
    }
    assert!((2..=3).contains(&pings), "{pings}");
    assert_eq!(world.control.poll_event(), Some(ControlEvent::Ended(End::Silent)));
    assert_eq!(world.control.poll_event(), None);
    assert_eq!(world.control.request(start, vec![]), Err(SendError::Ended));
}

#[test]
fn times_come_from_the_configuration() {
    let timing = Timing { ping_after: SECOND, dead_after: SECOND * 2, ..Timing::default() };
    let mut config = agent_config();
    config.timing = timing;
    let agent = AgentSession::new(config, ResourceSet::new(), 0, Seed::from_number(1), Time::ZERO);
    assert_eq!(agent.poll_timeout(), Some(Time::ZERO + SECOND * 2));
}

#[test]
fn the_greeting_must_come_in_time_whatever_else_comes() {
    let mut control = ControlSession::new(control_config(), Seed::from_number(1), Time::ZERO);
    let slow = framed(&[0xa1; 100]);
    for (second, byte) in slow.iter().enumerate().take(30) {
        let now = Time::from_millis(1000 * second as u64);
        control.handle_timeout(now);
        control.handle_input(now, &[*byte]);
        assert_eq!(control.poll_event(), None);
    }
    control.handle_timeout(Time::from_millis(30_000));
    assert_eq!(control.poll_event(), Some(ControlEvent::Ended(End::Silent)));
}

#[test]
fn bytes_of_a_slow_delta_count_as_a_sign_of_life() {
    let mut world = world();
    let ping = frame(&Message::Ping(Nonce { nonce: 1 }));
    for _ in 0..10 {
        world.now = world.now + SECOND * 20;
        world.agent.handle_timeout(world.now);
        world.agent.handle_input(world.now, &ping[..1]);
        world.agent.handle_input(world.now, &ping[1..]);
    }
    assert!(world.ends().is_empty());
    assert_ne!(world.agent.poll_timeout(), None);
}

#[test]
fn pings_and_pongs_do_not_pile_up_where_nothing_is_sent() {
    let mut world = world();
    let pings: Vec<u8> =
        (0..1_000).flat_map(|nonce| frame(&Message::Ping(Nonce { nonce }))).collect();
    world.agent.handle_input(world.now, &pings);
    let pong = world.agent.poll_transmit().unwrap();
    assert_eq!(message(&pong), Message::Pong(Nonce { nonce: 999 }));
    assert_eq!(world.agent.poll_transmit(), None);
}

#[test]
fn a_pong_that_was_not_asked_for_says_nothing() {
    let mut world = world();
    world.agent.handle_input(world.now, &frame(&Message::Pong(Nonce { nonce: 5 })));
    assert_eq!(world.agent.round_trip(), None);
}

#[test]
fn a_request_that_nobody_answers_is_given_up_and_its_answer_is_late() {
    let mut world = world();
    let id = world.control.request(world.now, b"slow".to_vec()).unwrap();
    world.run(SECOND * 61);
    let unanswered = ControlEvent::Call(Call::Unanswered { id });
    assert!(world.control_events.contains(&unanswered));
    assert!(world.ends().is_empty());
    world.agent.respond(world.now, id, b"at last".to_vec()).unwrap();
    world.run(SECOND);
    assert_eq!(world.control.counters().late_answers, 1);
    let answered =
        |event: &&ControlEvent| matches!(event, ControlEvent::Call(Call::Answered { .. }));
    assert_eq!(world.control_events.iter().find(answered), None);
}

#[test]
fn requests_without_answer_are_limited_at_both_ends() {
    let mut world = world();
    for _ in 0..REQUESTS_MAX {
        world.control.request(world.now, vec![]).unwrap();
    }
    assert_eq!(world.control.request(world.now, vec![]), Err(SendError::TooMany));
    world.run(SECOND);
    // Those that are given up still count, since the agent may be at work on them.
    world.run(SECOND * 100);
    assert_eq!(world.control.request(world.now, vec![]), Err(SendError::TooMany));
    let asked = world.agent_events.iter().find_map(|event| match event {
        AgentEvent::Call(Call::Asked { id, .. }) => Some(*id),
        _ => None,
    });
    world.agent.respond(world.now, asked.unwrap(), vec![]).unwrap();
    world.run(SECOND);
    assert!(world.control.request(world.now, vec![]).is_ok());
    assert!(world.ends().is_empty());
}
