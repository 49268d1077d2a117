//! Two nodes and what the paper promises them, on virtual time.

use crate::world::{Link, NETWORK, World};
use netloom_node::wireguard::{Role, TunnelEvent};

#[test]
fn the_first_packet_makes_a_session_and_arrives() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..3);
    world.run_secs(1);
    assert_eq!(world.numbers(1), [0, 1, 2]);
    assert!(world.has_event(0, &TunnelEvent::HandshakeCompleted { started_by: Role::Initiator }));
    assert!(world.has_event(1, &TunnelEvent::HandshakeCompleted { started_by: Role::Responder }));
    world.send(1, 0, 10..13);
    world.run_secs(1);
    assert_eq!(world.numbers(0), [10, 11, 12]);
    assert_eq!(world.hosts[0].received[0].0, NETWORK);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut world = World::pair(seed);
        world.link = Link::BAD;
        for round in 0..50 {
            world.send(0, 1, round * 10..round * 10 + 10);
            world.send(1, 0, round * 10..round * 10 + 5);
            world.run_secs(7);
        }
        world.trace()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}
