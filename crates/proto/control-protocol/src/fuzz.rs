//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::agent::{AgentConfig, AgentEvent, AgentSession};
use crate::control::{ControlConfig, ControlEvent, ControlSession};
use crate::feed::Feed;
use crate::link::{Call, Timing};
use crate::message::Message;
use crate::resource::Resource;
use crate::set::ResourceSet;
use crate::version::Versions;
use netloom_base::{Seed, Time};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The fabric of both ends.
pub const FABRIC: [u8; 16] = [7; 16];
/// The node of both ends.
pub const NODE: &str = "a";

/// The bytes as a message's body, and as what either end of a session reads: in one piece, byte by
/// byte, and after a proper greeting.
pub fn stream(bytes: &[u8]) {
    if let Ok(message) = Message::read(bytes) {
        let written = netloom_cbor::to_bytes(&message);
        assert_eq!(Message::read(&written), Ok(message));
    }
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    let whole = [bytes];
    for pieces in [&whole[..], &pieces[..]] {
        for greeted in [false, true] {
            let (feed, mut control, mut agent) = pair();
            if greeted {
                greet(&feed, &mut control, &mut agent);
            }
            for piece in pieces {
                control.handle_input(Time::ZERO, piece);
                agent.handle_input(Time::ZERO, piece);
            }
            drain_control(&feed, &mut control);
            drain_agent(&mut agent);
        }
    }
}

fn pair() -> (Feed, ControlSession, AgentSession) {
    let set = ["x", "y"].map(|name| Resource::new(1, name, name.as_bytes()).expect("constants"));
    let set: ResourceSet = set.into_iter().map(Arc::new).collect();
    let feed = Feed::new(FABRIC, NODE, set, 1, 0, |_| [0; 64]);
    let (features, versions) = (BTreeSet::new(), Versions::OURS);
    let timing = Timing::default();
    let config = ControlConfig {
        fabric: FABRIC,
        node: NODE.into(),
        features: features.clone(),
        versions,
        timing,
    };
    let control = ControlSession::new(config, Seed::from_number(1), Time::ZERO);
    let (node, software) = (NODE.into(), "fuzz".into());
    let config = AgentConfig { fabric: FABRIC, node, software, features, versions, timing };
    let seed = Seed::from_number(2);
    let agent = AgentSession::new(config, ResourceSet::new(), 0, seed, Time::ZERO);
    (feed, control, agent)
}

fn greet(feed: &Feed, control: &mut ControlSession, agent: &mut AgentSession) {
    let hello = agent.poll_transmit().expect("an agent says hello");
    control.handle_input(Time::ZERO, &hello);
    control.accept(Time::ZERO, 0, feed).expect("the hello is proper");
    let welcome = control.poll_transmit().expect("control welcomes");
    agent.handle_input(Time::ZERO, &welcome);
    while control.poll_transmit().is_some() {}
}

fn drain_control(feed: &Feed, control: &mut ControlSession) {
    while let Some(event) = control.poll_event() {
        match event {
            ControlEvent::Hello(_) => {
                let _ = control.accept(Time::ZERO, 0, feed);
            }
            ControlEvent::Call(Call::Asked { id, body }) => {
                let _ = control.respond(Time::ZERO, id, body);
            }
            _ => {}
        }
        control.publish(Time::ZERO, feed);
    }
    while control.poll_transmit().is_some() {}
    if let Some(due) = control.poll_timeout() {
        control.handle_timeout(due);
    }
}

fn drain_agent(agent: &mut AgentSession) {
    while let Some(event) = agent.poll_event() {
        match event {
            AgentEvent::Delta(delta) => {
                let _ = agent.acknowledge(Time::ZERO, delta.sequence, Vec::new());
                assert_eq!(agent.held().digest(), delta.target);
            }
            AgentEvent::Call(Call::Asked { id, body }) => {
                let _ = agent.respond(Time::ZERO, id, body);
            }
            _ => {}
        }
    }
    while agent.poll_transmit().is_some() {}
    if let Some(due) = agent.poll_timeout() {
        agent.handle_timeout(due);
    }
}
